import type { ClusterRecord } from '../cluster/index.ts'
import { hostName, type VmRecord, vmKey } from '../vm/index.ts'
import { addressOf } from './address.ts'
import { Backlog } from './backlog.ts'
import { type Closed, closedBecause } from './closed.ts'
import { Contention } from './contention.ts'
import { Document } from './document.ts'
import { type Exhibit, Gallery } from './gallery.ts'
import { isHostName } from './group-set.ts'
import type { Standing } from './host.ts'
import type { Inventory, InventoryOptions, Sight } from './inventory-options.ts'
import { narrowed } from './narrowing.ts'
import { claimsIn } from './network.ts'
import type { Difference } from './past.ts'
import { StaleBook, type Staleness } from './stale.ts'
import { type GuestProfile, NO_PROFILE, type ProfileWhy } from './profile.ts'
import { Turns } from './turns.ts'
import { notTakenBecause, type View, viewOfAll } from './view.ts'
import { type Why, why } from './why.ts'

/** Groups that one label key may make in any view. Other groups are as many as there are. */
export const MAX_LABEL_GROUPS = 2_000
/** VMs that are rendered in one go: some milliseconds. */
const VMS_A_STEP = 100
/** Steps that a reader waits for pieces to be made, while changes come so fast that there are always some to make. */
const MAX_STEPS = 2_000
/** Compressed forms that nobody asked for in this time are forgotten, in ms. */
const TIDY_MS = 600_000

/**
 * The inventory of the whole fleet and its views: each host is rendered when its VM changes, and put together with its neighbours on read.
 * A VM leaves only when it is known to be gone, or by what is known of it leaves the view; one whose cluster can not be seen stays, marked.
 *
 * What changes many hosts at once (a start, a cluster that is not seen any more) waits until somebody reads. `read` then does all of it;
 * who must not stall awaits `prepare` first.
 */
export class InventoryCache implements Disposable {
  readonly #options: InventoryOptions
  readonly #views: ReadonlyMap<string, View>
  readonly #gallery: Gallery
  readonly #contention: Contention
  readonly #staleness: StaleBook
  readonly #unsubscribe: () => void
  readonly #backlog = new Backlog()
  readonly #turns = new Turns()
  /** The sets of each cluster, as its hosts are rendered by them. */
  readonly #sets: Map<string, string | undefined>
  #tidied: number

