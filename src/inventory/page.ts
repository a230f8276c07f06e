import { hostName, type VmRecord } from '../vm/index.ts'
import { Document } from './document.ts'
import { GroupBook } from './group-book.ts'
import type { GroupRange, Place } from './group-list.ts'
import { type GroupSet, isSameSet } from './group-set.ts'
import { BY_NAME } from './host-list.ts'
import { leafOf, type Mark, varsIn } from './page-leaf.ts'
import { type PageLeaf, PageRange } from './page-range.ts'
import type { Piece } from './piece.ts'
import { byText, Ranges } from './ranges.ts'
import type { Sheet } from './sheet.ts'
import type { Hosts } from './shrink-guard.ts'
import type { Shown } from './sheet-range.ts'
import { Signs } from './signs.ts'

/** Told of what is odd with a page. */
export interface PageWarnings {
  /** A source makes more groups than it may; told once for each. */
  readonly ofGroups: (source: string) => void
  /** Different values make one group, and which; told once for each. */
  readonly ofMerged: (group: string, because: readonly string[]) => void
  /** A host is shown by its canonical name, and why. */
  readonly ofName: (host: string, because: string) => void
}

/** Ranges that are made into pieces in one go: some milliseconds. */
const RANGES_A_STEP = 8

/** The hosts that one view takes, in one rendering: what a document is made from. */
export class Page {
  readonly #sheet: Sheet
  readonly #warnings: PageWarnings
  /** By canonical name. */
  readonly #members = new Map<string, GroupSet>()
  /** By the name that they are shown by. */
  readonly #ranges = new Ranges<string, PageRange>(BY_NAME, () => new PageRange())
  readonly #groups: GroupBook
  readonly #signs: Signs
  readonly #warned = new Set<string>()
  readonly #merged = new Set<string>()
  #document: Document | null = null
  /** By shown name: hosts that came into groups, or left them, by what others made. */
  readonly #marks = new Map<string, Mark>()
  #marked = 0
  /** Who would be in the document; null when something changed since it was asked for. */
  #lists: readonly Hosts[] | null = null

