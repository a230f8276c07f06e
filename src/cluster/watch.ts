import type { EventLog } from '../log/index.ts'
import { Asks, KubeError, reflect, type ReflectOptions, type Resource } from '../kube/index.ts'
import { type GuestIndex, type Holds, isCrowded, type Keep, type VmPart, type VmRecord } from '../vm/index.ts'
import { steadyClock } from '../clocks.ts'
import { pause, until } from '../waiting.ts'
import { ClusterBook } from './book.ts'
import type { ContestBoard } from './contest-board.ts'
import { Chronicle, type ChronicleOptions } from './chronicle.ts'
import { ClusterFold } from './fold.ts'
import { ClusterIdentity } from './identity.ts'
import type { ImportBoard } from './imports.ts'
import { Inbox } from './inbox.ts'
import { Lateness } from './lateness.ts'
import { LiveChanges } from './live.ts'
import { type ClusterRecord, newCluster, notReadYet, sameAs } from './record.ts'
import { type Extras, toRelist } from './extras.ts'
import { type Inbound, type Of, RESOURCES, USUAL, watched } from './resources.ts'

/** What a cluster's watch works with. Time and waiting come in as arguments. */
export interface WatchOptions extends ChronicleOptions {
  readonly name: string
  readonly hub: string
  readonly log: EventLog
  /** What the log knows of this cluster. */
  readonly known: { readonly cluster: ClusterRecord | null; readonly records: Keep<VmRecord> }
  readonly holds: Holds
  readonly heartbeatMs: number
  /** Takes this identity for the cluster; gives the name of the one that has it already, or null. */
  readonly claim?: (uid: string) => string | null
  readonly reflect?: Partial<Omit<ReflectOptions, 'signal' | 'verify' | 'asks'>>
  /** How long what a watch has missed is waited for once it is open again, in ms. */
  readonly catchUpMs?: number
  /** The resources to reflect; the usual ones when left out. */
  readonly resources?: readonly Of[]
  /** What an inventory needs of the objects beside the record; nothing when left out. */
  readonly extras?: Extras
  /** What all clusters of this bridge share: their guests, and what plans say of imports. */
  readonly guests?: GuestIndex
  readonly imports?: ImportBoard
  /** Who has whose address in all of them. */
  readonly contests?: ContestBoard
}

/** Changes that wait between the sockets and the log: when full, the sockets are left unread. */
const INBOX_LIMIT = 500
const IDENTITY_RETRY_MS = 5_000
/** How long a list is waited for that was asked for as more is to be kept; it comes all the same. */
const RELIST_PATIENCE_MS = 60_000

/**
 * Watches one cluster until the signal aborts: reflectors → fold → log, in that order, one commit for all that came meanwhile.
 * Rejects only when the log is lost (fenced or fatal): everything a cluster can do wrong is a status of its record.
 */
export class ClusterWatch {
  readonly #options: WatchOptions
  readonly #inbox = new Inbox<Inbound>(INBOX_LIMIT)
  readonly #book: ClusterBook
  readonly #identity: ClusterIdentity
  readonly #chronicle: Chronicle
  /** What is asked of the reflectors. */
  readonly #asks = { vm: new Asks(), vmi: new Asks() }
  #extras: Extras
  /** It has had a VM with more labels than are kept. */
  #crowded = false
  /** Resolves when VMs were listed. */
  #listed = Promise.withResolvers<void>()
  #fold: ClusterFold | null = null
  /** Whether a second list was asked for, because the last one lacks too much, and whether it came. */
  #second: 'no' | 'asked' | 'had' = 'no'

  constructor(options: WatchOptions) {
    this.#options = options
    this.#extras = options.extras ?? {}
    // Another hub may have it by now, or none.
    const record = { ...(options.known.cluster ?? newCluster(options.name, options.hub)), hub: options.hub }
    this.#book = new ClusterBook(options, record)
    this.#identity = new ClusterIdentity(options.client, record.uid)
    this.#chronicle = new Chronicle(options, this.#book, this.#identity)
  }

  get record(): ClusterRecord {
    return this.#book.record
  }

