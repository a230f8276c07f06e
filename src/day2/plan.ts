import { splitHosts } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { addressOf, isReady, unreachableReason } from '../inventory/index.ts'
import { hostName, type VmRecord, vmKey } from '../vm/index.ts'
import { whyBraked } from './brake.ts'
import { type Caps, fitting, loadOf, nodesOf } from './caps.ts'
import type { LedgerView } from './ledger.ts'
import { type Run, type RunHost, SELF, type Verb } from './run.ts'

/** How a verb is done and on which guests, as the configuration says. */
export interface VerbPolicy {
  readonly template: string
  /** The organization of the template; left out or empty: `controller.organization`. */
  readonly organization?: string
  readonly driver: 'bridge' | 'eda' | 'off'
  /** The families of operating systems it may run on: `linux`, `windows`. */
  readonly os: readonly string[]
  /** Left out: `guest`. */
  readonly needs?: Needs
}

/**
 * What the work of a verb needs. `guest`: it connects to the guest, which must run, answer and be where the controller looks for it.
 * `vm`: it is done on the cluster or on another server, for a VM that may be stopped or broken; its jobs run on an inventory in which such
 * a VM is enabled.
 */
export type Needs = 'guest' | 'vm'

/** Why this bridge never launches the verb, whoever asks, in one phrase; empty when it does. `policy` undefined: the configuration has no such verb. */
export function whyNotOurs(verb: Verb, policy: Pick<VerbPolicy, 'driver'> | undefined): string {
  if (policy === undefined) return `this bridge has no verb ${verb}`
  return policy.driver === 'bridge' ? '' : `its driver is ${policy.driver}`
}

/** The verb that starts by itself on guests that are news, and how much of it. */
export interface Policy extends VerbPolicy {
  readonly verb: Verb
  /** Guests that become ready within this time of the first one share a job. */
  readonly coalesceMs: number
  readonly maxHosts: number
  readonly maxJobs: number
  readonly caps: Pick<Caps, 'jobsPerTemplate' | 'hostsPerCluster' | 'hostsPerNode'>
  /** At most so many hosts start by themselves within the window, whatever happens. */
  readonly brake: { readonly hosts: number; readonly perMs: number }
}

/** Everything that `plan()` decides by. */
export interface World {
  readonly fleet: Pick<FleetView, 'vms' | 'news' | 'clusters'>
  readonly ledger: LedgerView
  /** By the uid of a VM: since when it has been due for onboarding, in ms since the epoch. */
  readonly waitingSince: ReadonlyMap<string, number>
  /** Whether a run may be told of to who asks; left out: all may. */
  readonly tells?: (run: Run) => boolean
}

/**
 * What `plan()` decided: start a run on these hosts, look at them again at `until` (in ms since the epoch), or hold them, and all that
 * starts by itself from now on, until a person releases the brake. `reason` is a phrase for people.
 */
export type Decision =
  | {
      readonly kind: 'start'
      readonly verb: Verb
      readonly template: string
      readonly hosts: readonly RunHost[]
      readonly reason: string
    }
  | { readonly kind: 'defer'; readonly hosts: readonly RunHost[]; readonly until: number; readonly reason: string }
  | { readonly kind: 'brake'; readonly hosts: readonly RunHost[]; readonly reason: string }

/** The families of operating systems that there are. */
const FAMILIES = ['linux', 'windows'] as const

/** The reason of a `defer` while the coalescing window is open. */
export const SHARES = 'waits for others to share its job'

/** A refused launch ran nothing, so it is tried again: first after RETRY_MS, doubled each time, until MAX_REFUSALS in a row. */
const RETRY_MS = 300_000
const MAX_REFUSALS = 6

/**
 * Decides what starts by itself at `now`: the onboarding of guests that are news and ready. Pure; called at every turn.
 *
 * 1. Nobody is due: nothing.
 * 2. The brake is set: all are deferred until a person releases it.
 * 3. The window of the guest that waited longest (`coalesceMs`) is still open: all are deferred to its end, so that they share a job.
 * 4. Else runs start, each of at most `maxHosts` hosts and as many as fit into one limit, while the caps leave room beside what is in
 *    flight and the brake allows more hosts. Who would be one more than it allows sets the brake. Whoever is left for another reason is
 *    deferred, with the first thing that held it as the reason.
 */
