import type { ContestBoard } from '../../cluster/index.ts'
import type { FleetChange } from '../../fleet/index.ts'
import { addressOf, claimsIn, Contention, stalenessOf, type StaleLimits } from '../../inventory/index.ts'
import { type Rival, type VmRecord, vmKey } from '../../vm/index.ts'
import type { RoleParts } from '../role.ts'
import { inventoryParts } from '../views.ts'

/**
 * Tells the watch role which VM has the better claim to an address that several VMs have, for the facts `address_conflict` and
 * `address_conflict_resolved`. It uses the rules of the inventory (`Contention`) on the same fleet, so the fact comes for exactly those VMs
 * that the inventory disables. A claim weakens as its cluster grows stale, so clusters are judged again at their heartbeats.
 */
export class FleetContests implements ContestBoard, Disposable {
  readonly #parts: Pick<RoleParts, 'fleet' | 'now'>
  readonly #limits: StaleLimits
  readonly #contention: Contention
  readonly #readers = new Map<Set<string>, { readonly cluster: string; readonly tell: () => void }>()
  /** Staleness of each cluster when its VMs were last judged. */
  readonly #staleness = new Map<string, string>()
  readonly #unsubscribe: () => void

  constructor(parts: Pick<RoleParts, 'fleet' | 'now' | 'config'>) {
    const { fleet, config, now } = parts
    const { stale_after_seconds, disable_stale_after_seconds } = config.inventory
    this.#parts = parts
    this.#limits = { staleAfterMs: stale_after_seconds * 1000, disableAfterMs: disable_stale_after_seconds * 1000 }
    this.#contention = new Contention({
      claimsOf: claimsIn(inventoryParts(config, () => undefined)),
      recordOf: host => fleet.byHost(host),
      stalenessOf: record => stalenessOf(fleet.clusters.get(record.cluster), this.#limits, now()),
    })
    for (const record of fleet.vms.values()) this.#contention.change(null, record)
    this.#unsubscribe = fleet.subscribe(change => this.#follow(change))
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  rivalOf(key: string): Rival | null {
    const { fleet } = this.#parts
    const record = fleet.vms.get(key)
    if (record === undefined) return null
    const host = this.#contention.betterThan(record)
    const rival = fleet.byHost(host)
    return rival === undefined ? null : { host, uid: rival.uid, address: addressOf(record) }
  }

  read(cluster: string, onChange: () => void): { readonly changed: Set<string> } & Disposable {
    // What changed before this reader came is open too.
    const changed = new Set([...this.#parts.fleet.vms.keys()].filter(key => this.#isOpen(key, cluster)))
    this.#readers.set(changed, { cluster, tell: onChange })
    return { changed, [Symbol.dispose]: () => void this.#readers.delete(changed) }
  }

  /** True when the record of a VM of the cluster says something else of its conflict than is so now. */
  #isOpen(key: string, cluster: string): boolean {
    const record = this.#parts.fleet.vms.get(key)
    return record !== undefined && record.cluster === cluster && !isTold(record, this.rivalOf(key))
  }

  #follow(change: FleetChange): void {
    if (change.kind === 'cluster') {
      this.#age(change.name)
      return
    }
    const { before, after } = change
    const touched = this.#contention.change(before, after)
    const keys = touched.flatMap(host => this.#parts.fleet.byHost(host) ?? []).map(vmKey)
    this.#tell(after === null ? keys : [...keys, change.key])
  }

  /** Judges anew the VMs of every cluster whose staleness changed, and the VMs that contend with them. */
  #age(cluster: string): void {
    const { fleet, now } = this.#parts
    for (const [name, record] of fleet.clusters) {
      const is = stalenessOf(record, this.#limits, now())
      const was = this.#staleness.get(name)
      this.#staleness.set(name, is)
      if (was === is || (was === undefined && name !== cluster)) continue
      const records = [...fleet.vms.values()].filter(vm => vm.cluster === name)
      const touched = records.flatMap(vm => this.#contention.change(vm, vm))
      const others = touched.flatMap(host => fleet.byHost(host) ?? [])
      this.#tell([...records, ...others].map(vmKey))
    }
  }

  #tell(keys: readonly string[]): void {
    for (const [changed, { cluster, tell }] of this.#readers) {
      const open = keys.filter(key => this.#isOpen(key, cluster))
      for (const key of open) changed.add(key)
      if (open.length > 0) tell()
    }
  }
}

/** True when the record names the same rival for the same address already. False while a conflict waits out its hold-down: that is looked at when it is due. */
function isTold({ told: { conflict }, waiting }: VmRecord, rival: Rival | null): boolean {
  const waits = waiting.some(({ fact }) => fact === 'address_conflict' || fact === 'address_conflict_resolved')
  return !waits && conflict?.uid === rival?.uid && conflict?.address === rival?.address
}
