import type { Observed } from '../kube/index.ts'
import type { ClusterSet } from './cluster-set.ts'
import type { Decision } from './decision.ts'
import type { Requirement } from './label.ts'
import { type Choice, isSelected, type ManagedCluster } from './managed.ts'

/** Which clusters of a hub are watched; all that is said must hold. */
export interface SelectionRule {
  readonly labels: readonly Requirement[]
  /** Empty takes the clusters of all sets. */
  readonly clusterSet: string
  readonly placement: { readonly namespace: string; readonly name: string } | null
}

export type HubInbound =
  | { readonly of: 'cluster'; readonly observed: Observed<ManagedCluster> }
  | { readonly of: 'set'; readonly observed: Observed<ClusterSet> }
  | { readonly of: 'decision'; readonly observed: Observed<Decision> }

/** What a look at a selection found, by the names that clusters have here. */
export interface SelectionChange {
  /** To be watched from now on. */
  readonly came: ReadonlyMap<string, ManagedCluster>
  /** No longer selected, and for how that came about: their hub has them still, or has no such cluster any more. */
  readonly left: ReadonlyMap<string, 'unselected' | 'detached'>
  /** Those of `came` that were not selected in an earlier life either. */
  readonly added: readonly string[]
}

/** What was selected, and when each was first seen to be so no longer (0: it is), by a clock that nobody sets. */
export type Selected = ReadonlyMap<string, number>

/**
 * What came and what left, for a selection that is known. Pure. A cluster that is seen to be selected no longer for less than `holdMs`
 * did not leave: decisions move between their slices, and a Placement that is decided anew has none for a moment.
 *
 * | was selected | is | for                | then |
 * |--------------|----|--------------------|------|
 * | no           | yes| any                | came |
 * | yes          | yes| any                | stays; it came, when this is the first look of this life |
 * | yes          | no | less than `holdMs` | stays |
 * | yes          | no | `holdMs` or more   | left |
 */
export function compare(
  was: Selected,
  is: ReadonlySet<string>,
  now: number,
  holdMs: number,
): { readonly selected: Selected; readonly left: readonly string[] } {
  const selected = new Map<string, number>()
  const left: string[] = []
  for (const name of is) selected.set(name, 0)
  for (const [name, since] of was) {
    if (is.has(name)) continue
    const from = since === 0 ? now : since
    if (now - from >= holdMs) left.push(name)
    else selected.set(name, from)
  }
  return { selected, left }
}

interface SelectionOptions {
  readonly rule: SelectionRule
  /** What was selected in an earlier life. */
  readonly before: Iterable<string>
  /** The name that a ManagedCluster has here. */
  readonly nameOf: (managed: string) => string
  readonly holdMs: number
}

/** What a hub said so far of its clusters, and which of them are selected. No I/O and no clock. */
export class Selection {
  readonly #options: SelectionOptions
  #clusters: ReadonlyMap<string, ManagedCluster> = new Map()
  #sets: ReadonlyMap<string, ClusterSet> = new Map()
  #slices: ReadonlyMap<string, Decision> = new Map()
  readonly #unseen: Set<HubInbound['of']>
  readonly #begun = new Set<string>()
  #selected: Selected

  constructor(options: SelectionOptions) {
    const { rule, before } = options
    this.#options = options
    this.#selected = new Map([...before].map(name => [name, 0]))
    this.#unseen = new Set(['cluster'])
    if (rule.clusterSet !== '') this.#unseen.add('set')
    if (rule.placement !== null) this.#unseen.add('decision')
  }

  /** A cluster as its hub last told of it, by the hub's name for it. */
  find(managed: string): ManagedCluster | undefined {
    return this.#clusters.get(managed)
  }

  /** Takes in what a reflector said. What can not be seen now is as it was, and decides nothing. */
  observe(inbound: HubInbound): void {
    if (inbound.observed.kind === 'unavailable') this.#unseen.add(inbound.of)
    else this.#unseen.delete(inbound.of)
    if (inbound.of === 'cluster') this.#clusters = after(this.#clusters, inbound.observed)
    else if (inbound.of === 'set') this.#sets = after(this.#sets, inbound.observed)
    else this.#slices = after(this.#slices, inbound.observed)
  }

