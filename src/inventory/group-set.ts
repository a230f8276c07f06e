import type { Membership } from './group.ts'

/** Whom Ansible may be told of: names of Kubernetes, joined by dots. A controller takes 512 characters. */
const HOST = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,511}$/
const GROUP = /^[A-Za-z0-9_]{1,512}$/
/** What Ansible has already, and what is no group in a document. */
const RESERVED = new Set(['all', 'ungrouped', '_meta'])

/** True for a name that may stand in an inventory. */
export function isHostName(name: string): boolean {
  return HOST.test(name)
}

/** True for what Ansible calls groups of its own. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name)
}

/** The groups of a host; the same object for hosts of the same groups, which are many. */
export interface GroupSet {
  readonly of: readonly Membership[]
  /** The same for the same groups. */
  readonly key: string
}

/** Groups that are shared; when there are more, it is begun anew. */
const MAX_SHARED_GROUPS = 10_000

/** Keeps one object for hosts of the same groups: a host then costs its variables and little else. */
export class SharedGroups {
  readonly #known = new Map<string, GroupSet>()

  get size(): number {
    return this.#known.size
  }

  /** What has a name that no group may have is left out. */
  of(memberships: readonly Membership[]): GroupSet {
    const of = memberships.filter(
      ({ group, parent }) => isGroupName(group) && (parent === undefined || isGroupName(parent)),
    )
    const key = of.map(({ group, source = '', parent = '' }) => `${group} ${source} ${parent}`).join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= MAX_SHARED_GROUPS) this.#known.clear()
    const fresh = { of, key }
    this.#known.set(key, fresh)
    return fresh
  }
}

function isGroupName(name: string): boolean {
  return GROUP.test(name) && !RESERVED.has(name)
}