export function plan(world: World, policy: Policy, now: number): readonly Decision[] {
  const due = dueNow(world, policy, now)
  if (due.length === 0) return []
  const hosts = due.map(runHost)
  const { brake } = world.ledger
  if (brake !== undefined) return [{ kind: 'defer', hosts, until: Infinity, reason: whyBraked(brake) }]
  const oldest = Math.min(...hosts.map(host => world.waitingSince.get(host.uid) ?? now))
  if (oldest + policy.coalesceMs > now)
    return [{ kind: 'defer', hosts, until: oldest + policy.coalesceMs, reason: SHARES }]
  const { free, fit, full } = roomFor(hosts, world, policy)
  const allowed = policy.brake.hosts - startedBySelf(world.ledger, policy, now)
  const decisions: Decision[] = []
  let taken = 0
  while (taken < fit.length && taken < allowed && decisions.length < free) {
    const group = oneJob(fit.slice(taken, Math.min(taken + policy.maxHosts, allowed)))
    decisions.push({
      kind: 'start',
      verb: policy.verb,
      template: policy.template,
      hosts: group,
      reason: 'created after its cluster was adopted, and reachable',
    })
    taken += group.length
  }
  const rest = [...fit.slice(taken), ...hosts.filter(host => full.has(host.host))]
  if (rest.length === 0) return decisions
  if (taken < fit.length && taken >= allowed)
    return [...decisions, { kind: 'brake', hosts: rest, reason: tooMany(policy) }]
  const [crowded = ''] = full.values()
  const reason = taken < fit.length ? `${policy.maxJobs} jobs are in flight` : crowded
  return [...decisions, { kind: 'defer', hosts: rest, until: now + 1000, reason }]
}

/** The host names of all that are due to start by themselves, sorted: whether they may, caps and the brake decide. Pure. */
export function dueBySelf(world: Omit<World, 'waitingSince'>, policy: Policy, now: number): readonly string[] {
  return dueNow(world, policy, now).map(hostName).sort()
}

function dueNow(world: Omit<World, 'waitingSince'>, policy: Policy, now: number): readonly VmRecord[] {
  return [...world.fleet.news].filter(record => whyNotDue(record, world, policy, now) === '')
}

function tooMany({ brake }: Policy): string {
  return `more than ${brake.hosts} hosts would start by themselves within ${brake.perMs / 1000} s`
}

/** How many jobs may still start, and which hosts fit under the caps of cluster and node. Runs that are planned and not launched yet count as in flight. */
function roomFor(
  hosts: readonly RunHost[],
  { fleet, ledger }: World,
  { maxJobs, caps, template }: Policy,
): { free: number; fit: readonly RunHost[]; full: ReadonlyMap<string, string> } {
  const nodeOf = nodesOf(fleet)
  const load = loadOf(ledger.active(), nodeOf, true)
  const free = Math.min(maxJobs - load.jobs, caps.jobsPerTemplate - (load.ofTemplate.get(template) ?? 0))
  return { free, ...fitting(hosts, load, caps, nodeOf) }
}

/** The first hosts, as many as one `limit` has room for, and at least one. */
function oneJob(hosts: readonly RunHost[]): readonly RunHost[] {
  const [first = []] = splitHosts(hosts.map(({ host }) => host))
  return hosts.slice(0, first.length)
}

/** Why a VM is not onboarded by itself now, in one phrase; empty when it is, as soon as there is room. `virtbridge explain` prints it. Pure. */
export function whyNotOnboard(...of: Parameters<typeof whyNotDue>): string {
  const [, { ledger }] = of
  return whyNotDue(...of) || (ledger.brake === undefined ? '' : whyBraked(ledger.brake))
}

/** Why a VM is not due for onboarding now, in one phrase; empty when it is. Who is due may still have to wait, for room or for the brake. `plan()` decides by it. Pure. */
export function whyNotDue(record: VmRecord, world: Omit<World, 'waitingSince'>, policy: Policy, now: number): string {
  if (policy.driver !== 'bridge')
    return policy.driver === 'eda' ? 'a rulebook onboards (driver eda)' : 'onboarding is off'
  if (record.adopted) return 'it was there before its cluster was adopted'
  if (!policy.os.includes(record.seen.os.family))
    return `its OS (${record.seen.os.family || 'unknown'}) is not onboarded`
  const done = doneWith(record, world.ledger, policy.verb)
  if (done === undefined && record.known_since <= world.ledger.baseline)
    return 'it was there before the ledger was lost: whether it was onboarded is not known'
  if (done !== undefined && done.status !== 'refused') return `this incarnation was onboarded once: ${done.status}`
  if (done !== undefined && done.refusals >= MAX_REFUSALS) return `refused ${done.refusals} times: ${done.detail}`
  if (done !== undefined && now < done.at + retryAfter(done.refusals))
    return `refused, tried again later: ${done.detail}`
  return (
    world.ledger.lost ||
    unsynced(record, world.fleet.clusters) ||
    held(record, world) ||
    conflicted(record) ||
    unready(record)
  )
}

/** The last record of the verb on this guest. A guest that moved here from another cluster was another VM there: then its record counts. */
function doneWith({ uid, descent }: VmRecord, ledger: LedgerView, verb: Verb): ReturnType<LedgerView['verb']> {
  return ledger.verb(uid, verb) ?? (descent?.kind === 'move' ? ledger.verb(descent.run, verb) : undefined)
}

function unsynced(record: VmRecord, clusters: FleetView['clusters']): string {
  const status = clusters.get(record.cluster)?.status ?? 'unknown'
  return status === 'synced' ? '' : `its cluster is ${status}`
}

