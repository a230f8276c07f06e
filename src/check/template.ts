import {
  type Controller,
  ControllerError,
  eventHazards,
  type Hazard,
  type Inventory,
  launchHazards,
  sourceHazards,
  type Template,
} from '../aap/index.ts'
import type { VerbConfig } from '../config/index.ts'
import { templateOf } from '../config/verb-schema.ts'
import { failure, type Finding, hazardFindings } from './finding.ts'

/** What every launch carries. */
const VARIABLES = ['virtbridge_run_id', 'virtbridge_expected_count', 'virtbridge_verb']
/** What that of a step carries beside it. */
const STEP = 'virtbridge_step'
/** What the bridge needs of a template, and a rulebook does not: its launches have no marker, and another account starts them. */
const BRIDGE_ALONE = new Set(['no_ask_skip_tags', 'not_permitted'])
/** What is wrong with a source that the bridge updates, and right with one whose jobs wait for an update each. */
const ON_LAUNCH = new Set(['update_on_launch', 'no_update_right'])

/** How a launch by hand could reach more hosts, or others, than whoever launched it meant. */
const FOR_PEOPLE = new Set([
  'no_ask_limit',
  'default_limit',
  'sliced',
  'other_inventory',
  'other_host',
  'own_variables',
])

interface Where {
  readonly inventory: Inventory
  readonly organization: string
}

/** The template of one verb, or of each of its steps, is safe to launch, for the bridge or for the rulebook that does. */
export async function* checkTemplate(
  controller: Controller,
  verb: string,
  how: VerbConfig,
  where: Where,
): AsyncIterable<Finding> {
  const { steps, template } = how
  const launched = steps ?? [{ name: '', template }]
  for (const { name, template } of launched)
    yield* checkOne(controller, { verb, step: name, name: template }, how, where)
}

/** One template that is launched, for the whole verb or for a step of it. */
async function* checkOne(
  controller: Controller,
  { verb, step, name }: { readonly verb: string; readonly step: string; readonly name: string },
  { organization, driver }: VerbConfig,
  where: Where,
): AsyncIterable<Finding> {
  const what = `job template "${name}" (${verb}${step === '' ? '' : `, step ${step}`})`
  const variables = step === '' ? VARIABLES : [...VARIABLES, STEP]
  try {
    const template = await controller.findTemplate(name, organization || where.organization)
    if (driver === 'eda') yield* ofRulebook(controller, { what, verb, template }, where)
    else {
      const hazards = launchHazards(template, where.inventory, variables)
      yield* hazardFindings(what, hazards, 'prompts for limit, variables and skip tags')
      yield* ofDryRuns(what, launchHazards(template, where.inventory, variables, true))
    }
  } catch (error) {
    yield failure(what, error)
  }
}

/** Who wants no dry runs need not prompt for the job type, so this is no fault. */
function* ofDryRuns(what: string, hazards: readonly Hazard[]): Iterable<Finding> {
  for (const { mend } of hazards.filter(({ code }) => code === 'no_ask_job_type'))
    yield {
      what,
      result: 'ok',
      detail: 'does not prompt for the job type: dry runs of it are refused',
      hint: `for dry runs, ${mend}`,
    }
}

/** Its jobs find guests that have just come: whatever inventory it has is filled before each job, and with nothing but the fleet. */
async function* ofRulebook(
  controller: Controller,
  { what, verb, template }: { readonly what: string; readonly verb: string; readonly template: Template },
  where: Where,
): AsyncIterable<Finding> {
  const inventory = template.inventory ?? where.inventory
  const sources = template.inventory === null ? null : await controller.inventorySources(template.inventory)
  const hazards = [
    ...launchHazards(template, inventory, VARIABLES).filter(({ code }) => !BRIDGE_ALONE.has(code)),
    ...(sources === null ? [] : eventHazards(inventory, sources)),
  ]
  yield* hazardFindings(what, hazards, 'prompts for limit and variables; a rulebook launches it, virtbridge watches')
  for (const source of sources?.filter(({ updateOnLaunch }) => updateOnLaunch) ?? []) {
    const wrong = sourceHazards(source).filter(({ code }) => !ON_LAUNCH.has(code))
    yield* hazardFindings(`inventory source "${source.name}" (${verb})`, wrong, `last update: ${source.status}`)
  }
}

/**
 * The templates that do the same for people: `also`, and the one for breaking the glass, where there is one. Nothing of the bridge stands
 * between them and the fleet, so what is wrong with them is told; it stops no launch of ours.
 */
export async function* checkOthers(
  controller: Controller,
  verb: string,
  { also, organization }: Pick<VerbConfig, 'also' | 'organization'>,
  where: Where,
): AsyncIterable<Finding> {
  const glass = templateOf(verb).replace(/^Day2 /, 'Break glass ')
  for (const name of [...also, glass]) {
    const what = `job template "${name}" (${verb}, for people)`
    try {
      const template = await controller.findTemplate(name, organization || where.organization)
      const hazards = launchHazards(template, where.inventory, [])
        .filter(({ code }) => FOR_PEOPLE.has(code))
        .map(hazard => ({ ...hazard, severity: 'warn' as const }))
      yield* hazardFindings(what, hazards, 'prompts for a limit, and runs nowhere without one')
    } catch (error) {
      const isMissing = error instanceof ControllerError && error.kind === 'not_found'
      if (isMissing && name === glass) continue
      yield { ...failure(what, error), result: isMissing ? 'warn' : 'fail' }
    }
  }
}
