import { createHash } from 'node:crypto'
import type { Fragment } from './fragment.ts'
import type { Profile } from './host.ts'
import type { ViewGroups } from './view.ts'

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
export function splice(fragments: Iterable<Fragment>, profile: Profile, wanted: ViewGroups): Document {
  const groups = new Map<string, string[]>()
  const hosts: string[] = []
  const cap = new LabelCap(wanted.maxPerLabel)
  for (const fragment of fragments) {
    hosts.push(`"${fragment.host}":${fragment.vars[profile] ?? '{}'}`)
    const own = groupsOfFragment(fragment, wanted, (key, group) => groups.has(group) || cap.admits(key))
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

function groupsOfFragment(
  { groups: { builtin, labels } }: Fragment,
  wanted: ViewGroups,
  admits: (key: string, group: string) => boolean,
): ReadonlySet<string> {
  const own = new Set<string>(wanted.builtin ? builtin : [])
  for (const key of wanted.labels) {
    const group = labels.get(key)
    if (group !== undefined && admits(key, group)) own.add(group)
  }
  return own
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
