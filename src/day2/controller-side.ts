import {
  ControllerError,
  type Inventory,
  launchHazards,
  type LaunchRequest,
  marker,
  rightGuest,
  type StaleGuest,
  type Template,
} from '../aap/index.ts'
import type { Way } from '../inventory/index.ts'
import type { Lookup } from './lookup.ts'
import type { Needs } from './verb-policy.ts'
import type { Run } from './run.ts'
import { intentOf, stepOf, stepsToCome } from './run-step.ts'
import type { Vault } from './vault.ts'

/** What a preflight found: the template and inventory to launch with, and which hosts the controller would reach as we mean them. */
export type Preflight =
  | {
      readonly kind: 'ready'
      readonly template: Template
      readonly inventory: Inventory
      readonly hosts: readonly string[]
      readonly stale: readonly StaleGuest[]
      /** The template was looked up before: it may have been changed, renamed or made anew within the last minute. */
      readonly remembered: boolean
    }
  /** Nothing may be launched until a person mends it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The controller does not answer: tried again. */
  | { readonly kind: 'later'; readonly reason: string }

/**
 * Looks at everything a launch depends on, just before it, in the inventory that a verb of such a need runs on; of a run with steps at the
 * templates of those that are still to come, too. `waysTo`: what leads to a host as it is known now; asked only where the guest is connected
 * to. Never throws for what a controller can say.
 */
export async function preflight(
  lookup: Lookup,
  { run, needs }: { readonly run: Run; readonly needs: Needs },
  waysTo: (host: string) => readonly Way[],
): Promise<Preflight> {
  try {
    const remembered = lookup.knows(run.template, run.organization)
    const inventory = await lookup.inventory(needs)
    const template = await lookup.template(run.template, run.organization)
    const stopped = refusedBy(template, inventory, run) ?? (await stoppedLater(lookup, inventory, run))
    if (stopped !== null) {
      lookup.forget()
      return stopped
    }
    const there = await lookup.hosts(inventory)
    const guests = run.hosts.map(({ host, uid }) => ({ host, uid, ways: needs === 'vm' ? null : waysTo(host) }))
    const { ready, stale } = rightGuest(guests, there)
    return { kind: 'ready', template, inventory, hosts: ready, stale, remembered }
  } catch (error) {
    lookup.forget()
    return failed(error)
  }
}

type Stopped = Extract<Preflight, { kind: 'refused' | 'later' }>

/** Why nothing may be launched from a template; null when it may. */
function refusedBy(template: Template, inventory: Inventory, run: Run): Stopped | null {
  const secrets = Object.keys(run.secrets ?? {})
  const hazards = launchHazards(template, inventory, Object.keys(extraVars(run)), run.check, secrets)
  const hazard = hazards.find(each => each.severity === 'stop')
  if (hazard === undefined) return null
  return { kind: 'refused', reason: `job template "${template.name}": ${hazard.message}; to mend it, ${hazard.mend}` }
}

/** Why a step that comes after the present one could not be launched: nothing is begun that can not be brought to its end. */
async function stoppedLater(lookup: Lookup, inventory: Inventory, run: Run): Promise<Stopped | null> {
  for (const { name, template } of stepsToCome(run)) {
    const found = await lookup.template(template, run.organization).catch(failed)
    const stopped = 'kind' in found ? found : refusedBy(found, inventory, run)
    if (stopped !== null)
      return { ...stopped, reason: `a later step, ${name}, could not be launched: ${stopped.reason}` }
  }
  return null
}

/** Variables of the job: the playbook's own guard compares them with what it sees. */
export function extraVars(run: Run): Readonly<Record<string, unknown>> {
  const own = { virtbridge_run_id: run.id, virtbridge_expected_count: run.hosts.length, virtbridge_verb: run.verb }
  const step = stepOf(run)
  return { ...run.variables, ...own, ...(step === undefined ? {} : { virtbridge_step: step.name }) }
}

/**
 * The launch of a run: its marker names the intent, so that a lost answer can be settled. Its secrets are opened by who writes it, and
 * not before.
 */
export function launchRequest(run: Run, vault: Vault): LaunchRequest {
  const { secrets } = run
  return {
    hosts: run.hosts.map(host => host.host),
    marker: marker(intentOf(run)),
    extraVars: extraVars(run),
    ...(secrets === undefined
      ? {}
      : { secrets: { names: Object.keys(secrets), open: () => vault.open(run.id, secrets) } }),
    ...(run.check === true ? { check: true } : {}),
    inventory: run.inventory_id,
  }
}

/** What the controller's error means for a run that has launched nothing yet. */
export function failed(error: unknown): Extract<Preflight, { kind: 'refused' | 'later' }> {
  if (!(error instanceof ControllerError)) throw error
  const passing = error.kind === 'unreachable' || error.kind === 'unavailable' || error.kind === 'unauthorized'
  return { kind: passing ? 'later' : 'refused', reason: error.message }
}