  constructor(options: InventoryOptions) {
    const { fleet, labelGroups, views = [], networks = [] } = options
    this.#options = options
    this.#tidied = options.now()
    this.#sets = new Map([...fleet.clusters].map(([name, cluster]) => [name, cluster.cluster_sets?.join()]))
    this.#staleness = new StaleBook(fleet.clusters, options.limits)
    const whole = viewOfAll('', { builtin: true, labels: labelGroups, maxPerLabel: MAX_LABEL_GROUPS })
    const all = [whole, ...views]
    this.#views = new Map(all.map(view => [view.name, view]))
    this.#gallery = new Gallery({ ofGroups: options.warnOfGroups, ofName: options.warnOfName })
    for (const view of this.#views.values()) this.#gallery.open(view, view.rendering)
    this.#contention = new Contention({
      claimsOf: claimsIn(networks, addressesUsed(all)),
      recordOf: host => fleet.byHost(host),
      stalenessOf: record => this.#staleness.of(record.cluster, options.now()),
    })
    this.#backlog.addFresh(fleet.vms.keys())
    this.#unsubscribe = fleet.subscribe(change => {
      if (change.kind === 'cluster') return this.#regroup(change.name)
      this.#change(change.key, change.before, change.after)
      this.#tidy(options.now())
    })
  }

  /** Goes on where another one is, which it takes the place of. */
  succeed(before: InventoryCache): void {
    this.#gallery.succeed(before.#gallery)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** The names of the views, in order. */
  get views(): readonly string[] {
    return [...this.#views.keys()].filter(name => name !== '').sort()
  }

  /** The names of the formats, in order. */
  get formats(): readonly string[] {
    return [...(this.#options.formats?.keys() ?? [])].sort()
  }

  /** The inventory at `now`, in ms: of the whole fleet, or of one of the `views`. It counts as served. */
  read(now: number, sight: Sight | string = {}): Inventory {
    const exhibit = this.#exhibit(sight)
    this.#catchUp(now)
    const closed = this.#closed(exhibit, now)
    if (closed !== null) return { kind: 'closed', ...closed }
    const served = this.#gallery.serve(exhibit)
    return served instanceof Document ? served : { kind: 'closed', because: 'shrunk', clusters: [], shrunk: served }
  }

  /** Resolves when `read` has little left to do. Until then it works in short pieces, so that others are heard meanwhile. */
  async prepare(sight: Sight | string = {}): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      await this.prepareHosts(sight)
      const { page } = this.#exhibit(sight)
      if (page.isReady) return
      // Who waits behind others may find that they did it.
      await this.#turns.take(() => page.step())
    }
  }

  /** Resolves when `varsOf` and `why` have little left to do; they need no document. */
  async prepareHosts(sight: Sight | string = {}): Promise<void> {
    void this.#exhibit(sight)
    this.#age(this.#options.now())
    while (this.#backlog.size > 0) await this.#turns.take(() => this.#work(VMS_A_STEP))
  }

  /** Why there is no document now, but for what the last one had; null when it is open. */
  closed(now: number, sight: Sight | string = {}): Closed | null {
    this.#age(now)
    return this.#closed(this.#exhibit(sight), now)
  }

  /** The variables of one host as JSON; null when the view does not have it. Tell from `closed` whether it is open. */
  varsOf(host: string, sight: Sight | string = {}): string | null {
    const { page } = this.#exhibit(sight)
    this.#work(Infinity)
    return page.varsOf(page.canonicalOf(host))
  }

  /**
   * Why a host is in a view or not, enabled or not, and in its groups, at `now`. `ofOthers` false: for who may see nothing but the
   * view, so that nothing is said of any VM outside of it.
   */
  why(name: string, now: number, { ofOthers = true, ...sight }: Sight & { readonly ofOthers?: boolean } = {}): Why {
    const exhibit = this.#exhibit(sight)
    const { view, page } = exhibit
    this.#catchUp(now)
    const host = page.canonicalOf(name)
    const closed = this.#closed(exhibit, now)
    const record = ofOthers || page.has(host) ? this.#options.fleet.byHost(host) : undefined
    return why({
      host: name,
      view,
      record: record ?? null,
      listed: page.has(host),
      misnamed: page.misnamedBecause(host),
      rival: record === undefined ? '' : this.#contention.betterThan(record, view.approach.choose(record).address),
      ofOthers,
      standing: this.#standingOf(record, now),
      profile: record === undefined ? null : this.profileWhy(record),
      closed,
      hasGroup: group => closed !== null || page.hasGroup(group),
    })
  }

  /** What became of a view between two of its documents, as long as both are remembered: they were made by this process. Else null. */
  differenceOf(before: string, after: string, sight: Sight | string = {}): Difference | null {
    return this.#gallery.difference(this.#exhibit(sight), before, after)
  }

  /** The host with a better claim to the address of this VM; empty when there is none. */
  rivalOf(record: VmRecord): string {
    this.#work(Infinity, true)
    return this.#contention.betterThan(record)
  }

  /** Whether a view takes a VM at `now`, in ms; whether it can be shown is another question. Throws a RangeError when there is no such view. */
  takes(record: VmRecord, view: string, now: number): boolean {
    return notTakenBecause(this.#view(view), record, this.#standingOf(record, now)).length === 0
  }

  /** The profile of a VM, whether it is in any view or not. */
  profileOf(record: VmRecord): GuestProfile {
    const { profiles, fleet } = this.#options
    return profiles?.of(record, fleet.clusters.get(record.cluster)?.cluster_sets) ?? NO_PROFILE
  }

  /** Why it has that profile; null where no profiles are configured. */
  profileWhy(record: VmRecord): ProfileWhy | null {
    const { profiles, fleet } = this.#options
    if (profiles === undefined || profiles.names.length === 0) return null
    return profiles.why(record, fleet.clusters.get(record.cluster)?.cluster_sets)
  }

  /** The names of the profiles, in the order of the configuration. */
  get profiles(): readonly string[] {
    return this.#options.profiles?.names ?? []
  }

  /** Renders the VM with this uid again: what day 2 knows of it changed. */
  refresh(record: VmRecord): void {
    if (!this.#backlog.isFresh(vmKey(record))) this.#render(record)
  }

  #view(name: string): View {
    const view = this.#views.get(name)
    if (view === undefined) throw new RangeError(`there is no view "${name}"`)
    return view
  }

  #exhibit(sight: Sight | string): Exhibit {
    const { view: name = '', format = '', within } = typeof sight === 'string' ? { view: sight } : sight
    const view = within === undefined ? this.#view(name) : narrowed(this.#view(name), within)
    const rendering = format === '' ? view.rendering : this.#options.formats?.get(format)
    if (rendering === undefined) throw new RangeError(`there is no format "${format}"`)
    const known = this.#gallery.find(view, rendering)
    if (known !== undefined) return known
    this.#backlog.addShown(this.#options.fleet.vms.keys())
    return this.#gallery.open(view, rendering)
  }

  #closed({ view, lacking }: Exhibit, now: number): Closed | null {
    const { fleet, expected } = this.#options
    const stalenessOf = (cluster: string): Staleness => this.#staleness.of(cluster, now)
    const closed = closedBecause(view, { clusters: fleet.clusters, expected, stalenessOf })
    if (closed !== null || lacking.size === 0) return closed
    const clusters = [...lacking].flatMap(host => fleet.byHost(host)?.cluster ?? [])
    return { because: 'lacking', clusters: [...new Set(clusters)].sort() }
  }

  #change(key: string, before: VmRecord | null, after: VmRecord | null): void {
    if (this.#backlog.isFresh(key)) {
      if (after === null) this.#backlog.remove(key)
      return
    }
    const touched = this.#contention.change(before, after)
    if (after !== null) this.#render(after)
    else if (before !== null) {
      this.#backlog.remove(key)
      this.#gallery.remove(hostName(before))
    }
    this.#backlog.addShown(touched.flatMap(host => this.#keyOf(host)))
  }

  /** Clusters grow stale by time alone: their hosts are rendered again when they cross a limit. */
  #age(now: number): void {
    const crossed = this.#staleness.crossed(now)
    if (crossed.size > 0) this.#backlog.addClaims(this.#keysOf(crossed))
  }

  #catchUp(now: number): void {
    this.#age(now)
    this.#work(Infinity)
    this.#tidy(now)
  }

  /** Takes so many VMs from the backlog. */
  #work(most: number, claimsOnly = false): void {
    for (let done = 0; done < most; done += 1) {
      const next = this.#backlog.next(claimsOnly)
      if (next === null) return
      const record = this.#options.fleet.vms.get(next.key)
      if (record === undefined) continue
      if (next.cause === 'shown') {
        this.#render(record)
        continue
      }
      const touched = this.#contention.change(next.cause === 'fresh' ? null : record, record)
      this.#backlog.addShown([next.key, ...touched.flatMap(host => this.#keyOf(host))])
    }
  }

  #standingOf(record: VmRecord | undefined, now: number): Standing {
    if (record === undefined) return { staleness: 'fresh', verbs: { onboard: '', patch: '' } }
    const lost = this.#contention.lostBy(record)
    return {
      staleness: this.#staleness.of(record.cluster, now),
      conflict: lost.includes(addressOf(record)),
      lost,
      ...setsOf(this.#options.fleet.clusters.get(record.cluster)),
      profile: this.profileOf(record),
      verbs: this.#options.verbsOf(record.uid),
    }
  }

  /** A cluster came into another set, which is known: its hosts may be of other views and groups now. */
  #regroup(name: string): void {
    const sets = this.#options.fleet.clusters.get(name)?.cluster_sets?.join()
    if (sets === this.#sets.get(name)) return
    this.#sets.set(name, sets)
    this.#backlog.addShown(this.#keysOf(new Set([name])))
  }

  /** The keys of the VMs of clusters. */
  #keysOf(clusters: ReadonlySet<string>): readonly string[] {
    return [...this.#options.fleet.vms.keys()].filter(key => clusters.has(key.slice(0, key.indexOf('/'))))
  }

  #keyOf(host: string): readonly string[] {
    const record = this.#options.fleet.byHost(host)
    return record === undefined ? [] : [vmKey(record)]
  }

  #render(record: VmRecord): void {
    if (!isHostName(hostName(record))) return
    this.#gallery.show(record, this.#standingOf(record, this.#options.now()))
  }

  #tidy(now: number): void {
    if (now - this.#tidied < TIDY_MS) return
    this.#tidied = now
    this.#gallery.tidy()
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
