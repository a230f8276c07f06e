import { splitHosts } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { hostName, type VmRecord } from '../vm/index.ts'
import { counted } from '../whole-number.ts'
import { conflicted, held, runHost, unready, unsynced } from './admission.ts'
import { ageByWall, type BrakeAges } from './brake-ages.ts'
import { whyBraked } from './brake.ts'
import { areInFlight, type Caps, fitting, loadOf, nodesOf } from './caps.ts'
import type { LedgerView } from './ledger.ts'
import { askedOf, type Run, type RunHost, SELF, type Verb } from './run.ts'
import { firstTemplate, type VerbPolicy } from './verb-policy.ts'

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
  /** How long ago what the brake goes by was; left out: by the wall clock. */
  readonly ages?: BrakeAges
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
  const allowed = policy.brake.hosts - startedBySelf(world, policy, now)
  const decisions: Decision[] = []
  let taken = 0
  while (taken < fit.length && taken < allowed && decisions.length < free) {
    const group = oneJob(fit.slice(taken, Math.min(taken + policy.maxHosts, allowed)))
    decisions.push({
      kind: 'start',
      verb: policy.verb,
      template: firstTemplate(policy),
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
  const reason = taken < fit.length ? areInFlight(policy.maxJobs) : crowded
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
  return `more than ${counted(brake.hosts, 'host')} would start by themselves within ${brake.perMs / 1000} s`
}

/** How many jobs may still start, and which hosts fit under the caps of cluster and node. Runs that are planned and not launched yet count as in flight. */
function roomFor(
  hosts: readonly RunHost[],
  { fleet, ledger }: World,
  policy: Policy,
): { free: number; fit: readonly RunHost[]; full: ReadonlyMap<string, string> } {
  const { maxJobs, caps } = policy
  const nodeOf = nodesOf(fleet)
  const load = loadOf(ledger.active(), nodeOf, true)
  const free = Math.min(maxJobs - load.jobs, caps.jobsPerTemplate - (load.ofTemplate.get(firstTemplate(policy)) ?? 0))
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
  // One of a time to come is of a clock that was set back since.
  if (done !== undefined && now >= done.at && now < done.at + retryAfter(done.refusals))
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

function retryAfter(refusals: number): number {
  return RETRY_MS * 2 ** Math.max(0, refusals - 1)
}

/**
 * On how many VMs something started by itself within the brake's window, and since a person released the brake, whatever was done to them
 * since. What a forgotten run did counts by its end, which is later: the brake is rather set too early than too late.
 */
function startedBySelf({ ledger, ages: known }: World, { brake }: Policy, now: number): number {
  const ages = known ?? ageByWall(now)
  const released = ages.release(ledger.releasedAt)
  // What starts by a release does so in the same turn, which may be the same moment.
  const counts = (id: string, at: number): boolean => {
    const age = ages.run(id, at)
    return age < brake.perMs && age <= released
  }
  const uids = new Set<string>()
  for (const run of ledger.runs.values())
    if (run.asked_by === SELF && counts(run.id, run.created_at)) for (const { uid } of askedOf(run)) uids.add(uid)
  for (const { asked_by, run, at, uid } of ledger.verbs())
    if (asked_by === SELF && !ledger.runs.has(run) && counts(run, at)) uids.add(uid)
  return uids.size
}
