import { type Scope, sees } from '../fleet/index.ts'
import type { VmRecord } from '../vm/index.ts'

/** How many VMs were deleted since the start, by where they were: as many numbers as there are namespaces with VMs. */
export class Ended {
  readonly #numbers = new Map<string, { readonly place: Pick<VmRecord, 'cluster' | 'namespace'>; count: number }>()

  /** A VM was deleted. */
  note({ cluster, namespace }: VmRecord): void {
    this.#add({ cluster, namespace }, 1)
  }

  /** So many as another one has seen, too. */
  add(other: Ended): void {
    for (const { place, count } of other.#numbers.values()) this.#add(place, count)
  }

  /** How many of them lay within a scope, whatever view they were of; left out: anywhere. */
  within(scope: Scope | undefined): number {
    const there = [...this.#numbers.values()].filter(({ place }) => scope === undefined || sees(scope, place))
    return there.reduce((sum, { count }) => sum + count, 0)
  }

  #add(place: Pick<VmRecord, 'cluster' | 'namespace'>, count: number): void {
    const key = `${place.cluster} ${place.namespace}`
    const known = this.#numbers.get(key)
    if (known === undefined) this.#numbers.set(key, { place, count })
    else known.count += count
  }
}
