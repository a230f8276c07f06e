import type { HostList } from './host-list.ts'

/** Hosts of past documents that are remembered, of all views together, each list of neighbours once: some 16 bytes a host. */
export const MAX_PAST_HOSTS = 1_000_000
/** Past documents that are remembered, of all views together. The oldest go first. */
const MAX_PAST_DOCUMENTS = 200

/** What a page had. */
export interface PastDocument {
  /** Which page: the same for the same. */
  readonly page: string
  readonly etag: string
  /** In order. Those of two documents in which nothing changed are the same. */
  readonly lists: readonly HostList[]
}

/** What became of a view since one of its documents. */
export interface Difference {
  readonly joined: readonly string[]
  readonly left: readonly string[]
  /** Their variables or groups changed, once or more. */
  readonly changed: readonly string[]
}

/** The past documents of this process that still can be compared with. */
export class Past {
  readonly #most: number
  /** The oldest first. */
  readonly #documents: PastDocument[] = []
  /** In how many documents each list is. */
  readonly #lists = new Map<HostList, number>()
  #hosts = 0

  constructor(most = MAX_PAST_HOSTS) {
    this.#most = most
  }

  /** How many hosts are remembered. */
  get hosts(): number {
    return this.#hosts
  }

  remember(document: PastDocument): void {
    const known = this.#documents.findIndex(({ page, etag }) => page === document.page && etag === document.etag)
    for (const list of document.lists) this.#hold(list)
    this.#documents.push(document)
    if (known >= 0) this.#forget(known)
    while (this.#documents.length > MAX_PAST_DOCUMENTS || (this.#hosts > this.#most && this.#documents.length > 1))
      this.#forget(0)
  }

  find(page: string, etag: string): PastDocument | undefined {
    return this.#documents.find(document => document.page === page && document.etag === etag)
  }

  #hold(list: HostList): void {
    const held = this.#lists.get(list) ?? 0
    this.#lists.set(list, held + 1)
    if (held === 0) this.#hosts += list.hosts.length
  }

  #forget(index: number): void {
    const [gone] = this.#documents.splice(index, 1)
    for (const list of gone?.lists ?? []) {
      const held = this.#lists.get(list) ?? 0
      if (held > 1) this.#lists.set(list, held - 1)
      else {
        this.#lists.delete(list)
        this.#hosts -= list.hosts.length
      }
    }
  }
}

/** What differs between two documents of one page. Pure. */
export function difference(before: readonly HostList[], after: readonly HostList[]): Difference {
  const [was, is] = [revisionsIn(before, new Set(after)), revisionsIn(after, new Set(before))]
  const hosts = [...is.keys()]
  return {
    joined: hosts.filter(host => !was.has(host)),
    left: [...was.keys()].filter(host => !is.has(host)),
    changed: hosts.filter(host => was.has(host) && was.get(host) !== is.get(host)),
  }
}

/** The hosts of the lists, but of those that are the same in the other document. */
function revisionsIn(lists: readonly HostList[], same: ReadonlySet<HostList>): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const list of lists) {
    if (same.has(list)) continue
    for (const [index, host] of list.hosts.entries()) found.set(host, list.revisions[index] ?? 0)
  }
  return found
}
