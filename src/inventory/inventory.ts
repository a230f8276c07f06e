import type { ClusterRecord } from '../cluster/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { hostName, type VmRecord } from '../vm/index.ts'
import { addressOf } from './address.ts'
import { type Closed, closedBecause } from './closed.ts'
import { Contention } from './contention.ts'
import { type Document, splice } from './document.ts'
import { type Fragment, fragmentOf, isHostName, revised, SharedGroups } from './fragment.ts'
import type { Standing, VerbStatus } from './host.ts'
import { claimsIn, type Network } from './network.ts'
import { difference, type Difference, hostListOf, Past } from './past.ts'
import type { Rendering } from './rendering.ts'
import { StaleBook, type Staleness, type StaleLimits } from './stale.ts'
import { notTakenBecause, type View, viewOfAll } from './view.ts'
import { type Why, why } from './why.ts'

export interface InventoryOptions {
  readonly fleet: FleetView
  /** Clusters and hubs that must have been read before the inventory is true. */
  readonly expected: readonly string[]
  readonly limits: StaleLimits
  /** Labels that make groups in the inventory of the whole fleet. */
  readonly labelGroups: readonly string[]
  readonly views?: readonly View[]
  readonly networks?: readonly Network[]
  readonly verbsOf: (uid: string) => VerbStatus
  readonly now: () => number
  /** Told once for each label key that makes more groups in a view than it may. */
  readonly warnOfGroups?: (view: string, label: string, most: number) => void
}

/**
 * The document, or why there is none: closed until every cluster that the view could contain has been read once (`unread`), and, for
 * a view that would rather fail, while one of them can not be seen (`stale`).
 */
export type Inventory = ({ readonly kind: 'document' } & Document) | ({ readonly kind: 'closed' } & Closed)

/** Groups that one label key may make in any view. Other groups are as many as there are. */
export const MAX_LABEL_GROUPS = 2_000

interface ViewState {
  readonly view: View
  readonly members: Set<string>
  readonly warned: Set<string>
  document: Document | null
}

/**
 * The inventory of the whole fleet and its views: each host is rendered when its VM changes, and spliced between the others on read.
 * A VM leaves only when it is known to be gone, or by what is known of it leaves the view; one whose cluster can not be seen stays, marked.
 */
export class InventoryCache implements Disposable {
  readonly #options: InventoryOptions
  readonly #views: ReadonlyMap<string, ViewState>
  readonly #renderings: readonly Rendering[]
  readonly #contention: Contention
  readonly #fragments = new Map<string, Fragment>()
  readonly #staleness: StaleBook
  readonly #unsubscribe: () => void
  readonly #groups = new SharedGroups()
  readonly #past = new Past()
  /** The sets of each cluster, as its hosts are rendered by them. */
  readonly #sets: Map<string, string | undefined>
  #revision = 0
  /** The hosts by name; null when one came or went. */
  #order: readonly string[] | null = null