  /** True when all that decides is seen now. */
  get seen(): boolean {
    return this.#unseen.size === 0
  }

  /** Why it can not be told which clusters are selected, although all is seen; empty when it can. Unknown is not none. */
  get unknown(): string {
    const { clusterSet, placement } = this.#options.rule
    if (clusterSet !== '' && !this.#sets.has(clusterSet)) return `the hub has no ManagedClusterSet ${clusterSet}`
    if (placement !== null && this.#decisions().length === 0)
      return `there is no decision of the Placement ${placement.namespace}/${placement.name}`
    return ''
  }

  /**
   * What came and left since the last look. While that is not known nobody leaves and nobody is new, but who was selected in an earlier
   * life and is still managed is watched on. `now` is of a clock that nobody sets: how long somebody is away goes by it.
   */
  review(now: number): SelectionChange {
    if (!this.seen || this.unknown !== '') return this.#hold()
    const came = new Map<string, ManagedCluster>()
    const is = this.#wanted()
    const before = this.#selected
    const { selected, left } = compare(before, new Set(is.keys()), now, this.#options.holdMs)
    this.#selected = selected
    for (const [name, cluster] of is) if (!this.#begun.has(name)) came.set(name, cluster)
    for (const name of came.keys()) this.#begun.add(name)
    for (const name of left) this.#begun.delete(name)
    const managed = new Set([...this.#clusters.keys()].map(this.#options.nameOf))
    return {
      came,
      left: new Map(left.map(name => [name, managed.has(name) ? 'unselected' : 'detached'])),
      added: [...came.keys()].filter(name => !before.has(name)),
    }
  }

  #hold(): SelectionChange {
    const came = new Map<string, ManagedCluster>()
    for (const cluster of this.#clusters.values()) {
      const name = this.#options.nameOf(cluster.name)
      if (!this.#selected.has(name) || this.#begun.has(name)) continue
      if (!this.#unseen.has('cluster') && isSelected(cluster, ANY)) came.set(name, cluster)
    }
    for (const name of came.keys()) this.#begun.add(name)
    // Who is not seen to be away is not away.
    this.#selected = new Map([...this.#selected.keys()].map(name => [name, 0]))
    return { came, left: new Map(), added: [] }
  }

  /** When the next cluster will have been away for long enough to have left by that clock, or null. */
  get due(): number | null {
    const times = [...this.#selected.values()].filter(since => since > 0)
    return times.length === 0 ? null : Math.min(...times) + this.#options.holdMs
  }

  #decisions(): readonly Decision[] {
    const name = this.#options.rule.placement?.name
    return [...this.#slices.values()].filter(decision => decision.placement === name)
  }

  #wanted(): ReadonlyMap<string, ManagedCluster> {
    const { labels, clusterSet, placement } = this.#options.rule
    const choice: Choice = {
      labels,
      set: this.#sets.get(clusterSet)?.requirements ?? null,
      placed: placement === null ? null : new Set(this.#decisions().flatMap(decision => decision.clusters)),
    }
    const clusters = [...this.#clusters.values()].filter(cluster => isSelected(cluster, choice))
    return new Map(clusters.map(cluster => [this.#options.nameOf(cluster.name), cluster]))
  }
}

/** What every cluster that can be watched at all meets. */
const ANY: Choice = { labels: [], set: null, placed: null }

interface NamedObject {
  readonly name: string
}

/** The objects as they are after what was said of them. */
function after<T extends NamedObject>(before: ReadonlyMap<string, T>, observed: Observed<T>): ReadonlyMap<string, T> {
  if (observed.kind === 'listed') return observed.objects
  if (observed.kind !== 'changed' && observed.kind !== 'gone') return before
  const next = new Map(before)
  if (observed.kind === 'changed') next.set(observed.object.name, observed.object)
  else next.delete(observed.object.name)
  return next
}
