import { type Controller, EXPIRY_WARNING_MS, launchHazards, sourceHazards } from '../aap/index.ts'
import type { Config, ControllerConfig } from '../config/index.ts'
import { connectController } from '../dispatch.ts'
import { failure, type Finding } from './finding.ts'

interface Options {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
}

/** What every launch carries. */
const VARIABLES = ['virtbridge_run_id', 'virtbridge_expected_count', 'virtbridge_verb']

/** The controller answers, its token is good, and everything that is launched there is safe to launch. */
export async function* checkController(settings: ControllerConfig, options: Options): AsyncIterable<Finding> {
  const what = `controller ${settings.url}`
  try {
    await using controller = connectController(settings, options.env)
    const { base, version } = await controller.discover()
    yield { what, result: 'ok', detail: `version ${version} at ${base}`, hint: '' }
    yield await checkExpiry(controller, options.now())
    yield* checkObjects(controller, settings, options.config)
  } catch (error) {
    yield failure(what, error)
  }
}

async function checkExpiry(controller: Controller, now: number): Promise<Finding> {
  const what = 'controller token'
  const found = await controller.tokenExpiry()
  if (found === 'unknown')
    return {
      what,
      result: 'warn',
      detail: 'valid; until when can not be told',
      hint: 'the controller does not show it to this account',
    }
  if (found.scope === 'read')
    return { what, result: 'fail', detail: 'valid, but may only read', hint: 'make one with write scope' }
  if (found.expires === null) return { what, result: 'ok', detail: 'valid, never expires', hint: '' }
  const days = Math.floor((found.expires.getTime() - now) / 86_400_000)
  const soon = found.expires.getTime() - now < EXPIRY_WARNING_MS
  return {
    what,
    result: soon ? 'warn' : 'ok',
    detail: `valid until ${found.expires.toISOString().slice(0, 10)} (${days} days)`,
    hint: soon ? 'make a new one; a changed token file counts at once' : '',
  }
}

async function* checkObjects(
  controller: Controller,
  settings: ControllerConfig,
  config: Config,
): AsyncIterable<Finding> {
  const inventory = await controller.findInventory(settings.inventory, settings.organization)
  yield { what: `inventory "${inventory.name}"`, result: 'ok', detail: `id ${inventory.id}`, hint: '' }
  const { jobs } = await controller.jobsOn(inventory, null)
  yield {
    what: 'jobs of others',
    result: 'ok',
    detail: `${jobs.length} run there now that this account may read; of templates that it may not, none is seen`,
    hint: '',
  }
  const source = await controller.findInventorySource(settings.inventory_source, inventory)
  const wrong = sourceHazards(source)
  if (wrong.length === 0)
    yield { what: `inventory source "${source.name}"`, result: 'ok', detail: `last update: ${source.status}`, hint: '' }
  for (const hazard of wrong)
    yield {
      what: `inventory source "${source.name}"`,
      result: hazard.severity === 'stop' ? 'fail' : 'warn',
      detail: hazard.message,
      hint: hazard.mend,
    }
  for (const [verb, { template: name, driver }] of Object.entries(config.verbs)) {
    if (driver !== 'bridge') {
      yield {
        what: `verb ${verb}`,
        result: 'ok',
        detail: `its driver is ${driver}: virtbridge launches nothing`,
        hint: '',
      }
      continue
    }
    const what = `job template "${name}" (${verb})`
    try {
      const hazards = launchHazards(await controller.findTemplate(name, settings.organization), inventory, VARIABLES)
      if (hazards.length === 0)
        yield { what, result: 'ok', detail: 'prompts for limit, variables and skip tags', hint: '' }
      for (const hazard of hazards)
        yield { what, result: hazard.severity === 'stop' ? 'fail' : 'warn', detail: hazard.message, hint: hazard.mend }
    } catch (error) {
      yield failure(what, error)
    }
  }
}
