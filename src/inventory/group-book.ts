import { GroupCap } from './group-cap.ts'
import { GroupOrigins } from './group-origin.ts'
import { BY_GROUP, CHILD, GroupRange, type Place } from './group-list.ts'
import type { GroupSet, Tag } from './group-set.ts'
import { byText, Ranges } from './ranges.ts'
import type { Rendering } from './rendering.ts'

/** Ansible knows a host by its groups: without any it would not be there. */
const UNGROUPED: GroupSet = [{ group: 'ungrouped' }]
const NOWHERE: GroupSet = []

/** Hosts that are looked at, and moved, in one go: some milliseconds also where each brings a group of its own. */
export const HOSTS_A_STEP = 200

/** Gives the next hosts after a name, in order: at most so many, and fewer only when there are no more. */
export type NextHosts = (after: string, most: number) => readonly (readonly [name: string, groups: GroupSet])[]

/** What came of a step of `settle`. */
export interface Settled {
  /** Groups that came or went. */
  readonly turned: ReadonlySet<string>
  /** Hosts that came into groups, or left them. */
  readonly moved: readonly string[]
}

/** Which hosts are in which groups, as a document tells it. */
export class GroupBook {
  readonly #most: number
  readonly #ranges = new Ranges<Place, GroupRange>(BY_GROUP, () => new GroupRange())
  /** Of each group, and of what it is in: how many hosts say so. `all` is the empty name. */
  readonly #children = new Map<string, Map<string, number>>()
  /** In how many groups each group is. */
  readonly #known = new Map<string, number>()
  readonly #caps = new Map<string, GroupCap>()
  readonly #origins = new GroupOrigins()
  /** Groups that came to have hosts for different reasons, since somebody took them. */
  readonly #merged = new Set<string>()
  /** The last host that was moved to what is admitted now; null when all were. */
  #moved: string | null = null
  /** Groups that came or went since somebody took them. */
  #turned = new Set<string>()

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

  /** Why hosts are in a group that different values make; nothing of any other. */
  originsOf(group: string): readonly string[] {
    return this.#origins.of(group)
  }

  /** Groups that different values came to make since this was asked last. */
  takeMerged(): readonly string[] {
    const merged = [...this.#merged].filter(group => this.#known.has(group) && this.#origins.of(group).length > 0)
    this.#merged.clear()
    return merged
  }

  /** True when sources that make too many groups came to have others of them: `settle` then moves hosts, some at a time. */
  get unsettled(): boolean {
    if (this.#moved !== null) return true
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
    for (const { group, source, because = '' } of to) {
      if (source === undefined) continue
      this.#capOf(source).add(group)
      if (this.#origins.add(group, because)) this.#merged.add(group)
    }
    for (const { group, source, because = '' } of from) {
      if (source === undefined) continue
      this.#capOf(source).remove(group)
      this.#origins.remove(group, because)
    }
    const moved = this.#isMoved(name)
    this.#move(name, this.#admitted(from, moved), this.#admitted(to, moved))
  }

  /**
   * Moves the next hosts between groups that are admitted and those that are not any more. Others may be added, removed and changed before
   * the last are.
   */
  settle(next: NextHosts): Settled {
    if (this.#moved === null) for (const cap of this.#caps.values()) cap.begin()
    const hosts = next(this.#moved ?? '', HOSTS_A_STEP)
    this.#turned = new Set()
    const moved: string[] = []
    for (const [name, groups] of hosts) {
      if (groups.every(tag => this.#admits(tag, false) === this.#admits(tag, true))) continue
      this.#move(name, this.#admitted(groups, false), this.#admitted(groups, true))
      moved.push(name)
    }
    this.#moved = hosts.length < HOSTS_A_STEP ? null : (hosts.at(-1)?.[0] ?? null)
    if (this.#moved === null) for (const cap of this.#caps.values()) cap.end()
    return { turned: this.#turned, moved }
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
      this.#turned.add(child)
    } else if (hosts === 0) {
      this.#ranges.remove(place)
      count(this.#known, child, -1)
      this.#turned.add(child)
    }
  }

  #isMoved(name: string): boolean {
    return this.#moved !== null && byText(name, this.#moved) <= 0
  }

  #admitted(groups: GroupSet, moved: boolean): GroupSet {
    if (groups === NOWHERE) return NOWHERE
    const admitted = groups.every(tag => this.#admits(tag, moved))
      ? groups
      : groups.filter(tag => this.#admits(tag, moved))
    return admitted.length === 0 ? UNGROUPED : admitted
  }

  #admits({ source, group }: Tag, moved: boolean): boolean {
    return source === undefined || (this.#caps.get(source)?.admits(group, moved) ?? true)
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
