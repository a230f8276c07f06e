import { GroupCap } from './group-cap.ts'
import { BY_GROUP, CHILD, GroupRange, type Place } from './group-list.ts'
import type { GroupSet, Tag } from './group-set.ts'
import { Ranges } from './ranges.ts'
import type { Rendering } from './rendering.ts'

/** Ansible knows a host by its groups: without any it would not be there. */
const UNGROUPED: GroupSet = [{ group: 'ungrouped' }]
const NOWHERE: GroupSet = []

/** Which hosts are in which groups, as a document tells it. */
export class GroupBook {
  readonly #most: number
  readonly #ranges = new Ranges<Place, GroupRange>(BY_GROUP, () => new GroupRange())
  /** Of each group, and of what it is in: how many hosts say so. `all` is the empty name. */
  readonly #children = new Map<string, Map<string, number>>()
  /** In how many groups each group is. */
  readonly #known = new Map<string, number>()
  readonly #caps = new Map<string, GroupCap>()

  constructor({ maxPerSource }: Rendering) {
    this.#most = maxPerSource
  }

  /** In order. */
  get ranges(): readonly GroupRange[] {
    return this.#ranges.all
  }

  /** Sources that would make more groups than they may. */
  get capped(): readonly string[] {
    return [...this.#caps].filter(([, cap]) => cap.reached).map(([source]) => source)
  }

  /** True when sources that make too many groups came to have others of them: `settle` then moves hosts. */
  get unsettled(): boolean {
    for (const cap of this.#caps.values()) if (cap.unsettled) return true
    return false
  }

  has(group: string): boolean {
    return this.#known.has(group)
  }

  /** A host that was nowhere. */
  add(name: string, groups: GroupSet): void {
    this.change(name, NOWHERE, groups)
  }

  /** A host that was added with these groups. */
  remove(name: string, groups: GroupSet): void {
    this.change(name, groups, NOWHERE)
  }

  /** A host that was added with some groups is in others now. */
  change(name: string, from: GroupSet, to: GroupSet): void {
    for (const { group, source } of to) if (source !== undefined) this.#capOf(source).add(group)
    for (const { group, source } of from) if (source !== undefined) this.#capOf(source).remove(group)
    this.#move(name, this.#admitted(from), this.#admitted(to))
  }

  /** Moves hosts between groups that are admitted and those that are not any more. `hosts`: all that were added. */
  settle(hosts: Iterable<readonly [name: string, groups: GroupSet]>): void {
    const before = new Map([...this.#caps].map(([source, cap]) => [source, cap.settle()] as const))
    for (const [name, groups] of hosts) {
      if (groups.every(tag => this.#admits(tag) === (before.get(tag.source ?? '')?.(tag.group) ?? true))) continue
      const was = groups.filter(({ source, group }) => before.get(source ?? '')?.(group) ?? true)
      this.#move(name, was.length === 0 ? UNGROUPED : was, this.#admitted(groups))
    }
  }

  /** Touches no group that is in both. */
  #move(name: string, from: GroupSet, to: GroupSet): void {
    for (const tag of to)
      if (!from.some(({ group }) => group === tag.group)) this.#ranges.add({ group: tag.group, name })
    for (const tag of from)
      if (!to.some(({ group }) => group === tag.group)) this.#ranges.remove({ group: tag.group, name })
    // First those that come: what is in both is never gone between.
    for (const tag of to) this.#link(tag, 1)
    for (const tag of from) this.#link(tag, -1)
  }

  #link({ group, parent }: Tag, by: 1 | -1): void {
    this.#count(parent ?? '', group, by)
    if (parent !== undefined) this.#count('', parent, by)
  }

  #count(group: string, child: string, by: 1 | -1): void {
    const children = this.#children.get(group) ?? new Map<string, number>()
    if (children.size === 0) this.#children.set(group, children)
    const hosts = count(children, child, by)
    if (children.size === 0) this.#children.delete(group)
    const place = { group, name: CHILD + child }
    if (by === 1 && hosts === 1) {
      this.#ranges.add(place)
      count(this.#known, child, 1)
    } else if (hosts === 0) {
      this.#ranges.remove(place)
      count(this.#known, child, -1)
    }
  }

  /** As of the last `settle`. */
  #admitted(groups: GroupSet): GroupSet {
    if (groups === NOWHERE) return NOWHERE
    const admitted = groups.every(tag => this.#admits(tag)) ? groups : groups.filter(tag => this.#admits(tag))
    return admitted.length === 0 ? UNGROUPED : admitted
  }

  #admits({ source, group }: Tag): boolean {
    return source === undefined || (this.#caps.get(source)?.admits(group) ?? true)
  }

  #capOf(source: string): GroupCap {
    const known = this.#caps.get(source)
    if (known !== undefined) return known
    const fresh = new GroupCap(this.#most)
    this.#caps.set(source, fresh)
    return fresh
  }
}

/** Adds to a number, and gives it; what is 0 is not kept. */
function count(counts: Map<string, number>, key: string, by: number): number {
  const sum = (counts.get(key) ?? 0) + by
  if (sum === 0) counts.delete(key)
  else counts.set(key, sum)
  return sum
}
