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

/** What of a membership a document tells, and where values make the groups, which one does: why a host is in any other is worked out when somebody asks. */
export type Tag = Pick<Membership, 'group' | 'source' | 'parent'> & Partial<Pick<Membership, 'because'>>

/** The groups of a host. */
export type GroupSet = readonly Tag[]

/** Tags, and sets of them, that are shared; when there are more, it is begun anew. */
const MAX_SHARED_GROUPS = 10_000

/** Keeps one object for hosts of the same groups, which are many, and one for each group: a host then costs its variables and little else. */
export class SharedGroups {
  readonly #tags = new Map<string, Tag>()
  readonly #sets = new Map<string, GroupSet>()

  get size(): number {
    return this.#sets.size
  }

  /** What has a name that no group may have is left out. */
  of(memberships: readonly Membership[]): GroupSet {
    const named = memberships.filter(
      ({ group, parent }) => isGroupName(group) && (parent === undefined || isGroupName(parent)),
    )
    const keys = named.map(({ group, source, parent = '', because }) =>
      source === undefined ? `${group}  ${parent}` : `${group} ${source} ${parent} ${because}`,
    )
    // Between them stands what no text of a guest holds: else one could read as several.
    return shared(this.#sets, keys.join('\0'), () =>
      named.map(({ group, source, parent, because }, index) =>
        shared(this.#tags, keys[index] ?? '', () => ({
          group,
          ...(source === undefined ? {} : { source, because }),
          ...(parent === undefined ? {} : { parent }),
        })),
      ),
    )
  }
}

/** True for the same groups, whether the objects are the same or not. */
export function isSameSet(one: GroupSet, other: GroupSet): boolean {
  return one === other || (one.length === other.length && one.every((tag, index) => isSameTag(tag, other[index])))
}

function isSameTag(one: Tag, other: Tag | undefined): boolean {
  if (one === other) return true
  if (one.group !== other?.group || one.source !== other.source) return false
  return one.parent === other.parent && one.because === other.because
}

function shared<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= MAX_SHARED_GROUPS) known.clear()
  const fresh = make()
  known.set(key, fresh)
  return fresh
}

function isGroupName(name: string): boolean {
  return GROUP.test(name) && !RESERVED.has(name)
}
