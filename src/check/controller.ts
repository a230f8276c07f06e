import { type Controller, EXPIRY_WARNING_MS, type Job } from '../aap/index.ts'
import type { Config, ControllerConfig } from '../config/index.ts'
import { connectController } from '../service/dispatch/dispatch.ts'
import { counted } from '../whole-number.ts'
import { checkBeside, sourceFindings } from './beside.ts'
import { failure, type Finding } from './finding.ts'
import { checkOthers, checkTemplate } from './template.ts'

interface Options {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
}

/** The controller answers, its token is good, and everything that is launched there is safe to launch. */
export async function* checkController(settings: ControllerConfig, options: Options): AsyncIterable<Finding> {
  const what = `controller ${settings.url}`
  try {
    await using controller = connectController(settings, options.env)
    const { base, version } = await controller.discover()
    yield versionFinding(what, version, base)
    yield await checkExpiry(controller, options.now())
    yield* quietFindings(settings)
    yield* checkObjects(controller, settings, options.config)
  } catch (error) {
    yield failure(what, error)
  }
}

/** Controllers whose answers were recorded, or that are of the same code: AWX 24, and the controllers of AAP 2.4 to 2.6. */
const KNOWN = /^(24\.|4\.[567]\.)/

/**
 * Nothing is refused for a version: each launch is proved by what the template prompts for and by what the controller answers, and an answer
 * without what is needed is a fault that names it.
 */
export function versionFinding(what: string, version: string, base: string): Finding {
  const detail = `version ${version === '' ? 'not told' : version} at ${base}`
  if (KNOWN.test(version)) return { what, result: 'ok', detail, hint: '' }
  return {
    what,
    result: 'warn',
    detail: `${detail}, which virtbridge was not tried with`,
    hint: 'it launches all the same, each launch proved by its template and by the answer; begin with one VM: virtbridge run verify --limit HOST',
  }
}

/** How long a controller works on a request, when nobody set its `client_request_timeout` otherwise. */
const WORKS_S = 30

/** The quiet period is longer than a controller works on a request: else a launch whose answer was lost may come twice. Pure. */
export function* quietFindings({ quiet_period_seconds: quiet }: ControllerConfig): Iterable<Finding> {
  if (quiet > WORKS_S) return
  yield {
    what: 'controller quiet period',
    result: 'warn',
    detail: `${quiet} s, and a controller works on a request for ${WORKS_S} s: a launch whose answer was lost may come twice`,
    hint: 'set controller.quiet_period_seconds to more than client_request_timeout of the controller, with a margin: 45',
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
    detail: `valid until ${found.expires.toISOString().slice(0, 10)} (${counted(days, 'day')})`,
    hint: soon ? 'make a new one; a changed token file counts at once' : '',
  }
}

/** Jobs of the controller that are looked back at, of any kind: a few requests. */
const RECENT_JOBS = 1_000

/**
 * A verb has one driver: those of which a rulebook launched jobs, though virtbridge launches them too, also by the template of a step. A template that
 * a verb of driver eda has is a rulebook's to launch, whatever else it is a step of. Pure.
 */
function* secondDrivers(jobs: readonly Job[], { verbs }: Config): Iterable<Finding> {
  const all = Object.entries(verbs)
  const meant = new Set(all.flatMap(([, { template, also, driver }]) => (driver === 'eda' ? [template, ...also] : [])))
  for (const [verb, { template, also, steps = [], driver }] of all) {
    if (driver === 'eda') continue
    const theirs = launchedOf(jobs, [template, ...also])
    const hint = `switch its activation off (docs/eda.md), or set verbs.${verb}.driver: eda`
    if (theirs !== '') yield secondDriver(verb, `it, and its driver is ${driver}: ${theirs}`, hint)
    for (const step of steps) {
      const its = meant.has(step.template) ? '' : launchedOf(jobs, [step.template])
      const how = `switch its activation off (docs/eda.md), or give ${step.template} a verb of its own with driver: eda`
      if (its !== '') yield secondDriver(verb, `its step ${step.name}, and its driver is ${driver}: ${its}`, how)
    }
  }
}

function secondDriver(verb: string, what: string, hint: string): Finding {
  return { what: `verb ${verb}`, result: 'warn', detail: `a rulebook launches ${what}`, hint }
}

/** How many of the jobs a rulebook launched from one of the templates, and which was the latest; empty when there is none. */
function launchedOf(jobs: readonly Job[], templates: readonly string[]): string {
  const theirs = jobs.filter(job => job.rulebook === true && templates.includes(job.name))
  const last = theirs.at(-1)
  return last === undefined ? '' : `${theirs.length} of the last jobs, job ${last.id} by ${last.launchedBy} the latest`
}

async function* checkObjects(
  controller: Controller,
  settings: ControllerConfig,
  config: Config,
): AsyncIterable<Finding> {
  const inventory = await controller.findInventory(settings.inventory, settings.organization)
  yield { what: `inventory "${inventory.name}"`, result: 'ok', detail: `id ${inventory.id}`, hint: '' }
  const { jobs, newest } = await controller.jobsOn([inventory], null)
  yield {
    what: 'jobs of others',
    result: 'ok',
    detail: `${jobs.length} run there now that this account may read; of templates that it may not, none is seen`,
    hint: '',
  }
  const recent = await controller.jobsOn([inventory], Math.max(0, newest - RECENT_JOBS))
  yield* secondDrivers(recent.jobs, config)
  const source = await controller.findInventorySource(settings.inventory_source, inventory)
  yield* sourceFindings(source)
  const beside = yield* checkBeside(controller, settings, { config, usual: inventory })
  for (const [verb, how] of Object.entries(config.verbs)) {
    if (how.driver === 'off')
      yield { what: `verb ${verb}`, result: 'ok', detail: 'its driver is off: nobody launches it', hint: '' }
    else {
      // What a rulebook launches runs on whatever inventory its template has.
      const its = how.needs === 'vm' && how.driver === 'bridge' ? beside : inventory
      if (its === null) continue
      const where = { inventory: its, organization: settings.organization }
      yield* checkTemplate(controller, verb, how, where)
      yield* checkOthers(controller, verb, how, where)
    }
  }
}