  constructor(sheet: Sheet, warnings: PageWarnings) {
    this.#sheet = sheet
    this.#warnings = warnings
    this.#groups = new GroupBook(sheet.rendering)
    const taken = { host: (name: string) => this.#members.has(name), group: (name: string) => this.#groups.has(name) }
    this.#signs = new Signs(sheet.rendering.hostOf === hostName ? null : taken, warnings.ofName)
  }

  /** The rendering that it is in. */
  get sheet(): Sheet {
    return this.#sheet
  }

  /** True for the canonical name of a host that is here. */
  has(host: string): boolean {
    return this.#members.has(host)
  }

  /** The canonical name of a host that is shown by this one; of none, the name itself. */
  canonicalOf(name: string): string {
    return this.#signs.canonicalOf(name)
  }

  /** Why a host is shown by its canonical name, although its view asks for another; empty when it is not, or not asked for. */
  misnamedBecause(host: string): string {
    return this.#signs.reasonOf(host)
  }

  /** True for a group of the document. */
  hasGroup(name: string): boolean {
    this.#settle()
    return this.#groups.has(name)
  }

  /** Why hosts are in a group that different values make; nothing of any other. */
  originsOf(group: string): readonly string[] {
    return this.#groups.originsOf(group)
  }

  /** Takes a host as the sheet shows it; gives the name that it is shown by. `changed`: the sheet shows it otherwise than before. */
  take(record: VmRecord, { groups }: Shown, changed: boolean): string {
    const host = hostName(record)
    const known = this.#members.get(host)
    if (known !== undefined && !changed) return this.#signs.nameOf(host)
    this.#change()
    if (known === undefined) this.#members.set(host, groups)
    const others = this.#signs.wish(host, this.#sheet.rendering.hostOf(record))
    // Who has to give a name away does so first.
    for (const other of others) this.#rename(other)
    if (known === undefined) {
      const name = this.#signs.call(host)
      this.#ranges.add(name)
      this.#groups.add(name, groups)
      this.#renameLike(groups)
      return this.#signs.nameOf(host)
    }
    this.#rename(host)
    const name = this.#signs.nameOf(host)
    this.#ranges.of(name).touch()
    if (isSameSet(known, groups)) return name
    this.#members.set(host, groups)
    this.#groups.change(name, known, groups)
    this.#renameLike(known)
    this.#renameLike(groups)
    return this.#signs.nameOf(host)
  }

  /** Gives the name that the host was shown by; null when it was not here. */
  drop(host: string): string | null {
    const groups = this.#members.get(host)
    if (groups === undefined) return null
    this.#change()
    const name = this.#signs.forget(host)
    this.#marks.delete(name)
    this.#ranges.remove(name)
    this.#groups.remove(name, groups)
    this.#members.delete(host)
    for (const other of this.#signs.wish(host, null)) this.#rename(other)
    this.#renameLike(groups)
    return name
  }

  /** The variables of a host, by its canonical name, as JSON; null when it is not here. */
  varsOf(host: string): string | null {
    const shown = this.#members.has(host) ? this.#sheet.get(host) : undefined
    return shown === undefined ? null : varsIn(host, shown)
  }

  /** True when there is a document as of now. */
  get isReady(): boolean {
    return this.#document !== null
  }

  /** True when `hasGroup` has nothing to do but to look. */
  get isSettled(): boolean {
    return !this.#groups.unsettled
  }

  /** Works for some milliseconds towards groups that are no more than they may be. */
  settleStep(): void {
    if (!this.#groups.unsettled) return
    const { turned, moved } = this.#groups.settle((after, most) => this.#hostsAfter(after, most))
    for (const name of moved) this.#mark(name)
    this.#renameLikeGroups(turned)
  }

  /** Works towards the next document for some milliseconds; the last step has it. */
  step(): void {
    if (this.#document !== null) return
    if (!this.isSettled) return this.settleStep()
    this.#settle()
    let left = RANGES_A_STEP
    for (const range of this.#ranges.all) {
      if (range.leaf !== null) continue
      if (left === 0) return
      left -= 1
      void this.#leafOf(range).piece.digest
    }
    if (this.#stepGroups(left)) void this.document
  }

  /** The document as of now. */
  get document(): Document {
    if (this.#document !== null) return this.#document
    this.#settle()
    const leaves = this.#members.size === 0 ? [] : this.#ranges.all.map(range => this.#leafOf(range))
    const groups: Piece[] = []
    for (const [range, before] of inRow(this.#groups.ranges)) groups.push(range.piece(before))
    this.#document = new Document({
      hosts: leaves.map(({ piece }) => piece),
      groups,
      lists: leaves.map(({ list }) => list),
    })
    this.#lists = null
    return this.#document
  }

  /** Who is in the document as of now, which is not made for it. The same object until something changes. */
  get lists(): readonly Hosts[] {
    if (this.#document !== null) return this.#document.lists
    this.#settle()
    return (this.#lists ??= this.#ranges.all.map(({ leaf, hosts }) => leaf?.list ?? { hosts }))
  }

  /** Forgets what nobody asked for since the last time. */
  tidy(): void {
    this.#document?.tidy()
  }

  #leafOf(range: PageRange): PageLeaf {
    return leafOf(range, { sheet: this.#sheet, signs: this.#signs, marks: this.#marks })
  }

  /** A host is in other groups, and is the same in the sheet. */
  #mark(name: string): void {
    const of = this.#sheet.get(this.#signs.canonicalOf(name))?.revision
    if (of === undefined) return
    this.#marks.set(name, { of, now: -(this.#marked += 1) })
    this.#ranges.of(name).touch()
  }

  #change(): void {
    this.#document = null
    this.#lists = null
  }

  /** True when none is left to be made. */
  #stepGroups(left: number): boolean {
    let steps = left
    for (const [range, before] of inRow(this.#groups.ranges)) {
      if (!range.isStale(before)) continue
      if (steps === 0) return false
      steps -= 1
      void range.piece(before).digest
    }
    return true
  }

  #settle(): void {
    while (!this.isSettled) this.settleStep()
    for (const source of this.#groups.capped) {
      if (!this.#warned.has(source)) this.#warnings.ofGroups(source)
      this.#warned.add(source)
    }
    for (const group of this.#groups.takeMerged()) {
      if (this.#merged.has(group)) continue
      this.#merged.add(group)
      this.#warnings.ofMerged(group, this.#groups.originsOf(group))
    }
  }

  #hostsAfter(after: string, most: number): readonly (readonly [name: string, groups: GroupSet])[] {
    const found: (readonly [name: string, groups: GroupSet])[] = []
    for (const range of this.#ranges.from(after))
      for (const name of range.hosts) {
        if (byText(name, after) <= 0) continue
        found.push([name, this.#members.get(this.#signs.canonicalOf(name)) ?? []])
        if (found.length === most) return found
      }
    return found
  }

  #rename(host: string): void {
    const groups = this.#members.get(host)
    if (groups === undefined || this.#signs.isRight(host)) return
    const was = this.#signs.nameOf(host)
    if (!this.#ranges.of(was).has(was)) return
    this.#change()
    const name = this.#signs.call(host)
    this.#marks.delete(was)
    this.#ranges.remove(was)
    this.#ranges.add(name)
    this.#groups.add(name, groups)
    this.#groups.remove(was, groups)
  }

  #renameLike(groups: GroupSet): void {
    if (this.#signs.areCanonical) return
    this.#renameLikeGroups(groups.flatMap(({ group, parent }) => (parent === undefined ? [group] : [group, parent])))
  }

  /** Groups came or went that hosts may wish to be called like. */
  #renameLikeGroups(names: Iterable<string>): void {
    for (const name of names) for (const host of this.#signs.whoWishes(name)) this.#rename(host)
  }
}

function* inRow(ranges: readonly GroupRange[]): Iterable<readonly [range: GroupRange, before: Place | undefined]> {
  let before: Place | undefined
  for (const range of ranges) {
    yield [range, before]
    before = range.last ?? before
  }
}
