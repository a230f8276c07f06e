import { GroupCap } from './group-cap.ts'
import { BY_GROUP, CHILD, GroupRange, type Place } from './group-list.ts'
import type { GroupSet } from './group-set.ts'
import { Ranges } from './ranges.ts'
import type { Rendering } from './rendering.ts'

/** Where hosts with these groups are. */
interface Placed {
  readonly groups: ReadonlySet<string>
  /** Of which group each of them is a child, and those of `all`, by key. */
  readonly links: ReadonlyMap<string, Place>
}

const NOWHERE: Placed = { groups: new Set(), links: new Map() }

/** Which hosts are in which groups, as a document tells it. */
export class GroupBook {
  readonly #most: number
  readonly #ranges = new Ranges<Place, GroupRange>(BY_GROUP, () => new GroupRange())
  /** How many hosts make each link. */
  readonly #links = new Map<string, number>()
  /** How many links each group is the child of. */
  readonly #known = new Map<string, number>()
  readonly #caps = new Map<string, GroupCap>()
  #placed = new WeakMap<GroupSet, Placed>()
  #moved = false

  constructor({ sources, maxPerSource }: Rendering) {
    this.#most = maxPerSource
    for (const source of sources) this.#caps.set(source, new GroupCap(maxPerSource))
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
    return this.#moved
  }

  has(group: string): boolean {
    return this.#known.has(group)
  }

  /** A host that was nowhere. */
  add(name: string, groups: GroupSet): void {
    for (const { group, source } of groups.of)
      if (source !== undefined && this.#capOf(source).add(group)) this.#moved = true
    this.#move(name, NOWHERE, this.#placedOf(groups))
  }

  /** A host that was added with these groups is in others now. */
  change(name: string, from: GroupSet, to: GroupSet): void {
    for (const { group, source } of to.of)
      if (source !== undefined && this.#capOf(source).add(group)) this.#moved = true
    const was = this.#placedOf(from)
    for (const { group, source } of from.of)
      if (source !== undefined && this.#capOf(source).remove(group)) this.#moved = true
    this.#move(name, was, this.#placedOf(to))
  }

  /** A host that was added with these groups. */
  remove(name: string, groups: GroupSet): void {
    for (const { group, source } of groups.of)
      if (source !== undefined && this.#capOf(source).remove(group)) this.#moved = true
    this.#move(name, this.#placedOf(groups), NOWHERE)
  }

  /** Moves hosts between groups that are admitted and those that are not any more. `hosts`: all that were added. */
  settle(hosts: Iterable<readonly [name: string, groups: GroupSet]>): void {
    if (!this.#moved) return
    const before = this.#placed
    this.#placed = new WeakMap()
    this.#moved = false
    for (const [name, groups] of hosts) {
      const [was, is] = [before.get(groups), this.#placedOf(groups)]
      if (was !== undefined) this.#move(name, was, is)
    }
  }

  /** Touches no group that is in both. */
  #move(name: string, from: Placed, to: Placed): void {
    for (const group of from.groups) if (!to.groups.has(group)) this.#ranges.remove({ group, name })
    for (const group of to.groups) if (!from.groups.has(group)) this.#ranges.add({ group, name })
    for (const [key, place] of to.links) {
      if (from.links.has(key) || count(this.#links, key, 1) !== 1) continue
      this.#ranges.add(place)
      count(this.#known, place.name.slice(CHILD.length), 1)
    }
    for (const [key, place] of from.links) {
      if (to.links.has(key) || count(this.#links, key, -1) !== 0) continue
      this.#ranges.remove(place)
      count(this.#known, place.name.slice(CHILD.length), -1)
    }
  }

  #placedOf(set: GroupSet): Placed {
    const known = this.#placed.get(set)
    if (known !== undefined) return known
    const admitted = set.of.filter(({ source, group }) => source === undefined || this.#capOf(source).admits(group))
    // Ansible knows a host by its groups: without any it would not be there.
    const all = admitted.length === 0 ? [{ group: 'ungrouped', parent: undefined }] : admitted
    const links = new Map<string, Place>()
    const link = (group: string, child: string): void =>
      void links.set(`${group} ${child}`, { group, name: CHILD + child })
    for (const { group, parent } of all) {
      link(parent ?? '', group)
      if (parent !== undefined) link('', parent)
    }
    const fresh = { groups: new Set(all.map(({ group }) => group)), links }
    this.#placed.set(set, fresh)
    return fresh
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
