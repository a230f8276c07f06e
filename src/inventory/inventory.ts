import type { Scope } from '../fleet/index.ts'
import { Turns } from '../turns.ts'
import type { VmRecord } from '../vm/index.ts'
import { type Closed, closedBecause } from './closed.ts'
import { Document } from './document.ts'
import { type Exhibit, Gallery } from './gallery.ts'
import { HOSTS_A_STEP } from './group-book.ts'
import type { Held, Inventory, InventoryOptions, Sight } from './inventory-options.ts'
import { pageOf, type Reader } from './legacy.ts'
import { narrowed } from './narrowing.ts'
import type { Difference } from './past.ts'
import type { Staleness } from './stale.ts'
import type { GuestProfile, ProfileWhy } from './profile.ts'
import type { Shrunk } from './shrink-guard.ts'
import { Upkeep } from './upkeep.ts'
import { isGuarded, notTakenBecause, UNGUARDED, type View, viewOfAll } from './view.ts'
import { type Why, why } from './why.ts'

/** The most groups that one label key may make in the inventory of the whole fleet. */
export const MAX_LABEL_GROUPS = 2_000
/** The most steps that `prepare()` works beyond those for every VM once: changes may come faster than they are rendered, and a reader must not wait for ever. */
const MAX_STEPS = 200

/**
 * The inventory of the whole fleet and its views, kept rendered in memory. A host is rendered again when its VM changes; a read puts the
 * pieces together. A host leaves a view only when its VM is known to be gone or no longer matches the view. When its cluster can not be
 * seen, it stays, marked stale.
 *
 * What changes many hosts at once (the start, a cluster that grows stale) is rendered when somebody reads: by `prepare()` in short steps
 * between which other requests are answered, or by `read()` without a pause. A server awaits `prepare()` first.
 */
export class InventoryCache implements Disposable {
  readonly #options: InventoryOptions
  readonly #views: ReadonlyMap<string, View>
  readonly #gallery: Gallery
  readonly #upkeep: Upkeep
  readonly #turns = new Turns()

  constructor(options: InventoryOptions) {
    const { labelGroups, views = [], shrink = UNGUARDED } = options
    this.#options = options
    const whole = viewOfAll('', { builtin: true, labels: labelGroups, maxPerLabel: MAX_LABEL_GROUPS })
    const all = [{ ...whole, shrink }, ...views]
    this.#views = new Map(all.map(view => [view.name, view]))
    this.#gallery = new Gallery(
      { ofGroups: options.warnOfGroups, ofMerged: options.warnOfMerged, ofName: options.warnOfName },
      options.now(),
    )
    for (const view of this.#views.values())
      this.#gallery.open(view, view.rendering).guard.expect(options.believedBefore?.(view.name) ?? 0)
    this.#upkeep = new Upkeep(this.#gallery, options)
  }

  /**
   * Takes over what the inventory that this one replaces remembered for its shrink guard. `readers`: the parts that somebody may see now,
   * each with what they saw before.
   */
  succeed(before: InventoryCache, readers: readonly Reader[] = []): void {
    this.#gallery.succeed(before.#gallery, readers)
  }

