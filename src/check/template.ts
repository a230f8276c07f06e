import {
  type Controller,
  eventHazards,
  type Hazard,
  type Inventory,
  launchHazards,
  sourceHazards,
} from '../aap/index.ts'
import type { VerbConfig } from '../config/index.ts'
import { failure, type Finding } from './finding.ts'

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

/** The template of one verb is safe to launch for the bridge. */
export async function* checkTemplate(
  controller: Controller,
  verb: string,
  { template: name, organization }: VerbConfig,
  where: Where,
): AsyncIterable<Finding> {
  const what = `job template "${name}" (${verb})`
  try {
    const template = await controller.findTemplate(name, organization || where.organization)
    const hazards = launchHazards(template, where.inventory, VARIABLES)
    yield* findings(what, hazards, 'prompts for limit, variables and skip tags')
  } catch (error) {
    yield failure(what, error)
  }
}

/**
 * The template of one verb is safe to launch for a rulebook, and its jobs find guests that have just come: whatever inventory it has is
 * filled before each job, and with nothing but the fleet.
 */
export async function* checkRulebookTemplate(
  controller: Controller,
  verb: string,
  { template: name, organization }: VerbConfig,
  where: Where,
): AsyncIterable<Finding> {
  const what = `job template "${name}" (${verb})`
  try {
    const template = await controller.findTemplate(name, organization || where.organization)
    const inventory = template.inventory ?? where.inventory
    const sources = template.inventory === null ? null : await controller.inventorySources(template.inventory)
    const hazards = [
      ...launchHazards(template, inventory, VARIABLES).filter(({ code }) => !BRIDGE_ALONE.has(code)),
      ...(sources === null ? [] : eventHazards(inventory, sources)),
    ]
    yield* findings(what, hazards, 'prompts for limit and variables; a rulebook launches it, virtbridge watches')
    for (const source of sources?.filter(({ updateOnLaunch }) => updateOnLaunch) ?? []) {
      const wrong = sourceHazards(source).filter(({ code }) => !ON_LAUNCH.has(code))
      yield* findings(`inventory source "${source.name}" (${verb})`, wrong, `last update: ${source.status}`)
    }
  } catch (error) {
    yield failure(what, error)
  }
}

function* findings(what: string, hazards: readonly Hazard[], well: string): Iterable<Finding> {
  if (hazards.length === 0) yield { what, result: 'ok', detail: well, hint: '' }
  for (const { severity, message, mend } of hazards)
    yield { what, result: severity === 'stop' ? 'fail' : 'warn', detail: message, hint: mend }
}
