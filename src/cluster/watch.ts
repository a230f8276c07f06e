import type { EventLog } from '../log/index.ts'
import { Asks, type KubeClient, KubeError, reflect, type ReflectOptions, type Resource } from '../kube/index.ts'
import type { GuestIndex, Holds, Keep, VmRecord } from '../vm/index.ts'
import { pause } from '../waiting.ts'
import { ABSENCE_HOLD_MS, mayLackKubeVirt, refutesAbsence, seesAbsence, withoutKubeVirt } from './absence.ts'
import { ClusterBook } from './book.ts'
import { ClusterFold } from './fold.ts'
import { ClusterIdentity } from './identity.ts'
import type { ImportBoard } from './imports.ts'
import { Inbox } from './inbox.ts'
import type { HubWord } from './managed.ts'
import { Outages } from './outage.ts'
import { type ClusterRecord, newCluster, notReadYet, sameAs } from './record.ts'
import { type Inbound, type Of, portraying, type Portraits, REQUIRED, RESOURCES, USUAL } from './resources.ts'
import type { Staged } from './staged.ts'
import { settled, unavailable } from './standing.ts'

/** What a cluster's watch works with. Time and waiting come in as arguments. */
export interface WatchOptions {
  readonly name: string
  readonly hub: string
  readonly client: KubeClient
  readonly log: EventLog
  /** What the log knows of this cluster. */
  readonly known: { readonly cluster: ClusterRecord | null; readonly records: Keep<VmRecord> }
  readonly holds: Holds
  readonly now: () => number
  readonly signal: AbortSignal
  readonly heartbeatMs: number
  /** What its hub says of it now. */
  readonly word?: () => HubWord
  /** The ManagedClusterSets it is in now. */
  readonly sets?: () => readonly string[]
  /** Who confirmed the deletions that have this digest; null when nobody did. Asked with every heartbeat while some wait for it. */
  readonly confirmedBy?: (digest: string) => string | null
  /** Takes this identity for the cluster; gives the name of the one that has it already, or null. */
  readonly claim?: (uid: string) => string | null
  readonly reflect?: Partial<Omit<ReflectOptions, 'signal' | 'verify' | 'asks'>>
  /** A cut that is mended within this time is no fact, in ms. */
  readonly outageHoldMs?: number | undefined
  /** For how long it must be seen to have no KubeVirt, in ms. */
  readonly absenceHoldMs?: number
  /** How long what a watch has missed is waited for once it is open again, in ms. */
  readonly catchUpMs?: number
  /** Told of each audit of a resource: how many VMs it found to be other than was known. */
  readonly onAudited?: (corrections: number) => void
  /** The resources to reflect; the usual ones when left out. */
  readonly resources?: readonly Of[]
  /** What an inventory needs of the objects beside the record; nothing when left out. */
  readonly portraits?: Portraits
  /** What all clusters of this bridge share: their guests, and what plans say of imports. */
  readonly guests?: GuestIndex
  readonly imports?: ImportBoard
}

/** Changes that wait between the sockets and the log: when full, the sockets are left unread. */
const INBOX_LIMIT = 500
const IDENTITY_RETRY_MS = 5_000
/** Who wakes so much later than he meant to, or is busy for so long, has not read what came meanwhile. */
const LATE_MS = 1_000

/**
 * Watches one cluster until the signal aborts: reflectors → fold → log, in that order, one commit for all that came meanwhile.
 * Rejects only when the log is lost (fenced or fatal): everything a cluster can do wrong is a status of its record.
 */
export class ClusterWatch {
  readonly #options: WatchOptions
  readonly #inbox = new Inbox<Inbound>(INBOX_LIMIT)
  readonly #book: ClusterBook
  readonly #identity: ClusterIdentity
  readonly #outages: Outages<Of | 'identity'>
  /** What is asked of the reflector of VMs. */
  readonly #vms = new Asks()
  readonly #watching = new Set<Of>()
  #fold: ClusterFold | null = null
  /** Since when it is seen to have no KubeVirt; 0: it is not. */
  #lacking = 0
  /** Whether a second list was asked for, because the last one lacks too much, and whether it came. */
  #second: 'no' | 'asked' | 'had' = 'no'

  constructor(options: WatchOptions) {
    this.#options = options
    // Another hub may have it by now, or none.
    const record = { ...(options.known.cluster ?? newCluster(options.name, options.hub)), hub: options.hub }
    this.#book = new ClusterBook(options, record)
    this.#identity = new ClusterIdentity(options.client, record.uid)
    this.#outages = new Outages(options.outageHoldMs)
  }

  get record(): ClusterRecord {
    return this.#book.record
  }

  /** True when every required resource is being watched. */
  get #watched(): boolean {
    return REQUIRED.every(of => this.#watching.has(of))
  }