  get #resources(): readonly Of[] {
    return this.#options.resources ?? USUAL
  }

  /**
   * From here on this is kept beside the records, other than before. What was read already is listed anew where it lacks something of
   * that. Resolves when it was, when it takes too long, or when the signal aborts.
   */
  async keep(extras: Extras, signal: AbortSignal): Promise<void> {
    const lacking = toRelist(this.#extras, extras, this.#crowded)
    this.#extras = extras
    // What was not listed yet will be, with these.
    if (this.#fold === null || lacking.length === 0) return
    this.#listed = Promise.withResolvers()
    for (const of of lacking) this.#relist(of)
    await until(this.#listed.promise, signal, RELIST_PATIENCE_MS)
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    await this.#begin()
    await this.#identify()
    if (signal.aborted) return
    const stop = new AbortController()
    const inner = AbortSignal.any([signal, stop.signal])
    const reflectors = this.#resources.map(of => this.#reflect(of, inner))
    try {
      await this.#work(inner)
    } finally {
      stop.abort()
      await Promise.all(reflectors)
    }
  }

  /** What was synced when the bridge stopped is not so now: nothing is launched there before it was read again. */
  async #begin(): Promise<void> {
    const { status, adopted_at } = this.record
    if (adopted_at === 0 || status === 'unavailable' || status === 'joining' || this.#options.signal.aborted) return
    await this.#book.become(notReadYet(this.record))
  }

  /** Binds the cluster's name to the uid of its kube-system namespace, and waits while it does not answer or another one does. */
  async #identify(): Promise<void> {
    const { signal } = this.#options
    const waitMs = this.#options.reflect?.backoff?.maxMs ?? IDENTITY_RETRY_MS
    while (!signal.aborted) {
      await this.#chronicle.noteSets()
      try {
        const uid = await this.#identity.verify(signal)
        const twin = this.#options.claim?.(uid) ?? null
        if (twin === null) return this.#open(uid)
        const parked = sameAs(this.record, twin, this.#options.now())
        if (parked.reason !== this.record.reason) await this.#book.become(parked)
      } catch (error) {
        if (signal.aborted) return
        await this.#chronicle.cut(
          'identity',
          error instanceof KubeError ? error : new KubeError('server', String(error)),
        )
        await this.#chronicle.tellOutage()
      }
      await pause(waitMs, signal)
    }
  }

  #open(uid: string): void {
    const { name, hub, known, holds, log, guests, imports, contests, catchUpMs } = this.#options
    this.#chronicle.identified(uid)
    this.#fold = new ClusterFold({
      cluster: { name, hub, uid },
      holds,
      adopted: this.record.adopted_at > 0,
      lost: log.losses().some(({ stream }) => stream === 'state.fleet'),
      records: known.records,
      services: this.#resources.includes('service'),
      disksKnown: this.record.disks_known === true,
      burst: this.record.burst ?? null,
      ...(catchUpMs === undefined ? {} : { catchUpMs }),
      ...(guests === undefined ? {} : { guests }),
      ...(imports === undefined ? {} : { imports }),
      ...(contests === undefined ? {} : { contests }),
    })
  }

  async #reflect(of: Of, signal: AbortSignal): Promise<void> {
    const verify = async (inner: AbortSignal): Promise<void> => {
      await this.#identity.verify(inner)
      // Nothing waits for it: what may be shown without it is decided by who shows it.
      if (of === 'vm') void this.#chronicle.lookAtBaseDomain(signal).then(() => this.#inbox.wake())
    }
    const asks = of === 'vm' || of === 'vmi' ? { asks: this.#asks[of] } : {}
    const resource = (of === 'vm' ? this.#vms() : watched(of, () => this.#extras)) as Resource<unknown>
    const options = { ...this.#options.reflect, ...asks, signal, verify }
    for await (const observed of reflect(this.#options.client, resource, options))
      await this.#inbox.put({ of, observed } as Inbound, signal)
  }

  #vms(): Resource<VmPart> {
    const resource = watched('vm', () => this.#extras)
    const project = (object: unknown): VmPart => {
      const part = resource.project(object)
      this.#crowded ||= isCrowded(part)
      return part
    }
    return { ...resource, project }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const fold = this.#need()
    const { now, steady = steadyClock, heartbeatMs } = this.#options
    // Not at the next heartbeat: what a plan says is news of a VM as what its own cluster says.
    using imports = this.#options.imports?.read(() => this.#inbox.wake())
    using contests = this.#options.contests?.read(this.#options.name, () => this.#inbox.wake())
    const changes = this.#live(fold)
    const lateness = new Lateness({ now, steady })
    let beat = -Infinity
    while (!signal.aborted) {
      const due = Math.min(this.#chronicle.due() ?? Infinity, beat + heartbeatMs)
      const rest = Math.max(0, Math.min((fold.nextDue() ?? Infinity) - now(), due - steady()))
      lateness.expect(rest)
      const taken = await this.#inbox.take(rest, signal)
      if (lateness.isLate || taken.length >= INBOX_LIMIT) fold.behind(now())
      lateness.expect(0)
      await this.#takeAll(taken, changes)
      const rested = await changes.rest(this.#inbox.size > 0)
      if (lateness.isLate) fold.behind(now())
      if (!rested) continue
      await this.#book.store(fold, fold.mature(now()))
      await this.#book.store(fold, fold.lookAtServices(now()))
      if (imports !== undefined) await this.#book.store(fold, fold.lookAtImports(imports.changed, now()))
      if (contests !== undefined) await this.#book.store(fold, fold.lookAtContests(contests.changed, now()))
      await this.#chronicle.noteBaseDomain()
      await this.#chronicle.tellOutage()
      if (steady() - beat < heartbeatMs) continue
      beat = steady()
      await this.#chronicle.beat(fold)
    }
    await changes.end()
  }

  #live(fold: ClusterFold): LiveChanges {
    return new LiveChanges(fold, async staged => {
      await this.#chronicle.noteBurst(fold)
      await this.#book.store(fold, staged)
    })
  }

  /** In order: what is no change is taken when all changes before it are durable. The last changes may be on their way. */
  async #takeAll(inbox: readonly Inbound[], changes: LiveChanges): Promise<void> {
    for (const inbound of inbox) {
      const { kind } = inbound.observed
      if (kind === 'changed' || kind === 'gone') await changes.take(inbound, this.#options.now())
      else {
        await changes.end()
        await this.#take(inbound)
      }
    }
  }

  /** Anything but a change: a list, an audit, or what became of the watch. */
  async #take(inbound: Inbound): Promise<void> {
    const fold = this.#need()
    const { of, observed } = inbound
    if (observed.kind === 'watching') this.#chronicle.seen(of)
    if (observed.kind === 'ended')
      await this.#chronicle.cut(of, new KubeError('unreachable', 'its watch ended, and is not open again'))
    if (observed.kind === 'unavailable') await this.#chronicle.cut(of, observed.error)
    if (of === 'vm' && observed.kind === 'unavailable' && observed.error.kind === 'absent')
      await this.#chronicle.absent(fold.size)
    const changed = await this.#book.store(fold, fold.fold(inbound, this.#options.now()))
    if (observed.kind === 'audited') await this.#chronicle.audited(changed)
    if (of === 'vm' && observed.kind === 'listed') {
      this.#second = this.#second === 'asked' ? 'had' : 'no'
      this.#listed.resolve()
    }
    if (fold.held && this.#second === 'no') this.#askAgain()
    if (!RESOURCES[of].required || this.#second === 'asked') return
    if (observed.kind === 'listed' || observed.kind === 'watching')
      await this.#chronicle.settle(fold, observed.kind === 'listed')
  }

  /** So many VMs are not believed to be gone before a second list, the newest there is, says so too. In order: after all that came before. */
  #askAgain(): void {
    this.#second = 'asked'
    this.#relist('vm')
  }

  /** Until the list is there nobody watches. */
  #relist(of: 'vm' | 'vmi'): void {
    this.#fold?.lookAway(of)
    this.#asks[of].relist()
  }

  #need(): ClusterFold {
    if (this.#fold === null) throw new Error('the cluster is not identified yet')
    return this.#fold
  }
}
