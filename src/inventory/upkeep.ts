import type { ClusterRecord } from '../cluster/index.ts'
import { hostName, type VmRecord, vmKey } from '../vm/index.ts'
import { addressOf } from './address.ts'
import { Backlog } from './backlog.ts'
import { Contention } from './contention.ts'
import type { Gallery } from './gallery.ts'
import { isHostName } from './group-set.ts'
import type { Standing } from './host.ts'
import type { InventoryOptions } from './inventory-options.ts'
import { claimsIn } from './network.ts'
import { type GuestProfile, NO_PROFILE } from './profile.ts'
import { StaleBook, type Staleness } from './stale.ts'

/** How often VMs are shown in one go, each in every view and rendering that there is: some milliseconds. */
const SHOWN_A_STEP = 200

/**
 * Keeps what is shown as what is known: each VM is rendered when it changes, at once. What changes many at once (a start, a cluster
 * that is not seen any more) is left in a backlog, for who reads to have it worked off.
 */
export class Upkeep implements Disposable {
  readonly #options: InventoryOptions
  readonly #gallery: Gallery
  readonly #contention: Contention
  readonly #staleness: StaleBook
  readonly #unsubscribe: () => void
  readonly #backlog = new Backlog()
  /** What is known of each cluster itself, as its hosts are rendered by it. */
  readonly #known: Map<string, string>

  constructor(gallery: Gallery, options: InventoryOptions) {
    const { fleet } = options
    this.#options = options
    this.#gallery = gallery
    this.#known = new Map([...fleet.clusters].map(([name, cluster]) => [name, JSON.stringify(knownOf(cluster))]))
    this.#staleness = new StaleBook(fleet, options.limits)
    this.#contention = new Contention({
      claimsOf: claimsIn(options),
      recordOf: host => fleet.byHost(host),
      stalenessOf: record => this.#staleness.of(record.cluster, options.now()).staleness,
    })
    this.#backlog.addFresh(fleet.vms.keys())
    this.#unsubscribe = fleet.subscribe(change => {
      if (change.kind === 'cluster') return this.#regroup(change.name)
      this.#change(change.key, change.before, change.after)
      gallery.tidy(options.now())
    })
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** True when nothing is left to be done. */
  get isDone(): boolean {
    return this.#backlog.size === 0
  }

  /** VMs that `step` takes: the fewer the more views and renderings show each. */
  get stepSize(): number {
    return Math.max(1, Math.floor(SHOWN_A_STEP / this.#gallery.breadth))
  }

  /** Steps that take all VMs, whatever is to be done of each: a VM is in each of the three queues of the backlog once. */
  get stepsOfAll(): number {
    return Math.ceil((3 * this.#options.fleet.vms.size) / this.stepSize)
  }

  /** Does what is done in some milliseconds. */
  step(): void {
    this.#work(this.stepSize)
  }

  /** Does all that is left. `claimsOnly`: so that it is known who has which address, and no more. */
  finish(claimsOnly = false): void {
    this.#work(Infinity, claimsOnly)
  }

  /** Clusters grow stale by time alone: their hosts are rendered again when they cross a limit. */
  age(now: number): void {
    const crossed = this.#staleness.crossed(now)
    if (crossed.size > 0) this.#backlog.addClaims(this.#keysOf(crossed))
  }

  /** There is something new to show all VMs in. */
  showAll(): void {
    this.#backlog.addShown(this.#options.fleet.vms.keys())
  }

  /** Renders a VM again: what is known beside its record changed. */
  refresh(record: VmRecord): void {
    if (!this.#backlog.isFresh(vmKey(record))) this.#render(record)
  }

  stalenessOf(cluster: string, now: number): Staleness {
    return this.#staleness.of(cluster, now).staleness
  }

  /** The host with a better claim to an address of this VM, the usual one when none is named; empty when there is none. */
  betterThan(record: VmRecord, address?: string): string {
    return this.#contention.betterThan(record, address)
  }

  profileOf(record: VmRecord): GuestProfile {
    const { profiles, fleet } = this.#options
    return profiles?.of(record, fleet.clusters.get(record.cluster)?.cluster_sets) ?? NO_PROFILE
  }

  /** What is known of a VM beside its record at `now`, in ms; of none what is known of nobody. */
  standingOf(record: VmRecord | undefined, now: number): Standing {
    if (record === undefined) return { staleness: 'fresh', verbs: { onboard: '', patch: '' } }
    const lost = this.#contention.lossesOf(record).map(({ address }) => address)
    const { staleness, since: staleSince } = this.#staleness.of(record.cluster, now)
    return {
      staleness,
      staleSince,
      conflict: lost.includes(addressOf(record)),
      lost,
      ...(staleness === 'fresh'
        ? {}
        : { lostIfSeen: this.#contention.lossesIfSeen(record).map(({ address }) => address) }),
      ...knownOf(this.#options.fleet.clusters.get(record.cluster)),
      profile: this.profileOf(record),
      ...(this.#options.profiles === undefined ? {} : { profileLabels: this.#options.profiles.labelKeys }),
      verbs: this.#options.verbsOf(record.uid),
    }
  }

  #change(key: string, before: VmRecord | null, after: VmRecord | null): void {
    if (this.#backlog.isFresh(key)) {
      if (after === null) this.#backlog.remove(key)
      if (before !== null) this.#gallery.begin(before, after, this.standingOf(before, this.#options.now()))
      return
    }
    const touched = this.#contention.change(before, after)
    if (after !== null) this.#render(after)
    else if (before !== null) {
      this.#backlog.remove(key)
      this.#gallery.remove(before)
    }
    this.#backlog.addShown(touched.flatMap(host => this.#keyOf(host)))
  }

  /** A cluster came into another set, which is known: its hosts may be of other views and groups now. Or its base domain is another. */
  #regroup(name: string): void {
    const known = JSON.stringify(knownOf(this.#options.fleet.clusters.get(name)))
    if (known === this.#known.get(name)) return
    this.#known.set(name, known)
    this.#backlog.addShown(this.#keysOf(new Set([name])))
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

  #render(record: VmRecord): void {
    if (!isHostName(hostName(record))) return
    this.#gallery.show(record, this.standingOf(record, this.#options.now()))
  }

  /** The keys of the VMs of clusters. */
  #keysOf(clusters: ReadonlySet<string>): readonly string[] {
    return [...this.#options.fleet.vms.keys()].filter(key => clusters.has(key.slice(0, key.indexOf('/'))))
  }

  #keyOf(host: string): readonly string[] {
    const record = this.#options.fleet.byHost(host)
    return record === undefined ? [] : [vmKey(record)]
  }
}

function knownOf(cluster: ClusterRecord | undefined): Pick<Standing, 'clusterSets' | 'baseDomain'> {
  const { cluster_sets, base_domain } = cluster ?? {}
  return {
    ...(cluster_sets === undefined ? {} : { clusterSets: cluster_sets }),
    ...(base_domain === undefined ? {} : { baseDomain: base_domain }),
  }
}