  get #resources(): readonly Of[] {
    return this.#options.resources ?? USUAL
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
      await this.#noteSets()
      try {
        const uid = await this.#identity.verify(signal)
        const twin = this.#options.claim?.(uid) ?? null
        if (twin === null) return this.#open(uid)
        const parked = sameAs(this.record, twin, this.#options.now())
        if (parked.reason !== this.record.reason) await this.#book.become(parked)
      } catch (error) {
        if (signal.aborted) return
        await this.#cut('identity', error instanceof KubeError ? error : new KubeError('server', String(error)))
        await this.#tellOutage()
      }
      await pause(waitMs, signal)
    }
  }

  #open(uid: string): void {
    const { name, hub, known, holds, log, guests, imports, catchUpMs } = this.#options
    this.#outages.end('identity')
    this.#book.note({ uid })
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
    })
  }

  async #reflect(of: Of, signal: AbortSignal): Promise<void> {
    const verify = async (inner: AbortSignal): Promise<void> => void (await this.#identity.verify(inner))
    const asks = of === 'vm' ? { asks: this.#vms } : {}
    const { portraits } = this.#options
    const resource = (portraits === undefined ? RESOURCES[of] : portraying(of, portraits)) as Resource<unknown>
    const options = { ...this.#options.reflect, ...asks, signal, verify }
    for await (const observed of reflect(this.#options.client, resource, options))
      await this.#inbox.put({ of, observed } as Inbound, signal)
  }

  async #work(signal: AbortSignal): Promise<void> {
    const fold = this.#need()
    const { now, heartbeatMs } = this.#options
    // Not at the next heartbeat: what a plan says is news of a VM as what its own cluster says.
    using imports = this.#options.imports?.read(() => this.#inbox.wake())
    let beat = 0
    while (!signal.aborted) {
      const due = Math.min(fold.nextDue() ?? Infinity, this.#outages.due() ?? Infinity, beat + heartbeatMs)
      const wake = Math.max(due, now())
      const taken = await this.#inbox.take(wake - now(), signal)
      const began = now()
      if (began - wake > LATE_MS || taken.length >= INBOX_LIMIT) fold.behind(began)
      await this.#takeAll(taken)
      if (now() - began > LATE_MS) fold.behind(now())
      await this.#book.store(fold, fold.mature(now()))
      await this.#book.store(fold, fold.lookAtServices(now()))
      if (imports !== undefined) await this.#book.store(fold, fold.lookAtImports(imports.changed, now()))
      await this.#tellOutage()
      if (now() - beat < heartbeatMs) continue
      beat = now()
      await this.#noteSets()
      await this.#release()
      await this.#beat()
    }
  }

  /** Live changes of different VMs that came together are one append; a VM that comes twice waits for its first to be durable. */
  async #takeAll(inbox: readonly Inbound[]): Promise<void> {
    const fold = this.#need()
    let keys = new Set<string>()
    let staged: (Staged | null)[] = []
    const flush = async (): Promise<void> => {
      // First that they wait for a person, then that they are gone: a crash in between leaves what nobody may act on, not the other way.
      const { burst } = fold
      if (burst !== (this.record.burst ?? null)) await this.#book.become({ ...this.record, burst })
      await this.#book.store(fold, staged)
      keys = new Set()
      staged = []
    }
    for (const inbound of inbox) {
      const { observed } = inbound
      if (observed.kind !== 'changed' && observed.kind !== 'gone') {
        await flush()
        await this.#take(inbound)
        continue
      }
      const key = fold.keyOf(inbound)
      if (keys.has(key)) await flush()
      keys.add(key)
      staged.push(...fold.fold(inbound, this.#options.now()))
    }
    await flush()
  }

  /** Anything but a change: a list, an audit, or what became of the watch. */
  async #take(inbound: Inbound): Promise<void> {
    const fold = this.#need()
    const { of, observed } = inbound
    if (observed.kind === 'watching') this.#seen(of)
    if (observed.kind === 'ended')
      await this.#cut(of, new KubeError('unreachable', 'its watch ended, and is not open again'))
    if (observed.kind === 'unavailable') await this.#cut(of, observed.error)
    if (of === 'vm' && observed.kind === 'unavailable' && observed.error.kind === 'absent')
      await this.#lookForKubeVirt()
    const changed = await this.#book.store(fold, fold.fold(inbound, this.#options.now()))
    if (observed.kind === 'audited') await this.#audited(changed)
    if (of === 'vm' && observed.kind === 'listed') this.#second = this.#second === 'asked' ? 'had' : 'no'
    if (fold.held && this.#second === 'no') this.#askAgain()
    if (!RESOURCES[of].required || this.#second === 'asked') return
    if (observed.kind === 'listed' || observed.kind === 'watching') await this.#settle(observed.kind === 'listed')
  }

  #seen(of: Of): void {
    this.#watching.add(of)
    this.#outages.end(of)
  }

  /** Of what is not required nothing is said: what it would tell is not known, and that is all. */
  async #cut(of: Of | 'identity', error: KubeError): Promise<void> {
    if (of !== 'identity') this.#watching.delete(of)
    if (of !== 'identity' && !RESOURCES[of].required) return
    if ((this.record.no_kubevirt_since ?? 0) > 0) {
      // What is known of it is that it has no VMs: that holds, whatever becomes of the way to it.
      if (!refutesAbsence(error.kind)) return
      await this.#book.become(withoutKubeVirt(this.record, 0))
    }
    this.#outages.begin(of, error, this.#options.now())
    // Why it is not read yet is no fact, and is shown at once.
    if (this.record.status !== 'joining' || this.record.reason === error.message) return
    await this.#book.become({ ...this.record, reason: error.message, hint: error.hint, cause: error.kind })
  }

  /** A cluster that has no KubeVirt would keep every inventory closed for ever. It is let go when that is proven, and lasts. */
  async #lookForKubeVirt(): Promise<void> {
    const { client, signal, now, absenceHoldMs = ABSENCE_HOLD_MS } = this.#options
    if (!mayLackKubeVirt(this.record, this.#need().size)) return
    const verify = (inner: AbortSignal): Promise<string> => this.#identity.verify(inner)
    const proven = await seesAbsence(client, verify, signal).catch(() => null)
    if (signal.aborted || proven === null) return
    this.#lacking = proven ? this.#lacking || now() : 0
    const known = (this.record.no_kubevirt_since ?? 0) > 0
    const lasts = proven && now() - this.#lacking >= absenceHoldMs
    if (lasts === known || (proven && known)) return
    await this.#book.become(withoutKubeVirt(this.record, lasts ? this.#lacking : 0))
    if (lasts) for (const of of REQUIRED) this.#outages.end(of)
  }

  async #tellOutage(): Promise<void> {
    const error = this.#outages.take(this.#options.now())
    const next = error === null ? null : unavailable(this.record, error, this.#word)
    if (next !== null) await this.#book.become(next.record, next.fact)
  }

  /** So many VMs are not believed to be gone before a second list, the newest there is, says so too. In order: after all that came before. */
  #askAgain(): void {
    this.#second = 'asked'
    this.#vms.relist()
  }

  /** An audit that finds something found a fault of ours, or of the API server's cache: it is counted and told. */
  async #audited(corrections: number): Promise<void> {
    this.#options.onAudited?.(corrections)
    if (corrections > 0 && this.record.status === 'synced')
      await this.#book.become(this.record, 'resynced', { corrections })
  }

  /** Says what the cluster is now that both resources are listed: adopted, synced, available again, or held. */
  async #settle(listed: boolean): Promise<void> {
    const fold = this.#need()
    if (!fold.complete) return
    const sight = {
      watched: this.#watched,
      listed,
      vms: fold.size,
      held: fold.doubted,
      word: this.#word,
    }
    const next = settled(this.record, sight, this.#options.now())
    if (next === null) return
    if (next.fact === 'joined') fold.adopt()
    await this.#book.become(next.record, next.fact)
    const { missing_digest: digest, missing: count, missing_names: names } = next.record
    const by = digest === '' ? null : (this.#options.confirmedBy?.(digest) ?? null)
    if (by === null) return
    await this.#book.store(fold, fold.confirm(this.#options.now()))
    await this.#book.become(this.record, 'deletions_confirmed', { confirmed: { count, names, by } })
    await this.#settle(false)
  }

  get #word(): HubWord {
    return this.#options.word?.() ?? ''
  }

  /** A cluster may be put into another set at any time, and while it can not be read too. */
  async #noteSets(): Promise<void> {
    const sets = this.#options.sets?.() ?? []
    const { cluster_sets = [] } = this.record
    if (sets.join() !== cluster_sets.join()) await this.#book.become({ ...this.record, cluster_sets: sets })
  }

  /** Lets go of the deletions of a burst when a person has said that they are meant. */
  async #release(): Promise<void> {
    const { burst = null } = this.record
    const by = burst === null ? null : (this.#options.confirmedBy?.(burst.digest) ?? null)
    if (burst === null || by === null) return
    this.#need().endBurst()
    await this.#book.become({ ...this.record, burst: null }, 'deletions_confirmed', { confirmed: { ...burst, by } })
  }

  async #beat(): Promise<void> {
    if (!this.#watched || !this.#need().complete) return
    // Which VMs are missing may have changed, and a person may have confirmed those.
    if (this.record.status === 'held') return this.#settle(false)
    const { size: vms, disksKnown: disks_known } = this.#need()
    const heartbeat = this.#options.now()
    await this.#book.become({ ...this.record, heartbeat, vms, disks_known, hub_says: this.#word })
  }

  #need(): ClusterFold {
    if (this.#fold === null) throw new Error('the cluster is not identified yet')
    return this.#fold
  }
}
