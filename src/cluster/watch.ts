import { type GuestIndex, type Holds, vmEvent, vmKey, type VmRecord } from '../vm/index.ts'
import type { ClusterFact } from '../event/index.ts'
import type { Entry, EventLog } from '../log/index.ts'
import { type KubeClient, KubeError, list, reflect, type ReflectOptions, type Resource } from '../kube/index.ts'
import { pause } from '../waiting.ts'
import { clusterEvent } from './event.ts'
import { ClusterFold, type Staged } from './fold.ts'
import type { ImportBoard } from './imports.ts'
import { Inbox } from './inbox.ts'
import { keep } from './keep.ts'
import type { HubWord } from './managed.ts'
import { type ClusterRecord, newCluster, notReadYet, sameAs } from './record.ts'
import { ALL, type Inbound, type Of, REQUIRED, RESOURCES } from './resources.ts'
import { settled, unavailable } from './standing.ts'

/** What a cluster's watch works with. Time and waiting come in as arguments. */
export interface WatchOptions {
  readonly name: string
  readonly hub: string
  readonly client: KubeClient
  readonly log: EventLog
  /** What the log knows of this cluster. */
  readonly known: { readonly cluster: ClusterRecord | null; readonly records: Map<string, VmRecord> }
  readonly holds: Holds
  readonly now: () => number
  readonly signal: AbortSignal
  readonly heartbeatMs: number
  /** What its hub says of it now. */
  readonly word?: () => HubWord
  /** Did a person confirm the missing VMs that have this digest? Asked with every heartbeat while some are held. */
  readonly isConfirmed?: (digest: string) => boolean
  /** Takes this identity for the cluster; gives the name of the one that has it already, or null. */
  readonly claim?: (uid: string) => string | null
  readonly reflect?: Partial<Pick<ReflectOptions, 'pageSize' | 'stallMs' | 'backoff' | 'random'>>
  /** The resources to reflect; all when left out. */
  readonly resources?: readonly Of[]
  /** What all clusters of this bridge share: their guests, and what plans say of imports. */
  readonly guests?: GuestIndex
  readonly imports?: ImportBoard
}

/** Changes that wait between the sockets and the log: when full, the sockets are left unread. */
const INBOX_LIMIT = 500
/** Entries of one append. */
const APPEND_LIMIT = 400
const IDENTITY_RETRY_MS = 5_000

/**
 * Watches one cluster until the signal aborts: reflectors → fold → log, in that order, one commit for all that came meanwhile.
 * Rejects only when the log is lost (fenced or fatal): everything a cluster can do wrong is a status of its record.
 */
export class ClusterWatch {
  readonly #options: WatchOptions
  readonly #inbox = new Inbox<Inbound>(INBOX_LIMIT)
  #record: ClusterRecord
  #fold: ClusterFold | null = null
  readonly #watching = new Set<Of>()
  #asked = false

  constructor(options: WatchOptions) {
    this.#options = options
    // Another hub may have it by now, or none.
    this.#record = { ...(options.known.cluster ?? newCluster(options.name, options.hub)), hub: options.hub }
  }

  get record(): ClusterRecord {
    return this.#record
  }