  /** The names of the views that may not get much shorter. */
  get guarded(): ReadonlySet<string> {
    return new Set([...this.#views.values()].filter(isGuarded).map(({ name }) => name))
  }

  /** What `believed()` may tell of: those views by their names, and of each the formats and these parts by their pages. */
  guardedPages(parts: readonly Scope[]): ReadonlySet<string> {
    const pages = [...this.guarded].flatMap(name =>
      [undefined, ...parts].flatMap(within => ['', ...this.formats].map(format => pageOf({ name, within }, format))),
    )
    return new Set([...this.guarded, ...pages])
  }

  /** Of each view that may not get much shorter, and was served, and of its parts and formats: how many hosts its next document is held against. */
  believed(): ReadonlyMap<string, number> {
    return this.#gallery.believed()
  }

  [Symbol.dispose](): void {
    this.#upkeep[Symbol.dispose]()
  }

  /** The names of the configured views, sorted; without the one of the whole fleet. */
  get views(): readonly string[] {
    return [...this.#views.keys()].filter(name => name !== '').sort()
  }

  /** The names of the formats that any view can be asked for in, sorted. */
  get formats(): readonly string[] {
    return [...(this.#options.formats?.keys() ?? [])].sort()
  }

  /**
   * The document of a view at `now` (ms since the epoch), or why it is closed; `sight` left out: the whole fleet. The document is remembered
   * as served, for `differenceOf()`. Throws a RangeError for a view or format that does not exist, as do all methods that take a `sight`.
   */
  read(now: number, sight: Sight | string = {}): Inventory {
    const exhibit = this.#exhibit(sight)
    this.#catchUp(now)
    const closed = this.#closed(exhibit, now)
    if (closed !== null) return { kind: 'closed', ...closed }
    const served = this.#gallery.serve(exhibit)
    return served instanceof Document ? served : heldBack(served)
  }

  /**
   * Renders in short steps, so that other requests are answered in between. Resolves when `read()` has little left to do, or after a
   * bounded number of steps when changes never end.
   */
  async prepare(sight: Sight | string = {}): Promise<void> {
    let left = this.#patience()
    while (left > 0) {
      left = await this.#prepareHosts(sight, left)
      const { page } = this.#exhibit(sight)
      if (page.isReady) return
      // Another reader may have done this step while we waited for our turn.
      await this.#turns.take(() => page.step())
      left -= 1
    }
  }

  /** Like `prepare()`, for `varsOf()` and `why()`, which need rendered hosts and no document. */
  async prepareHosts(sight: Sight | string = {}): Promise<void> {
    let left = await this.#prepareHosts(sight, this.#patience())
    const { page } = this.#exhibit(sight)
    for (; left > 0 && !page.isSettled; left -= 1) await this.#turns.take(() => page.settleStep())
  }

  /** Renders hosts in at most `steps` steps, and gives how many are left. */
  async #prepareHosts(sight: Sight | string, steps: number): Promise<number> {
    void this.#exhibit(sight)
    this.#upkeep.age(this.#options.now())
    let left = steps
    for (; left > 0 && !this.#upkeep.isDone; left -= 1) await this.#turns.take(() => this.#upkeep.step())
    return left
  }

  #patience(): number {
    const stepsToSettle = Math.ceil((this.#options.fleet.vms.size + 1) / HOSTS_A_STEP)
    return this.#upkeep.stepsOfAll + stepsToSettle + MAX_STEPS
  }

  /** Why the view is closed at `now`; null when it is open. Does not look at whether it shrank too much, as `held()` does. */
  closed(now: number, sight: Sight | string = {}): Closed | null {
    this.#upkeep.age(now)
    return this.#closed(this.#exhibit(sight), now)
  }

  /**
   * Whether `read()` at `now` would hold the document back for what it lacks; null when it would not. Makes no document and serves none: a host
   * that is not there may be one that is missed, and whoever asks for one must not wait for all of them.
   */
  held(now: number, sight: Sight | string = {}): Held | null {
    const exhibit = this.#exhibit(sight)
    this.#catchUp(now)
    const shrunk = this.#gallery.held(exhibit)
    return shrunk === null ? null : heldBack(shrunk)
  }

  /** The hostvars of one host as JSON; null when the view does not have it. Also while the view is closed: ask `closed()`. */
  varsOf(host: string, sight: Sight | string = {}): string | null {
    const { page } = this.#exhibit(sight)
    this.#upkeep.finish()
    return page.varsOf(page.canonicalOf(host))
  }

  /**
   * Explains, at `now`, why a host is in the view or not, why it is enabled or not, and why it is in each of its groups. `ofOthers` false:
   * for somebody who may see this view alone, so nothing is said of any VM outside of it.
   */
  why(name: string, now: number, { ofOthers = true, ...sight }: Sight & { readonly ofOthers?: boolean } = {}): Why {
    const exhibit = this.#exhibit(sight)
    const { view, page } = exhibit
    const { rendering } = page.sheet
    this.#catchUp(now)
    const host = page.canonicalOf(name)
    const closed = this.#closed(exhibit, now)
    const record = ofOthers || page.has(host) ? this.#options.fleet.byHost(host) : undefined
    return why({
      host: name,
      view,
      rendering,
      record: record ?? null,
      gone: this.#options.fleet.gone(host),
      listed: page.has(host),
      misnamed: page.misnamedBecause(host),
      rival: record === undefined ? '' : this.#upkeep.betterThan(record, rendering.approach.choose(record).address),
      ofOthers,
      standing: this.#upkeep.standingOf(record, now),
      profile: record === undefined ? null : this.profileWhy(record),
      closed,
      hasGroup: group => closed !== null || page.hasGroup(group),
      originsOf: group => page.originsOf(group),
    })
  }

  /** What joined, left and changed between two documents of a view, named by their ETags; null when one of them is not remembered by this process. */
  differenceOf(before: string, after: string, sight: Sight | string = {}): Difference | null {
    return this.#gallery.difference(this.#exhibit(sight), before, after)
  }

  /** The name of the host with a better claim to the address of this VM; empty when there is none. */
  rivalOf(record: VmRecord): string {
    this.#upkeep.finish(true)
    return this.#upkeep.betterThan(record)
  }

  /** True when a VM matches a view at `now` (ms since the epoch); it may be missing from the document all the same, as for its name. Throws a RangeError. */
  takes(record: VmRecord, view: string, now: number): boolean {
    return notTakenBecause(this.#view(view), record, this.#upkeep.standingOf(record, now)).length === 0
  }

  /** The day-2 profile of a VM, whether it is in any view or not. */
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

  /** Renders a VM again although its record is the same: for a change of what day 2 did to it. */
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
    const exhibit = this.#gallery.open(view, rendering, format)
    this.#gallery.expect(exhibit, this.#options.believedBefore?.(pageOf(view, format)) ?? 0)
    return exhibit
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

function heldBack(shrunk: Shrunk): Held {
  return { kind: 'closed', because: 'shrunk', clusters: [], shrunk }
}
