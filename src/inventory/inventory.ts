import { createHash } from 'node:crypto'
import type { ClusterRecord } from '../cluster/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { hostName, type VmRecord } from '../vm/index.ts'
import { groupsOf, hostVars, labelPrefix, type VerbStatus } from './host.ts'
import { type Staleness, type StaleLimits, stalenessOf } from './stale.ts'

export interface InventoryOptions {
  readonly fleet: FleetView
  /** Clusters and hubs that must have been read before the inventory is true. */
  readonly expected: readonly string[]
  readonly limits: StaleLimits
  readonly labelGroups: readonly string[]
  readonly verbsOf: (uid: string) => VerbStatus
  readonly now: () => number
}

/** The document, or why there is none yet: closed until every expected cluster has been read once. */
export type Inventory =
  | { readonly kind: 'document'; readonly body: string; readonly etag: string; readonly hosts: number }
  | { readonly kind: 'closed'; readonly clusters: readonly string[] }

interface Fragment {
  readonly json: string
  readonly groups: readonly string[]
}

/** Groups one label key may make; hosts with its further values are without that group. Other groups are as many as there are. */
export const MAX_LABEL_GROUPS = 2_000

/**
 * The inventory of the whole fleet: each host is rendered when its VM changes, and spliced between the others on read.
 * A VM leaves it only when it is known to be gone; one whose cluster can not be seen stays, marked.
 */
export class InventoryCache implements Disposable {
  readonly #options: InventoryOptions
  readonly #fragments = new Map<string, Fragment>()
  readonly #staleness = new Map<string, Staleness>()
  readonly #unsubscribe: () => void
  #document: Extract<Inventory, { kind: 'document' }> | null = null

  constructor(options: InventoryOptions) {
    this.#options = options
    for (const record of options.fleet.vms.values()) this.#render(record, options.now())
    this.#unsubscribe = options.fleet.subscribe(change => {
      if (change.kind === 'cluster') return
      if (change.before !== null) this.#drop(change.before)
      if (change.after !== null) this.#render(change.after, options.now())
    })
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** The inventory at `now`, in ms. */
  read(now: number): Inventory {
    const closed = this.#unread()
    if (closed.length > 0) return { kind: 'closed', clusters: closed }
    this.#age(now)
    this.#document ??= this.#splice()
    return this.#document
  }

  /** Renders the VM with this uid again: what day 2 knows of it changed. */
  refresh(record: VmRecord): void {
    this.#render(record, this.#options.now())
  }

  #unread(): readonly string[] {
    const { clusters } = this.#options.fleet
    const expected = new Set([...this.#options.expected, ...clusters.keys()])
    return [...expected].filter(name => isUnread(clusters.get(name))).sort()
  }

  /** Clusters grow stale by time alone: their hosts are rendered again when they cross a limit. */
  #age(now: number): void {
    for (const cluster of this.#options.fleet.clusters.keys()) {
      const is = this.#stalenessAt(cluster, now)
      if (is === this.#staleness.get(cluster)) continue
      this.#staleness.set(cluster, is)
      for (const record of this.#options.fleet.vms.values()) if (record.cluster === cluster) this.#render(record, now)
    }
  }

  #stalenessAt(cluster: string, now: number): Staleness {
    return stalenessOf(this.#options.fleet.clusters.get(cluster), this.#options.limits, now)
  }

  #render(record: VmRecord, now: number): void {
    const staleness = this.#staleness.get(record.cluster) ?? this.#stalenessAt(record.cluster, now)
    const vars = hostVars(record, staleness, this.#options.verbsOf(record.uid))
    const json = JSON.stringify(vars)
    const name = hostName(record)
    const groups = groupsOf(record, this.#options.labelGroups)
    const known = this.#fragments.get(name)
    if (known?.json === json && known.groups.join() === groups.join()) return
    this.#fragments.set(name, { json, groups })
    this.#document = null
  }

  #drop(record: VmRecord): void {
    if (this.#fragments.delete(hostName(record))) this.#document = null
  }

  #splice(): Extract<Inventory, { kind: 'document' }> {
    const names = [...this.#fragments.keys()].sort()
    const groups = new Map<string, string[]>()
    const hosts: string[] = []
    const cap = new LabelCap(this.#options.labelGroups)
    for (const name of names) {
      const fragment = this.#fragments.get(name)
      if (fragment === undefined) continue
      hosts.push(`${JSON.stringify(name)}:${fragment.json}`)
      for (const group of fragment.groups) {
        const members = groups.get(group)
        if (members !== undefined) members.push(name)
        else if (cap.admits(group)) groups.set(group, [name])
      }
    }
    const children = [...groups.keys()].sort()
    const members = children.map(group => `${JSON.stringify(group)}:${JSON.stringify({ hosts: groups.get(group) })}`)
    const all = `"all":${JSON.stringify({ children })}`
    const body = `{"_meta":{"hostvars":{${hosts.join(',')}}},${[all, ...members].join(',')}}`
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
    return { kind: 'document', body, etag, hosts: names.length }
  }
}

/** Counts the groups that each label key makes. */
class LabelCap {
  readonly #prefixes: readonly string[]
  readonly #made = new Map<string, number>()

  constructor(labelGroups: readonly string[]) {
    // The longest first: `label_app_tier_` is the key `app/tier`, not a value of `app`.
    this.#prefixes = labelGroups.map(key => `${labelPrefix(key)}_`).sort((a, b) => b.length - a.length)
  }

  /** True when one more group of this name may be made; counts it. */
  admits(group: string): boolean {
    const prefix = group.startsWith('label_') ? this.#prefixes.find(prefix => group.startsWith(prefix)) : undefined
    if (prefix === undefined) return true
    const made = this.#made.get(prefix) ?? 0
    this.#made.set(prefix, made + 1)
    return made < MAX_LABEL_GROUPS
  }
}

/** A cluster that left the selection before it was ever read has no hosts to miss. */
function isUnread(cluster: ClusterRecord | undefined): boolean {
  return cluster === undefined || (cluster.adopted_at === 0 && cluster.status !== 'out_of_scope')
}
