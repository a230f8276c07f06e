import type { FleetView } from '../fleet/index.ts'
import { addressOf, isReady, unreachableReason } from '../inventory/index.ts'
import { hostName, type VmRecord, vmKey } from '../vm/index.ts'
import type { LedgerView } from './ledger.ts'
import type { Run, RunHost } from './run.ts'
import type { Needs } from './verb-policy.ts'

/** The families of operating systems that there are. */
const FAMILIES = ['linux', 'windows'] as const

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

/** Why nothing is launched in its cluster now, in one phrase; empty when something may be. Pure. */
export function unsynced(record: VmRecord, clusters: FleetView['clusters']): string {
  const status = clusters.get(record.cluster)?.status ?? 'unknown'
  return status === 'synced' ? '' : `its cluster is ${status}`
}

/** Which run, or job of others, holds a VM, in one phrase; empty when none does. Pure. */
export function held(record: VmRecord, { ledger, own, tells = () => true, kept = false }: Holding): string {
  const holder = ledger.holder(record.uid, own)
  if (holder === undefined) return ''
  if (!tells(holder)) return 'another run holds it'
  if (holder.external === undefined) return `run ${holder.id} holds it`
  if (kept) return `run ${holder.id}, launched from the controller, may run on it`
  const unread = holder.unread_at === undefined ? '' : `, and can not be read (run ${holder.id})`
  return `job ${holder.job?.id ?? 0} (${holder.template}) of ${holder.external.by || 'somebody'} may run on it${unread}`
}

/** What decides whether a run holds a VM, and how much of that run is said. */
export interface Holding {
  readonly ledger: LedgerView
  readonly own?: string
  /** Whether a run may be told of to who asks; left out: all may. */
  readonly tells?: (run: Run) => boolean
  /** The reason is kept, for whoever may read of the VM later: nothing of the run is said but its id. */
  readonly kept?: boolean
}

/** Why a guest can not be connected to now, in one phrase; empty when it can. Pure. */
export function unready(record: VmRecord): string {
  return isReady(record) ? '' : `not ready: ${unreachableReason(record, 'fresh') || 'its address is settling'}`
}

/**
 * Why not, when another VM has the better claim to the address: a job would reach the wrong guest. One that only a view would use is told
 * of too, and there the VM has no address. Pure.
 */
export function conflicted(record: VmRecord): string {
  const { conflict } = record.told
  if (conflict === null || conflict === undefined || conflict.address !== addressOf(record)) return ''
  return `conflicting address: another VM has the better claim to ${conflict.address}`
}