function held(record: VmRecord, { ledger, own, tells = () => true, kept = false }: Holding): string {
  const holder = ledger.holder(record.uid, own)
  if (holder === undefined) return ''
  if (!tells(holder)) return 'another run holds it'
  if (holder.external === undefined) return `run ${holder.id} holds it`
  if (kept) return `run ${holder.id}, launched from the controller, may run on it`
  return `job ${holder.job?.id ?? 0} (${holder.template}) of ${holder.external.by || 'somebody'} may run on it`
}

/** What decides whether a run holds a VM, and how much of that run is said. */
interface Holding {
  readonly ledger: LedgerView
  readonly own?: string
  /** Whether a run may be told of to who asks; left out: all may. */
  readonly tells?: (run: Run) => boolean
  /** The reason is kept, for whoever may read of the VM later: nothing of the run is said but its id. */
  readonly kept?: boolean
}

function unready(record: VmRecord): string {
  return isReady(record) ? '' : `not ready: ${unreachableReason(record, 'fresh') || 'its address is settling'}`
}

function retryAfter(refusals: number): number {
  return RETRY_MS * 2 ** Math.max(0, refusals - 1)
}

/**
 * On how many VMs something started by itself within the brake's window, and since a person released the brake. What a forgotten run did
 * counts by its end, which is later: the brake is rather set too early than too late.
 */
function startedBySelf(ledger: LedgerView, { brake }: Policy, now: number): number {
  // A release of a time to come is of a clock that was set back since: it must not open the brake until then.
  const since = Math.max(now - brake.perMs, ledger.releasedAt > now ? 0 : ledger.releasedAt)
  let count = 0
  for (const { asked_by, run, at } of ledger.verbs())
    if (asked_by === SELF && (ledger.runs.get(run)?.created_at ?? at) > since) count += 1
  return count
}

/** The host of a run for a VM as it is now: name, key, uid and address, which are compared again before the launch. */
export function runHost(record: VmRecord): RunHost {
  return { host: hostName(record), key: vmKey(record), uid: record.uid, address: addressOf(record) }
}

/** Splits the host names that a person asked for into those that may be launched on and those that may not, each with its reason. Pure. */
export function admit(
  hosts: readonly string[],
  world: Surroundings & { byHost: FleetView['byHost'] },
): { hosts: readonly RunHost[]; refused: ReadonlyMap<string, string> } {
  const admitted: RunHost[] = []
  const refused = new Map<string, string>()
  for (const host of new Set(hosts)) {
    const record = world.byHost(host)
    const reason = record === undefined ? 'no VM has this host name' : whyNotNow(record, { ...world, kept: true })
    if (record !== undefined && reason === '') admitted.push(runHost(record))
    else refused.set(host, reason)
  }
  return { hosts: admitted, refused }
}

/**
 * What decides whether a launch on one VM is possible. `own`: the id of the run that asks, whose own lock does not count. `os`: the families
 * that the verb is for; left out: any. `needs`: left out, `guest`.
 */
interface Surroundings extends Holding {
  readonly clusters: FleetView['clusters']
  readonly os?: readonly string[]
  readonly needs?: Needs
}

/**
 * Why not, when another VM has the better claim to the address: a job would reach the wrong guest. One that only a view would use is told
 * of too, and there the VM has no address.
 */
function conflicted(record: VmRecord): string {
  const { conflict } = record.told
  if (conflict === null || conflict === undefined || conflict.address !== addressOf(record)) return ''
  return `conflicting address: another VM has the better claim to ${conflict.address}`
}

/**
 * Why nothing may be launched on a VM now, whoever asks; empty when it may. The first that holds:
 *
 * | because                                  | a verb that needs the guest | one that needs the VM alone         |
 * |------------------------------------------|-----------------------------|-------------------------------------|
 * | the ledger is lost                       | not launched                | not launched                        |
 * | its cluster is not synced                | not launched                | not launched                        |
 * | its OS is not one the verb is for        | not launched                | not launched                        |
 * | its OS is not known                      | not launched                | launched, when it is for all        |
 * | conflicting address                      | not launched                | launched: nobody connects to it     |
 * | stopped, paused, no agent, no address, … | not launched                | launched                            |
 * | a run, or a job of others, holds it      | not launched                | not launched                        |
 */
export function whyNotNow(record: VmRecord, world: Surroundings): string {
  const { needs = 'guest' } = world
  return (
    world.ledger.lost ||
    unsynced(record, world.clusters) ||
    unfit(record, world.os, needs) ||
    (needs === 'vm' ? '' : conflicted(record) || unready(record)) ||
    held(record, world)
  )
}

/** Why not, by its system. That of a guest that never answered is unknown: a verb that needs the VM alone and is for every system does not care. */
function unfit({ seen }: VmRecord, os: readonly string[] | undefined, needs: Needs): string {
  const { family } = seen.os
  if (os === undefined || os.includes(family)) return ''
  if (needs === 'vm' && family === '' && FAMILIES.every(each => os.includes(each))) return ''
  return `its OS (${family || 'unknown'}) is not one the verb is for`
}
