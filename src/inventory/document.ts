import { createHash } from 'node:crypto'
import type { Fragment } from './fragment.ts'
import type { Membership } from './group.ts'
import type { Rendering } from './rendering.ts'

/** A document of Ansible's script protocol. The same hosts make the same bytes, and the same ETag. */
export interface Document {
  readonly body: string
  readonly etag: string
  readonly hosts: number
  readonly groups: ReadonlySet<string>
  /** Label keys with more values than they may make groups. */
  readonly capped: readonly string[]
}

/** Splices fragments, in the order they come in, into one document. */
export function splice(fragments: Iterable<Fragment>, rendering: Rendering): Document {
  const groups = new Map<string, string[]>()
  const hosts: string[] = []
  const cap = new LabelCap(rendering.maxPerSource)
  for (const fragment of fragments) {
    const shown = fragment.shown[rendering.key]
    hosts.push(`"${fragment.host}":${shown?.vars ?? '{}'}`)
    const own = admitted(shown?.groups.of ?? [], (key, group) => groups.has(group) || cap.admits(key))
    // Ansible knows a host by its groups: without any it would not be there.
    for (const group of own.size === 0 ? ['ungrouped'] : own) {
      const members = groups.get(group)
      if (members === undefined) groups.set(group, [fragment.host])
      else members.push(fragment.host)
    }
  }
  const children = [...groups.keys()].sort()
  const members = children.map(group => `"${group}":${JSON.stringify({ hosts: groups.get(group) })}`)
  const all = `"all":${JSON.stringify({ children })}`
  const body = `{"_meta":{"hostvars":{${hosts.join(',')}}},${[all, ...members].join(',')}}`
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  return { body, etag, hosts: hosts.length, groups: new Set(children), capped: cap.reached() }
}

function admitted(
  memberships: readonly Membership[],
  admits: (key: string, group: string) => boolean,
): ReadonlySet<string> {
  const own = memberships.filter(({ source, group }) => source === undefined || admits(source, group))
  return new Set(own.map(({ group }) => group))
}

/** Counts the groups that each label key makes. */
class LabelCap {
  readonly #most: number
  readonly #made = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** True when the key may make one more group; counts it. */
  admits(key: string): boolean {
    const made = (this.#made.get(key) ?? 0) + 1
    this.#made.set(key, made)
    return made <= this.#most
  }

  reached(): readonly string[] {
    return [...this.#made].filter(([, made]) => made > this.#most).map(([key]) => key)
  }
}
