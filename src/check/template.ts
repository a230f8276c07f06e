import {
  type Controller,
  eventHazards,
  type Inventory,
  launchHazards,
  sourceHazards,
  type Template,
} from '../aap/index.ts'
import type { VerbConfig } from '../config/index.ts'
import { failure, type Finding, hazardFindings } from './finding.ts'

/** What every launch carries. */
const VARIABLES = ['virtbridge_run_id', 'virtbridge_expected_count', 'virtbridge_verb']
/** What the bridge needs of a template, and a rulebook does not: its launches have no marker, and another account starts them. */
const BRIDGE_ALONE = new Set(['no_ask_skip_tags', 'not_permitted'])
/** What is wrong with a source that the bridge updates, and right with one whose jobs wait for an update each. */
const ON_LAUNCH = new Set(['update_on_launch', 'no_update_right'])

interface Where {
  readonly inventory: Inventory
  readonly organization: string
}

/** The template of one verb is safe to launch, for the bridge or for the rulebook that does. */
export async function* checkTemplate(
  controller: Controller,
  verb: string,
  { template: name, organization, driver }: VerbConfig,
  where: Where,
): AsyncIterable<Finding> {
  const what = `job template "${name}" (${verb})`
  try {
    const template = await controller.findTemplate(name, organization || where.organization)
    if (driver === 'eda') yield* ofRulebook(controller, { what, verb, template }, where)
    else
      yield* hazardFindings(
        what,
        launchHazards(template, where.inventory, VARIABLES),
        'prompts for limit, variables and skip tags',
      )
  } catch (error) {
    yield failure(what, error)
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