  /** True when every required resource is being watched. */
  get #watched(): boolean {
    return REQUIRED.every(of => this.#watching.has(of))
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    await this.#begin()
    await this.#identify()
    if (signal.aborted) return
    const stop = new AbortController()
    const inner = AbortSignal.any([signal, stop.signal])
    const reflectors = (this.#options.resources ?? ALL).map(of => this.#reflect(of, inner))
    try {
      await this.#work(inner)
    } finally {
      stop.abort()
      await Promise.all(reflectors)
    }
  }

  /** What was synced when the bridge stopped is not so now: nothing is launched there before it was read again. */
  async #begin(): Promise<void> {
    const { status, adopted_at } = this.#record
    if (adopted_at === 0 || status === 'unavailable' || status === 'joining' || this.#options.signal.aborted) return
    await this.#become(notReadYet(this.#record))
  }

  /** Binds the cluster's name to the uid of its kube-system namespace, and waits while it does not answer or another one does. */
  async #identify(): Promise<void> {
    const { client, signal, known, holds, log } = this.#options
    while (!signal.aborted) {
      try {
        const uid = await client.identity(signal)
        if (this.#record.uid !== '' && this.#record.uid !== uid) throw this.#replaced(uid)
        const twin = this.#options.claim?.(uid) ?? null
        if (twin !== null) {
          const parked = sameAs(this.#record, twin, this.#options.now())
          if (parked.reason !== this.#record.reason) await this.#become(parked)
          await pause(this.#retryMs, signal)
          continue
        }
        this.#record = { ...this.#record, uid }
        const cluster = { name: this.#options.name, hub: this.#options.hub, uid }
        const { guests, imports } = this.#options
        this.#fold = new ClusterFold({
          cluster,
          holds,
          adopted: this.#record.adopted_at > 0,
          lost: log.losses().some(({ stream }) => stream === 'state.fleet'),
          records: known.records,
          ...(guests === undefined ? {} : { guests }),
          ...(imports === undefined ? {} : { imports }),
        })
        return
      } catch (error) {
        if (signal.aborted) return
        await this.#unavailable(error instanceof KubeError ? error : new KubeError('server', String(error)))
        await pause(this.#retryMs, signal)
      }
    }
  }

  get #retryMs(): number {
    return this.#options.reflect?.backoff?.maxMs ?? IDENTITY_RETRY_MS
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const uid = await this.#options.client.identity(signal)
    if (uid !== this.#record.uid) throw this.#replaced(uid)
  }

  #replaced(uid: string): KubeError {
    return new KubeError(
      'replaced',
      `another cluster answers (its kube-system is ${uid}, ours was ${this.#record.uid})`,
    )
  }

  async #reflect(of: Of, signal: AbortSignal): Promise<void> {
    const options = { ...this.#options.reflect, signal, verify: (inner: AbortSignal) => this.#verify(inner) }
    const resource = RESOURCES[of] as Resource<unknown>
    for await (const observed of reflect(this.#options.client, resource, options))
      await this.#inbox.put({ of, observed } as Inbound, signal)
  }

  async #work(signal: AbortSignal): Promise<void> {
    const fold = this.#need()
    using imports = this.#options.imports?.read()
    let beat = 0
    while (!signal.aborted) {
      const now = this.#options.now()
      const due = fold.nextDue()
      const next = Math.min(due ?? Number.MAX_SAFE_INTEGER, beat + this.#options.heartbeatMs)
      await this.#takeAll(await this.#inbox.take(next - now, signal))
      await this.#store(fold.mature(this.#options.now()))
      if (imports !== undefined) await this.#store(fold.lookAtImports(imports.changed, this.#options.now()))
      if (this.#options.now() - beat >= this.#options.heartbeatMs) {
        beat = this.#options.now()
        await this.#beat()
      }
    }
  }

  /** Live changes of different VMs that came together are one append; a VM that comes twice waits for its first to be durable. */
  async #takeAll(inbox: readonly Inbound[]): Promise<void> {
    let keys = new Set<string>()
    let staged: Staged[] = []
    const flush = async (): Promise<void> => {
      await this.#store(staged)
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
      const key = this.#need().keyOf(inbound)
      if (keys.has(key)) await flush()
      keys.add(key)
      staged.push(...this.#need().fold(inbound, this.#options.now()))
    }
    await flush()
  }

  async #take(inbound: Inbound): Promise<void> {
    const fold = this.#need()
    const { observed } = inbound
    if (observed.kind === 'unavailable') {
      this.#watching.delete(inbound.of)
      if (RESOURCES[inbound.of].required) await this.#unavailable(observed.error)
    }
    if (observed.kind === 'ended') this.#watching.delete(inbound.of)
    if (observed.kind === 'watching') this.#watching.add(inbound.of)
    await this.#store(fold.fold(inbound, this.#options.now()))
    if (observed.kind === 'listed' && inbound.of === 'vm') this.#asked = false
    if (fold.held && !this.#asked) await this.#askAgain()
    if (!RESOURCES[inbound.of].required) return
    if (observed.kind === 'listed' || observed.kind === 'watching') await this.#settle(observed.kind === 'listed')
  }

  /** A second list straight from the API server before so many VMs are believed to be gone. */
  async #askAgain(): Promise<void> {
    this.#asked = true
    try {
      const again = await list(this.#options.client, RESOURCES.vm, {
        signal: this.#options.signal,
        verify: signal => this.#verify(signal),
      })
      await this.#store(this.#need().fold({ of: 'vm', observed: again }, this.#options.now()))
    } catch {
      // Not answered: it stays held, and the next list asks anew.
    }
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
    const next = settled(this.#record, sight, this.#options.now())
    if (next === null) return
    if (next.fact === 'joined') fold.adopt()
    await this.#become(next.record, next.fact)
    const { missing_digest: digest } = next.record
    if (digest === '' || this.#options.isConfirmed?.(digest) !== true) return
    await this.#store(fold.confirm(this.#options.now()))
    await this.#settle(false)
  }

  get #word(): HubWord {
    return this.#options.word?.() ?? ''
  }

  async #unavailable(error: KubeError): Promise<void> {
    const next = unavailable(this.#record, error, this.#word)
    if (next !== null) await this.#become(next.record, next.fact)
  }

  async #beat(): Promise<void> {
    if (!this.#watched || !this.#need().complete) return
    // Which VMs are missing may have changed, and a person may have confirmed those.
    if (this.#record.status === 'held') return this.#settle(false)
    const [heartbeat, vms] = [this.#options.now(), this.#need().size]
    await this.#become({ ...this.#record, heartbeat, vms, hub_says: this.#word })
  }

  async #become(record: ClusterRecord, fact: ClusterFact | null = null): Promise<void> {
    const entries: Entry[] = []
    let next = record
    if (fact !== null) {
      const event = clusterEvent(record, fact, this.#options.now())
      next = { ...record, last_event: event.id }
      entries.push({ stream: 'events.cluster', key: record.name, value: event })
    }
    entries.push({ stream: 'state.fleet', key: record.name, value: next })
    await keep(this.#options.log, [entries])
    this.#record = next
  }

  /** Events first, then the state they lead to, in one append; memory moves on when they are durable. */
  async #store(staged: Iterable<Staged>): Promise<void> {
    let batch: Staged[] = []
    let groups: (readonly Entry[])[] = []
    let size = 0
    const flush = async (): Promise<void> => {
      await keep(this.#options.log, groups)
      for (const one of batch) this.#need().commit(one)
      batch = []
      groups = []
      size = 0
    }
    for (const one of staged) {
      const entries = this.#entries(one)
      batch.push(one)
      groups.push(entries)
      size += entries.length
      if (size >= APPEND_LIMIT) await flush()
    }
    await flush()
  }

  #entries(staged: Staged): readonly Entry[] {
    const now = this.#options.now()
    const events = staged.facts.map((fact): Entry => {
      return { stream: 'events.vm', key: vmKey(fact.about), value: vmEvent(fact, now) }
    })
    return [...events, { stream: 'state.fleet', key: `${this.#options.name}/${staged.key}`, value: staged.record }]
  }

  #need(): ClusterFold {
    if (this.#fold === null) throw new Error('the cluster is not identified yet')
    return this.#fold
  }
}
