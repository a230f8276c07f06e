import type { VmRecord } from '../vm/index.ts'
import { type Closed, closedBecause } from './closed.ts'
import { Document } from './document.ts'
import { type Exhibit, Gallery } from './gallery.ts'
import type { Inventory, InventoryOptions, Sight } from './inventory-options.ts'
import { narrowed } from './narrowing.ts'
import type { Difference } from './past.ts'
import type { Staleness } from './stale.ts'
import type { GuestProfile, ProfileWhy } from './profile.ts'
import { Turns } from './turns.ts'
import { Upkeep } from './upkeep.ts'
import { notTakenBecause, type View, viewOfAll } from './view.ts'
import { type Why, why } from './why.ts'

/** Groups that one label key may make in any view. Other groups are as many as there are. */
export const MAX_LABEL_GROUPS = 2_000
/** Steps that a reader waits for beside those that all VMs take, while changes come so fast that there is always something to do. */
const MAX_STEPS = 200

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
  readonly #upkeep: Upkeep
  readonly #turns = new Turns()

  constructor(options: InventoryOptions) {
    const { labelGroups, views = [] } = options
    this.#options = options
    const whole = viewOfAll('', { builtin: true, labels: labelGroups, maxPerLabel: MAX_LABEL_GROUPS })
    const all = [whole, ...views]
    this.#views = new Map(all.map(view => [view.name, view]))
    this.#gallery = new Gallery({ ofGroups: options.warnOfGroups, ofName: options.warnOfName }, options.now())
    for (const view of this.#views.values()) this.#gallery.open(view, view.rendering)
    this.#upkeep = new Upkeep(this.#gallery, all, options)
  }

  /** Goes on where another one is, which it takes the place of. */
  succeed(before: InventoryCache): void {
    this.#gallery.succeed(before.#gallery)
  }

  [Symbol.dispose](): void {
    this.#upkeep[Symbol.dispose]()
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

  /**
   * Resolves when `read` has little left to do, or when changes came for so long that it has to be enough. Until then it works in short
   * pieces, so that others are heard meanwhile.
   */
  async prepare(sight: Sight | string = {}): Promise<void> {
    let left = this.#patience()
    while (left > 0) {
      left = await this.#prepareHosts(sight, left)
      const { page } = this.#exhibit(sight)
      if (page.isReady) return
      // Who waits behind others may find that they did it.
      await this.#turns.take(() => page.step())
      left -= 1
    }
  }

  /** As `prepare`, for `varsOf` and `why`; they need no document. */
  async prepareHosts(sight: Sight | string = {}): Promise<void> {
    await this.#prepareHosts(sight, this.#patience())
  }

  /** Gives how many of the steps are left. */
  async #prepareHosts(sight: Sight | string, steps: number): Promise<number> {
    void this.#exhibit(sight)
    this.#upkeep.age(this.#options.now())
    let left = steps
    for (; left > 0 && !this.#upkeep.isDone; left -= 1) await this.#turns.take(() => this.#upkeep.step())
    return left
  }

  #patience(): number {
    return this.#upkeep.stepsOfAll + MAX_STEPS
  }

  /** Why there is no document now, but for what the last one had; null when it is open. */
  closed(now: number, sight: Sight | string = {}): Closed | null {
    this.#upkeep.age(now)
    return this.#closed(this.#exhibit(sight), now)
  }

  /** The variables of one host as JSON; null when the view does not have it. Tell from `closed` whether it is open. */
  varsOf(host: string, sight: Sight | string = {}): string | null {
    const { page } = this.#exhibit(sight)
    this.#upkeep.finish()
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
      rival: record === undefined ? '' : this.#upkeep.betterThan(record, view.approach.choose(record).address),
      ofOthers,
      standing: this.#upkeep.standingOf(record, now),
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
    this.#upkeep.finish(true)
    return this.#upkeep.betterThan(record)
  }

  /** Whether a view takes a VM at `now`, in ms; whether it can be shown is another question. Throws a RangeError when there is no such view. */
  takes(record: VmRecord, view: string, now: number): boolean {
    return notTakenBecause(this.#view(view), record, this.#upkeep.standingOf(record, now)).length === 0
  }

  /** The profile of a VM, whether it is in any view or not. */
  profileOf(record: VmRecord): GuestProfile {
    return this.#upkeep.profileOf(record)
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
    this.#upkeep.refresh(record)
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
    this.#upkeep.showAll()
    return this.#gallery.open(view, rendering)
  }

  #closed({ view, lacking }: Exhibit, now: number): Closed | null {
    const { fleet, expected } = this.#options
    const stalenessOf = (cluster: string): Staleness => this.#upkeep.stalenessOf(cluster, now)
    const closed = closedBecause(view, { clusters: fleet.clusters, expected, stalenessOf })
    if (closed !== null || lacking.size === 0) return closed
    const clusters = [...lacking].flatMap(host => fleet.byHost(host)?.cluster ?? [])
    return { because: 'lacking', clusters: [...new Set(clusters)].sort() }
  }

  #catchUp(now: number): void {
    this.#upkeep.age(now)
    this.#upkeep.finish()
    this.#gallery.tidy(now)
  }
}
