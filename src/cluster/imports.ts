import type { Observed } from '../kube/index.ts'
import { type Deed, MAX_DEEDS, type PlanPart } from '../vm/index.ts'

/**
 * What the migration plans of all hubs say of the VMs they made: one board for all clusters, as the plan is on the hub and the VM
 * anywhere. Holds what has ended, and no more.
 */
export class ImportBoard {
  /** By `<plan uid>/<id at the source>`. */
  readonly #ended = new Map<string, readonly Deed[]>()
  readonly #plans = new Map<string, ReadonlyMap<string, PlanPart>>()
  readonly #readers = new Map<Set<string>, () => void>()

  /** Takes in what the reflector of a hub said of its plans. */
  take(hub: string, observed: Observed<PlanPart>): void {
    if (observed.kind === 'listed') return this.#replace(hub, observed.objects)
    if (observed.kind !== 'changed' && observed.kind !== 'gone') return
    const { key } = observed.object
    const plans = new Map(this.#plans.get(hub))
    if (observed.kind === 'gone') plans.delete(key)
    else plans.set(key, observed.object)
    this.#replace(hub, plans)
  }

  /** What has ended of one import; null while no hub's plans could be read. */
  of(key: string): readonly Deed[] | null {
    return this.#plans.size === 0 ? null : (this.#ended.get(key) ?? [])
  }

  /** Begins to collect which imports change, and tells when some did; whoever reads takes them out of the set. Ends with its reader. */
  read(onChange: () => void): { readonly changed: Set<string> } & Disposable {
    const changed = new Set<string>()
    this.#readers.set(changed, onChange)
    return { changed, [Symbol.dispose]: () => void this.#readers.delete(changed) }
  }

  #replace(hub: string, plans: ReadonlyMap<string, PlanPart>): void {
    const before = this.#plans.get(hub)
    this.#plans.set(hub, plans)
    const gone = [...(before ?? [])].filter(([key, plan]) => plans.get(key) !== plan).map(([, plan]) => plan)
    const come = [...plans].filter(([key, plan]) => before?.get(key) !== plan).map(([, plan]) => plan)
    for (const deed of gone.flatMap(plan => plan.imports)) this.#put(deed, false)
    for (const deed of come.flatMap(plan => plan.imports)) this.#put(deed, true)
    for (const [changed, tell] of this.#readers) if (changed.size > 0) tell()
  }

  #put(deed: Deed, present: boolean): void {
    const others = (this.#ended.get(deed.key) ?? []).filter(({ uid }) => uid !== deed.uid)
    const ended = present ? [...others, deed].slice(-MAX_DEEDS) : others
    if (ended.length === 0) this.#ended.delete(deed.key)
    else this.#ended.set(deed.key, ended)
    for (const changed of this.#readers.keys()) changed.add(deed.key)
  }
}
