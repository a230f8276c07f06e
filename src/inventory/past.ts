import type { Fragment } from './fragment.ts'
import type { Rendering } from './rendering.ts'

/** Hosts of past documents that are remembered, of all views together: some 16 bytes each. The oldest documents go first. */
export const MAX_PAST_HOSTS = 1_000_000
/** Past documents that are remembered, of all views together. */
const MAX_PAST_DOCUMENTS = 200

/** What a view had, and in which revision. */
export interface HostList {
  readonly view: string
  readonly etag: string
  /** In order. */
  readonly hosts: readonly string[]
  readonly revisions: Float64Array
}

/** What became of a view since one of its documents. */
export interface Difference {
  readonly joined: readonly string[]
  readonly left: readonly string[]
  /** Their variables or groups changed, once or more. */
  readonly changed: readonly string[]
}

/** The host list of a document. `fragments` in the order of their names. */
export function hostListOf(view: string, etag: string, fragments: readonly Fragment[], { key }: Rendering): HostList {
  const revisions = Float64Array.from(fragments, fragment => fragment.shown[key]?.revision ?? 0)
  return { view, etag, hosts: fragments.map(fragment => fragment.host), revisions }
}

/** The past documents of this process that still can be compared with. */
export class Past {
  readonly #most: number
  /** The oldest first. */
  readonly #lists: HostList[] = []
  #hosts = 0

  constructor(most = MAX_PAST_HOSTS) {
    this.#most = most
  }

  remember(list: HostList): void {
    const known = this.#lists.findIndex(({ view, etag }) => view === list.view && etag === list.etag)
    if (known >= 0) this.#forget(known)
    this.#lists.push(list)
    this.#hosts += list.hosts.length
    while (this.#lists.length > MAX_PAST_DOCUMENTS || (this.#hosts > this.#most && this.#lists.length > 1))
      this.#forget(0)
  }

  find(view: string, etag: string): HostList | undefined {
    return this.#lists.find(list => list.view === view && list.etag === etag)
  }

  #forget(index: number): void {
    const [gone] = this.#lists.splice(index, 1)
    this.#hosts -= gone?.hosts.length ?? 0
  }
}

/** What differs between two host lists of one view. Pure. */
export function difference(before: HostList, after: HostList): Difference {
  const was = new Map(before.hosts.map((host, index) => [host, before.revisions[index]]))
  const is = new Set(after.hosts)
  return {
    joined: after.hosts.filter(host => !was.has(host)),
    left: before.hosts.filter(host => !is.has(host)),
    changed: after.hosts.filter((host, index) => was.has(host) && was.get(host) !== after.revisions[index]),
  }
}