  constructor(options: InventoryOptions) {
    const { fleet, labelGroups, views = [], networks = [] } = options
    this.#options = options
    this.#sets = new Map([...fleet.clusters].map(([name, cluster]) => [name, cluster.cluster_sets?.join()]))
    this.#staleness = new StaleBook(fleet.clusters, options.limits)
    const whole = viewOfAll('', { builtin: true, labels: labelGroups, maxPerLabel: MAX_LABEL_GROUPS })
    const all = [whole, ...views]
    this.#views = new Map(all.map(view => [view.name, newState(view)]))
    this.#renderings = [...new Map(all.map(({ rendering }) => [rendering.key, rendering])).values()]
    this.#contention = new Contention({
      claimsOf: claimsIn(networks, addressesUsed(all)),
      recordOf: host => fleet.byHost(host),
      stalenessOf: record => this.#staleness.of(record.cluster, options.now()),
    })
    for (const record of fleet.vms.values()) this.#contention.change(null, record)
    for (const record of fleet.vms.values()) this.#render(record)
    this.#unsubscribe = fleet.subscribe(change => {
      if (change.kind === 'cluster') return this.#regroup(change.name)
      const touched = this.#contention.change(change.before, change.after)
      if (change.after !== null) this.#render(change.after)
      else if (change.before !== null) this.#drop(hostName(change.before))
      this.#renderHosts(touched)
    })
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** The names of the views, in order. */
  get views(): readonly string[] {
    return [...this.#views.keys()].filter(name => name !== '').sort()
  }

  /** The inventory at `now`, in ms: of the whole fleet, or of one of the `views`. */
  read(now: number, name = ''): Inventory {
    const state = this.#state(name)
    this.#age(now)
    const { fleet, expected } = this.#options
    const stalenessOf = (cluster: string): Staleness => this.#staleness.of(cluster, now)
    const closed = closedBecause(state.view, { clusters: fleet.clusters, expected, stalenessOf })
    if (closed !== null) return { kind: 'closed', ...closed }
    return { kind: 'document', ...this.#document(state) }
  }

  /** The variables of one host as JSON; null when the view does not have it. Tell from `read` whether it is open. */
  varsOf(host: string, name = ''): string | null {
    const { members, view } = this.#state(name)
    return members.has(host) ? (this.#fragments.get(host)?.shown[view.rendering.key]?.vars ?? null) : null
  }

  /**
   * Why a host is in a view or not, enabled or not, and in its groups, at `now`. `ofOthers` false: for who may see nothing but the
   * view, so that nothing is said of any VM outside of it.
   */
  why(host: string, now: number, { view: name = '', ofOthers = true } = {}): Why {
    const state = this.#state(name)
    const inventory = this.read(now, name)
    const record = ofOthers || state.members.has(host) ? this.#options.fleet.byHost(host) : undefined
    return why({
      host,
      view: state.view,
      record: record ?? null,
      listed: state.members.has(host),
      rival:
        record === undefined ? '' : this.#contention.betterThan(record, state.view.approach.choose(record).address),
      ofOthers,
      standing: this.#standingOf(record, now),
      closed: inventory.kind === 'closed' ? inventory : null,
      groups: inventory.kind === 'document' ? inventory.groups : null,
    })
  }

  /** What became of a view between two of its documents, as long as both are remembered: they were made by this process. Else null. */
  differenceOf(before: string, after: string, name = ''): Difference | null {
    const [was, is] = [this.#past.find(name, before), this.#past.find(name, after)]
    return was === undefined || is === undefined ? null : difference(was, is)
  }

  /** The host with a better claim to the address of this VM; empty when there is none. */
  rivalOf(record: VmRecord): string {
    return this.#contention.betterThan(record)
  }

  /** Renders the VM with this uid again: what day 2 knows of it changed. */
  refresh(record: VmRecord): void {
    this.#render(record)
  }

  #state(name: string): ViewState {
    const state = this.#views.get(name)
    if (state === undefined) throw new RangeError(`there is no view "${name}"`)
    return state
  }

  /** Clusters grow stale by time alone: their hosts are rendered again when they cross a limit. */
  #age(now: number): void {
    const { vms } = this.#options.fleet
    const crossed = this.#staleness.crossed(now)
    if (crossed.size === 0) return
    const records = [...vms.values()].filter(record => crossed.has(record.cluster))
    const touched = new Set(records.flatMap(record => this.#contention.change(record, record)))
    for (const record of records) this.#render(record)
    this.#renderHosts(touched)
  }

  #standingOf(record: VmRecord | undefined, now: number): Standing {
    if (record === undefined) return { staleness: 'fresh', verbs: { onboard: '', patch: '' } }
    return {
      staleness: this.#staleness.of(record.cluster, now),
      conflict: this.#contention.betterThan(record) !== '',
      lost: this.#contention.lostBy(record),
      ...setsOf(this.#options.fleet.clusters.get(record.cluster)),
      verbs: this.#options.verbsOf(record.uid),
    }
  }

  /** A cluster came into another set, which is known: its hosts may be of other views and groups now. */
  #regroup(name: string): void {
    const { clusters, vms } = this.#options.fleet
    const sets = clusters.get(name)?.cluster_sets?.join()
    if (sets === this.#sets.get(name)) return
    this.#sets.set(name, sets)
    for (const record of vms.values()) if (record.cluster === name) this.#render(record)
  }

  #renderHosts(hosts: Iterable<string>): void {
    for (const host of hosts) {
      const record = this.#options.fleet.byHost(host)
      if (record !== undefined) this.#render(record)
    }
  }

  #render(record: VmRecord): void {
    const host = hostName(record)
    if (!isHostName(host)) return
    const standing = this.#standingOf(record, this.#options.now())
    const wanted = { renderings: this.#renderings, groups: this.#groups, revision: (this.#revision += 1) }
    const known = this.#fragments.get(host)
    if (known === undefined) this.#order = null
    const fragment = revised(known, fragmentOf(record, standing, wanted))
    if (known === undefined || this.#renderings.some(({ key }) => known.shown[key] !== fragment.shown[key]))
      this.#fragments.set(host, fragment)
    for (const state of this.#views.values()) {
      const { view, members } = state
      const { key } = view.rendering
      const takes = key in fragment.shown && notTakenBecause(view, record, standing).length === 0
      if (takes && members.has(host) && known?.shown[key] === fragment.shown[key]) continue
      if (takes) members.add(host)
      else if (!members.delete(host)) continue
      state.document = null
    }
  }

  #drop(host: string): void {
    if (!this.#fragments.delete(host)) return
    this.#order = null
    for (const state of this.#views.values()) if (state.members.delete(host)) state.document = null
  }

  #document(state: ViewState): Document {
    if (state.document !== null) return state.document
    this.#order ??= [...this.#fragments.keys()].sort()
    const { view, members, warned } = state
    const hosts = this.#order.filter(host => members.has(host)).flatMap(host => this.#fragments.get(host) ?? [])
    state.document = splice(hosts, view.rendering)
    this.#past.remember(hostListOf(view.name, state.document.etag, hosts, view.rendering))
    for (const label of state.document.capped) {
      if (!warned.has(label)) this.#options.warnOfGroups?.(view.name, label, view.rendering.maxPerSource)
      warned.add(label)
    }
    return state.document
  }
}

/** The addresses that a VM is reached at, in any of the views, and where no view says otherwise. */
function addressesUsed(views: readonly View[]): (record: VmRecord) => readonly string[] {
  const approaches = [...new Map(views.map(({ approach }) => [approach.key, approach])).values()]
  return record => [addressOf(record), ...approaches.map(({ choose }) => choose(record).address)]
}

function setsOf(cluster: ClusterRecord | undefined): Pick<Standing, 'clusterSets'> {
  return cluster?.cluster_sets === undefined ? {} : { clusterSets: cluster.cluster_sets }
}

function newState(view: View): ViewState {
  return { view, members: new Set(), warned: new Set(), document: null }
}
