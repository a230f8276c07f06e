import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ContestBoard } from '../../cluster/index.ts'
import type { FleetChange } from '../../fleet/index.ts'
import type { Config } from '../../config/index.ts'
import { type Claimed, claimsIn, Contention, stalenessOf, type StaleLimits } from '../../inventory/index.ts'
import { type Rival, type VmRecord, vmKey } from '../../vm/index.ts'
import type { RoleParts } from '../role.ts'
import { inventoryParts } from '../views.ts'

/** VMs that are looked at in one go when other networks or addresses count: some milliseconds. */
const VMS_A_STEP = 200

/**
 * Tells the watch role which VM has the better claim to an address that several VMs have, for the facts `address_conflict` and
 * `address_conflict_resolved`. It uses the rules of the inventory (`Contention`) on the same fleet, so the fact comes for exactly those VMs
 * that the inventory, or one of its views, disables for an address that it would use. Of several that one VM lost, the usual one is told. A claim weakens as its cluster grows stale, so clusters are judged again at their heartbeats.
 */
export class FleetContests implements ContestBoard, Disposable {
  readonly #parts: Pick<RoleParts, 'fleet' | 'now'>
  readonly #limits: StaleLimits
  #contention: Contention
  /** What follows the one above when all of `left` were added to it. */
  #next: { readonly contention: Contention; readonly left: Set<string> } | null = null
  /** What decides who claims what. */
  #claimed: string
  readonly #readers = new Map<Set<string>, { readonly cluster: string; readonly tell: () => void }>()
  /** Staleness of each cluster when its VMs were last judged. */
  readonly #staleness = new Map<string, string>()
  readonly #unsubscribe: () => void

  constructor(parts: Pick<RoleParts, 'fleet' | 'now' | 'config'>) {
    const { fleet, config } = parts
    const { stale_after_seconds, disable_stale_after_seconds } = config.inventory
    this.#parts = parts
    this.#limits = { staleAfterMs: stale_after_seconds * 1000, disableAfterMs: disable_stale_after_seconds * 1000 }
    const claimed = inventoryParts(config, () => undefined)
    this.#claimed = wordOf(claimed)
    this.#contention = this.#contentionBy(claimed)
    for (const record of fleet.vms.values()) this.#contention.change(null, record)
    this.#unsubscribe = fleet.subscribe(change => this.#follow(change))
  }

  [Symbol.dispose](): void {
    this.#next = null
    this.#unsubscribe()
  }

  /**
   * Goes by the networks and addresses of another configuration. Resolves when they count, or when they do not any more; what they change is
   * found then, some VMs at a time.
   */
  async reconfigure(config: Pick<Config, 'inventory' | 'profiles'>): Promise<void> {
    const { fleet } = this.#parts
    const claimed = inventoryParts(config, () => undefined)
    const word = wordOf(claimed)
    if (word === this.#claimed) return
    this.#claimed = word
    const next = { contention: this.#contentionBy(claimed), left: new Set(fleet.vms.keys()) }
    this.#next = next
    for await (const keys of inSteps(next.left)) {
      if (next !== this.#next) return
      for (const key of keys) {
        // Who went meanwhile is not left, and who came is there already.
        const record = next.left.delete(key) ? fleet.vms.get(key) : undefined
        if (record !== undefined) next.contention.change(null, record)
      }
    }
    if (next !== this.#next) return
    this.#contention = next.contention
    this.#next = null
    for await (const keys of inSteps(fleet.vms.keys())) this.#tell(keys)
  }

  rivalOf(key: string): Rival | null {
    const { fleet } = this.#parts
    const record = fleet.vms.get(key)
    if (record === undefined) return null
    const [loss] = this.#contention.lossesOf(record)
    const rival = loss === undefined ? undefined : fleet.byHost(loss.host)
    return loss === undefined || rival === undefined ? null : { ...loss, uid: rival.uid }
  }

  read(cluster: string, onChange: () => void): { readonly changed: Set<string> } & Disposable {
    // What changed before this reader came is open too.
    const changed = new Set([...this.#parts.fleet.vms.keys()].filter(key => this.#isOpen(key, cluster)))
    this.#readers.set(changed, { cluster, tell: onChange })
    return { changed, [Symbol.dispose]: () => void this.#readers.delete(changed) }
  }

  #contentionBy(claimed: Claimed): Contention {
    const { fleet, now } = this.#parts
    return new Contention({
      claimsOf: claimsIn(claimed),
      recordOf: host => fleet.byHost(host),
      stalenessOf: record => stalenessOf(fleet.ageOf(record.cluster, now()), this.#limits),
    })
  }

  /** The same change of a VM for what is to follow. */
  #changeNext(key: string, before: VmRecord | null, after: VmRecord | null): void {
    if (this.#next === null) return
    if (!this.#next.left.has(key)) this.#next.contention.change(before, after)
    else if (after === null) this.#next.left.delete(key)
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
    this.#changeNext(change.key, before, after)
    const keys = touched.flatMap(host => this.#parts.fleet.byHost(host) ?? []).map(vmKey)
    this.#tell(after === null ? keys : [...keys, change.key])
  }

  /** Judges anew the VMs of every cluster whose staleness changed, and the VMs that contend with them. */
  #age(cluster: string): void {
    const { fleet, now } = this.#parts
    for (const name of fleet.clusters.keys()) {
      const is = stalenessOf(fleet.ageOf(name, now()), this.#limits)
      const was = this.#staleness.get(name)
      this.#staleness.set(name, is)
      if (was === is || (was === undefined && name !== cluster)) continue
      const records = [...fleet.vms.values()].filter(vm => vm.cluster === name)
      const touched = records.flatMap(vm => this.#contention.change(vm, vm))
      for (const vm of records) this.#changeNext(vmKey(vm), vm, vm)
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

/** The same for the same claims. */
function wordOf({ networks, views = [], formats }: Claimed): string {
  const renderings = [...views.map(({ rendering }) => rendering), ...(formats?.values() ?? [])]
  return JSON.stringify([networks, [...new Set(renderings.map(({ approach }) => approach.key))].sort()])
}

/** Between two steps others have their turn. */
async function* inSteps(keys: Iterable<string>): AsyncIterable<readonly string[]> {
  let step: string[] = []
  for (const key of keys) {
    step.push(key)
    if (step.length < VMS_A_STEP) continue
    yield step
    step = []
    await nextTurn()
  }
  yield step
}
