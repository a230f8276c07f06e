import { splitHosts } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { addressOf, isReady, unreachableReason } from '../inventory/index.ts'
import { hostName, type VmRecord, vmKey } from '../vm/index.ts'
import { type Caps, fitting, loadOf, nodesOf } from './caps.ts'
import type { LedgerView } from './ledger.ts'
import { type RunHost, SELF, type Verb } from './run.ts'

/** How a verb is done, and to whom. */
export interface VerbPolicy {
  readonly template: string
  /** Of the template; left out or empty: that of the bridge's other objects. */
  readonly organization?: string
  readonly driver: 'bridge' | 'eda' | 'off'
  /** Families of operating systems. */
  readonly os: readonly string[]
  /** Left out: the guest. */
  readonly needs?: Needs
}

/**
 * What the work of a verb needs. `guest`: it connects to the guest, which must run, answer and be where the controller looks for it.
 * `vm`: it is done on the cluster or on another server, for a VM that may be stopped or broken; its jobs run on an inventory in which such
 * a VM is enabled.
 */
export type Needs = 'guest' | 'vm'

/** Why virtbridge launches nothing of a verb, whoever asks, in one phrase; empty when it does. `policy` undefined: it does not know it. */
export function whyNotOurs(verb: Verb, policy: Pick<VerbPolicy, 'driver'> | undefined): string {
  if (policy === undefined) return `this bridge has no verb ${verb}`
  return policy.driver === 'bridge' ? '' : `its driver is ${policy.driver}`
}

/** What may start by itself, and how much of it. */
export interface Policy extends VerbPolicy {
  readonly verb: Verb
  readonly coalesceMs: number
  readonly maxHosts: number
  readonly maxJobs: number
  readonly caps: Pick<Caps, 'jobsPerTemplate' | 'hostsPerCluster' | 'hostsPerNode'>
  readonly brake: { readonly hosts: number; readonly perMs: number }
}

export interface World {
  readonly fleet: Pick<FleetView, 'vms' | 'news' | 'clusters'>
  readonly ledger: LedgerView
  /** Since when each incarnation was seen waiting to be onboarded, in ms. */
  readonly waitingSince: ReadonlyMap<string, number>
}

export type Decision =
  | {
      readonly kind: 'start'
      readonly verb: Verb
      readonly template: string
      readonly hosts: readonly RunHost[]
      readonly reason: string
    }
  | { readonly kind: 'defer'; readonly hosts: readonly RunHost[]; readonly until: number; readonly reason: string }

/** The families of operating systems that there are. */
const FAMILIES = ['linux', 'windows'] as const

/** Why a guest that is due waits for a moment. */
export const SHARES = 'waits for others to share its job'

/** A launch that was refused ran nothing: it is tried again after this long, doubled each time, so many times. */
const RETRY_MS = 300_000
const MAX_REFUSALS = 6

/**
 * What starts by itself now: the onboarding of guests that are news. Pure.
 *
 * Guests that are ready at about the same time are one run (`coalesceMs`), split by `maxHosts` and by the bytes of a limit; the brake
 * bounds how many hosts start in a window, whatever the reason for the flood. What has no room beside what is under way waits.
 */
export function plan(world: World, policy: Policy, now: number): readonly Decision[] {
  const due = [...world.fleet.news].filter(record => whyNotOnboard(record, world, policy, now) === '')
  if (due.length === 0) return []
  const hosts = due.map(runHost)
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
  const [crowded = ''] = full.values()
  const reason =
    taken < fit.length && taken >= allowed
      ? `brake: ${policy.brake.hosts} hosts in ${policy.brake.perMs / 1000} s`
      : taken < fit.length
        ? `${policy.maxJobs} jobs are in flight`
        : crowded
  return [...decisions, { kind: 'defer', hosts: rest, until: now + 1000, reason }]
}

/** How many jobs may begin, and on which of these hosts there is room. What waits for its launch has its place already. */
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

