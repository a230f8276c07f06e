import type { HostList } from './host-list.ts'
import { byText, search } from './ranges.ts'

/** That a document lacks more hosts than is believed. */
export interface Shrunk {
  /** Hosts that the last document had and this one has not, although nobody knows that their VMs were deleted. */
  readonly missing: number
  /** Hosts of the last document. */
  readonly of: number
  /** The largest share that may be missing, in percent. */
  readonly most: number
}

/**
 * Holds back a document that is much shorter than the one that was served before it. A VM whose deletion is known, because its record was
 * taken from the log, is not missed: one by one as its cluster told, or many at once after somebody confirmed that they are gone; until
 * then their records stay, and so do they. What is missed left by what is known of it, as when a label was taken from every VM, or
 * because configuration asks for others now. It goes by the documents of this process: the first after a start is always served.
 */
export class ShrinkGuard {
  readonly #most: number
  #served: readonly HostList[] = []
  /** The first host of each list. */
  #firsts: readonly string[] = []
  #hosts = 0
  /** Of the last document: those whose VM was deleted since. */
  readonly #deleted = new Set<string>()

  /** `most`: the largest share that may be missing, in percent; 100: any. */
  constructor(most: number) {
    this.#most = most
  }

  /** Goes on where another one is, of the same view as configuration said before. */
  succeed(before: ShrinkGuard): void {
    this.served(before.#served)
    for (const host of before.#deleted) this.#deleted.add(host)
  }

  /** The VM of a host was deleted. */
  deleted(host: string): void {
    if (this.#had(host)) this.#deleted.add(host)
  }

  /** A host is there again. */
  returned(host: string): void {
    this.#deleted.delete(host)
  }

  /** Why a document with these hosts must not be served; null when it may. */
  refuses(lists: readonly HostList[]): Shrunk | null {
    if (this.#most >= 100 || this.#hosts === 0 || lists === this.#served) return null
    const missing = this.#missing(lists)
    return missing * 100 > this.#hosts * this.#most ? { missing, of: this.#hosts, most: this.#most } : null
  }

  /** A document with these hosts is served. */
  served(lists: readonly HostList[]): void {
    if (lists === this.#served) return
    this.#served = lists
    this.#firsts = lists.map(({ hosts }) => hosts[0] ?? '')
    this.#hosts = lists.reduce((sum, { hosts }) => sum + hosts.length, 0)
    this.#deleted.clear()
  }

  #missing(lists: readonly HostList[]): number {
    const [before, after] = [new Set(this.#served), new Set(lists)]
    const here = new Set(lists.filter(list => !before.has(list)).flatMap(({ hosts }) => hosts))
    const gone = this.#served.filter(list => !after.has(list)).flatMap(({ hosts }) => hosts)
    return gone.filter(host => !here.has(host) && !this.#deleted.has(host)).length
  }

  #had(host: string): boolean {
    const index = search(this.#firsts, host, byText)
    const list = this.#served[index < 0 ? Math.max(~index - 1, 0) : index]
    return list !== undefined && search(list.hosts, host, byText) >= 0
  }
}
