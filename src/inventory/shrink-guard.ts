import type { HostList } from './host-list.ts'
import { byText, search } from './ranges.ts'

/** Neighbours by name: those of a document, or of what will be one. Never changed. */
export type Hosts = Pick<HostList, 'hosts'>

/** That a document lacks more hosts than is believed. */
export interface Shrunk {
  /** Hosts that the last document had and this one has not, although nobody knows that their VMs were deleted. */
  readonly missing: number
  /** Hosts of the last document. */
  readonly of: number
  /** The largest share that may be missing, in percent. */
  readonly most: number
}

/** How many hosts a document may lack. */
export interface ShrinkRule {
  /** The largest share that may be missing, in percent; 100: any. */
  readonly most: number
  /** So many may, whatever share that is. */
  readonly few: number
}

/**
 * Holds back a document that is much shorter than the one that was served before it. A VM whose deletion is known, because its record was
 * taken from the log, is not missed: one by one as its cluster told, or many at once after somebody confirmed that they are gone; until
 * then their records stay, and so do they. What is missed left by what is known of it, as when a label was taken from every VM, or
 * because configuration asks for others now. The first document after a start is held against what was of the view by what was on record
 * when it began, and against how many were served before, where that was kept (`expect`): what was held back stays so.
 */
export class ShrinkGuard {
  readonly #rule: ShrinkRule
  /** Hosts that were of the view at the start; null since a document was served, or where nothing is held back. */
  #began: Set<string> | null
  /** Of those: whose VM was deleted since. */
  #ended = 0
  /** How many hosts the bridge believed in before it was started; 0: it is not known. */
  #expected = 0
  #served: readonly Hosts[] = []
  /** The first host of each list. */
  #firsts: readonly string[] = []
  #hosts = 0
  /** Of the last document: those whose VM was deleted since. */
  readonly #deleted = new Set<string>()
  /** What was found last of the hosts that were looked at; null when something else counts since. */
  #found: { readonly lists: readonly Hosts[]; readonly shrunk: Shrunk | null } | null = null

  constructor(rule: ShrinkRule) {
    this.#rule = rule
    this.#began = rule.most >= 100 ? null : new Set()
  }

  /** True while what was on record at the start counts. */
  get isBeginning(): boolean {
    return this.#began !== null
  }

  /** Goes on where another one is, of the same view as configuration said before. */
  succeed(before: ShrinkGuard): void {
    this.#found = null
    if (before.#began !== null) {
      if (this.#began === null) return
      this.#began = before.#began
      this.#ended = before.#ended
      this.#expected = before.#expected
      return
    }
    this.served(before.#served)
    for (const host of before.#deleted) this.#deleted.add(host)
  }

  /** Before the start so many hosts were believed in. */
  expect(hosts: number): void {
    this.#expected = hosts
    this.#found = null
  }

  /** How many hosts the next document is held against: those of the last without those deleted since. Null before there was one. */
  get believed(): number | null {
    return this.#began === null ? this.#hosts - this.#deleted.size : null
  }

  /** Whether the next document is held against this host. */
  believes(host: string): boolean {
    return this.#began === null ? this.#had(host) && !this.#deleted.has(host) : this.#began.has(host)
  }

  /** A host was of the view at the start. */
  began(host: string): void {
    this.#began?.add(host)
    this.#found = null
  }

  /** The VM of a host was deleted. */
  deleted(host: string): void {
    if (this.#began?.delete(host) === true) this.#ended += 1
    if (this.#had(host)) this.#deleted.add(host)
    this.#found = null
  }

  /** A host is there again. */
  returned(host: string): void {
    if (this.#deleted.delete(host)) this.#found = null
  }

  /** Why a document with these hosts must not be served; null when it may. */
  refuses(lists: readonly Hosts[]): Shrunk | null {
    if (this.#rule.most >= 100 || lists === this.#served) return null
    if (this.#found?.lists !== lists) this.#found = { lists, shrunk: this.#judge(lists) }
    return this.#found.shrunk
  }

  #judge(lists: readonly Hosts[]): Shrunk | null {
    const { most, few } = this.#rule
    const { missing, of } = this.#began === null ? this.#sinceServed(lists) : this.#sinceStart(this.#began, lists)
    return missing > few && missing * 100 > of * most ? { missing, of, most } : null
  }

  /** A document with these hosts is served. */
  served(lists: readonly Hosts[]): void {
    this.#began = null
    this.#found = null
    if (lists === this.#served) return
    this.#served = lists
    this.#firsts = lists.map(({ hosts }) => hosts[0] ?? '')
    this.#hosts = lists.reduce((sum, { hosts }) => sum + hosts.length, 0)
    this.#deleted.clear()
  }

  #sinceStart(began: ReadonlySet<string>, lists: readonly Hosts[]): Pick<Shrunk, 'missing' | 'of'> {
    const here = lists.reduce((sum, { hosts }) => sum + hosts.filter(host => began.has(host)).length, 0)
    const others = lists.reduce((sum, { hosts }) => sum + hosts.length, 0) - here
    const unknown = Math.max(0, this.#expected - began.size - this.#ended)
    // Nothing is known of those but their number: whoever else is here may be one of them, as when the log was lost.
    return { missing: began.size - here + Math.max(0, unknown - others), of: began.size + unknown }
  }

  #sinceServed(lists: readonly Hosts[]): Pick<Shrunk, 'missing' | 'of'> {
    const [before, after] = [new Set(this.#served), new Set(lists)]
    const here = new Set(lists.filter(list => !before.has(list)).flatMap(({ hosts }) => hosts))
    const gone = this.#served.filter(list => !after.has(list)).flatMap(({ hosts }) => hosts)
    const missing = gone.filter(host => !here.has(host) && !this.#deleted.has(host)).length
    return { missing, of: this.#hosts }
  }

  #had(host: string): boolean {
    const index = search(this.#firsts, host, byText)
    const list = this.#served[index < 0 ? Math.max(~index - 1, 0) : index]
    return list !== undefined && search(list.hosts, host, byText) >= 0
  }
}