/** As many of the first hosts as one limit has room for: at least one. */
function oneJob(hosts: readonly RunHost[]): readonly RunHost[] {
  const [first = []] = splitHosts(hosts.map(({ host }) => host))
  return hosts.slice(0, first.length)
}

/** Why a VM is not onboarded by itself now, in one phrase; empty when it is to be. The same words explain it to people. */
export function whyNotOnboard(
  record: VmRecord,
  world: Omit<World, 'waitingSince'>,
  policy: Policy,
  now: number,
): string {
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
    held(record, world.ledger) ||
    conflicted(record) ||
    unready(record)
  )
}

/** What was done with the guest: one that moved here from another cluster was another VM then. */
function doneWith({ uid, descent }: VmRecord, ledger: LedgerView, verb: Verb): ReturnType<LedgerView['verb']> {
  return ledger.verb(uid, verb) ?? (descent?.kind === 'move' ? ledger.verb(descent.run, verb) : undefined)
}

function unsynced(record: VmRecord, clusters: FleetView['clusters']): string {
  const status = clusters.get(record.cluster)?.status ?? 'unknown'
  return status === 'synced' ? '' : `its cluster is ${status}`
}

function held(record: VmRecord, ledger: LedgerView, own?: string): string {
  const holder = ledger.holder(record.uid, own)
  if (holder === undefined) return ''
  if (holder.external === undefined) return `run ${holder.id} holds it`
  return `job ${holder.job?.id ?? 0} (${holder.template}) of ${holder.external.by || 'somebody'} may run on it`
}

function unready(record: VmRecord): string {
  return isReady(record) ? '' : `not ready: ${unreachableReason(record, 'fresh') || 'its address is settling'}`
}

function retryAfter(refusals: number): number {
  return RETRY_MS * 2 ** Math.max(0, refusals - 1)
}

/** Incarnations on which something started by itself within the window. */
function startedBySelf(ledger: LedgerView, policy: Policy, now: number): number {
  let count = 0
  for (const verb of ledger.verbs()) if (verb.asked_by === SELF && verb.at > now - policy.brake.perMs) count += 1
  return count
}

/** A VM as a run means it. */
export function runHost(record: VmRecord): RunHost {
  return { host: hostName(record), key: vmKey(record), uid: record.uid, address: addressOf(record) }
}

/** Hosts a person asked for: those that may be launched on, and why the others may not. Pure. */
export function admit(
  hosts: readonly string[],
  world: Surroundings & { byHost: FleetView['byHost'] },
): { hosts: readonly RunHost[]; refused: ReadonlyMap<string, string> } {
  const admitted: RunHost[] = []
  const refused = new Map<string, string>()
  for (const host of new Set(hosts)) {
    const record = world.byHost(host)
    const reason = record === undefined ? 'no VM has this host name' : whyNotNow(record, world)
    if (record !== undefined && reason === '') admitted.push(runHost(record))
    else refused.set(host, reason)
  }
  return { hosts: admitted, refused }
}

/**
 * What a launch on one VM depends on. A run does not stand in its own way: `own` is its id. `os`: families the verb is for. `needs`: the
 * guest, when it is left out.
 */
interface Surroundings {
  readonly clusters: FleetView['clusters']
  readonly ledger: LedgerView
  readonly own?: string
  readonly os?: readonly string[]
  readonly needs?: Needs
}

/** The address that the controller knows is another guest's by better right. */
function conflicted({ told: { conflict } }: VmRecord): string {
  if (conflict === null || conflict === undefined) return ''
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
    held(record, world.ledger, world.own)
  )
}

/** A guest that never answered says no system; a verb that is for each of them needs not know. */
function unfit({ seen }: VmRecord, os: readonly string[] | undefined, needs: Needs): string {
  const { family } = seen.os
  if (os === undefined || os.includes(family)) return ''
  if (needs === 'vm' && family === '' && FAMILIES.every(each => os.includes(each))) return ''
  return `its OS (${family || 'unknown'}) is not one the verb is for`
}
