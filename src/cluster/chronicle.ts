import { steadyClock } from '../clocks.ts'
import type { KubeClient, KubeError } from '../kube/index.ts'
import { ABSENCE_HOLD_MS, mayLackKubeVirt, refutesAbsence, seesAbsence, withoutKubeVirt } from './absence.ts'
import { BaseDomain, type BaseDomainOptions } from './base-domain.ts'
import type { ClusterBook } from './book.ts'
import type { ClusterFold } from './fold.ts'
import type { ClusterIdentity } from './identity.ts'
import type { HubWord } from './managed.ts'
import { Outages } from './outage.ts'
import type { ClusterRecord } from './record.ts'
import { type Of, REQUIRED, RESOURCES } from './resources.ts'
import { settled, unavailable } from './standing.ts'

/** What decides of a cluster itself. */
export interface ChronicleOptions {
  readonly client: KubeClient
  readonly now: () => number
  /** By it goes how long something lasts (`Clocks`); that of the machine when left out. */
  readonly steady?: () => number
  readonly signal: AbortSignal
  /** What its hub says of it now. */
  readonly word?: () => HubWord
  /** The ManagedClusterSets it is in now. */
  readonly sets?: () => readonly string[]
  /** Who confirmed the deletions that have this digest; null when nobody did. Asked with every heartbeat while some wait for it. */
  readonly confirmedBy?: (digest: string) => string | null
  /** A cut that is mended within this time is no fact, in ms. */
  readonly outageHoldMs?: number | undefined
  /** For how long it must be seen to have no KubeVirt, in ms. */
  readonly absenceHoldMs?: number
  /** Whether its base domain is wanted; it is not when this is left out. */
  readonly baseDomain?: BaseDomainOptions
  /** Told of each audit of a resource: how many VMs it found to be other than was known. */
  readonly onAudited?: (corrections: number) => void
}

/** What becomes of one cluster itself, while its VMs are watched: how it stands goes on its record, and what is a fact of it is told. */
export class Chronicle {
  readonly #options: ChronicleOptions
  readonly #book: ClusterBook
  readonly #identity: ClusterIdentity
  readonly #outages: Outages<Of | 'identity'>
  readonly #baseDomain: BaseDomain
  readonly #steady: () => number
  readonly #watching = new Set<Of>()
  /** What is not required, and may not be read or is not there. */
  readonly #unread = new Map<Of, KubeError['kind']>()
  /** Since when it is seen to have no KubeVirt, by both clocks; null: it is not. */
  #lacking: { readonly since: number; readonly steady: number } | null = null

  constructor(options: ChronicleOptions, book: ClusterBook, identity: ClusterIdentity) {
    this.#options = options
    this.#book = book
    this.#identity = identity
    this.#outages = new Outages(options.outageHoldMs)
    this.#baseDomain = new BaseDomain(options.client, book.record.base_domain, options.baseDomain)
    this.#steady = options.steady ?? steadyClock
  }

  get record(): ClusterRecord {
    return this.#book.record
  }

  /** When something is next to be told of it by the steady clock, or null. */
  due(): number | null {
    return this.#outages.due()
  }

  /** It says who it is. */
  identified(uid: string): void {
    this.#outages.end('identity')
    this.#book.note({ uid })
  }

  /** A resource of it is watched (again). */
  seen(of: Of): void {
    this.#watching.add(of)
    this.#unread.delete(of)
    this.#outages.end(of)
  }

  /** Of what is not required nothing is told: what it would tell is not known. That it may not be read, or is not there, stands in the record. */
  async cut(of: Of | 'identity', error: KubeError): Promise<void> {
    if (of !== 'identity') this.#watching.delete(of)
    if (of !== 'identity' && !RESOURCES[of].required) {
      if (error.kind === 'forbidden' || error.kind === 'absent') this.#unread.set(of, error.kind)
      return
    }
    if ((this.record.no_kubevirt_since ?? 0) > 0) {
      // What is known of it is that it has no VMs: that holds, whatever becomes of the way to it.
      if (!refutesAbsence(error.kind)) return
      await this.#book.become(withoutKubeVirt(this.record, 0))
    }
    this.#outages.begin(of, error, this.#steady())
    // Why it is not read yet is no fact, and is shown at once.
    if (this.record.status !== 'joining' || this.record.reason === error.message) return
    await this.#book.become({ ...this.record, reason: error.message, hint: error.hint, cause: error.kind })
  }

  /** Tells that it can not be read, when that has lasted. */
  async tellOutage(): Promise<void> {
    const error = this.#outages.take(this.#steady())
    const next = error === null ? null : unavailable(this.record, error, this.#word)
    if (next !== null) await this.#book.become(next.record, next.fact)
  }

  /** Its VMs are absent. A cluster without KubeVirt would keep every inventory closed for ever: it is let go when that is proven, and lasts. */
  async absent(vms: number): Promise<void> {
    const { client, signal, now, absenceHoldMs = ABSENCE_HOLD_MS } = this.#options
    if (!mayLackKubeVirt(this.record, vms)) return
    const verify = (inner: AbortSignal): Promise<string> => this.#identity.verify(inner)
    const proven = await seesAbsence(client, verify, signal).catch(() => null)
    if (signal.aborted || proven === null) return
    this.#lacking = proven ? (this.#lacking ?? { since: now(), steady: this.#steady() }) : null
    const known = (this.record.no_kubevirt_since ?? 0) > 0
    const lasting =
      this.#lacking === null || this.#steady() - this.#lacking.steady < absenceHoldMs ? null : this.#lacking
    if ((lasting !== null) === known || (proven && known)) return
    await this.#book.become(withoutKubeVirt(this.record, lasting?.since ?? 0))
    if (lasting !== null) for (const of of REQUIRED) this.#outages.end(of)
  }

  /** An audit that finds something found a fault of ours, or of the API server's cache: it is counted and told. */
  async audited(corrections: number): Promise<void> {
    this.#options.onAudited?.(corrections)
    if (corrections > 0 && this.record.status === 'synced')
      await this.#book.become(this.record, 'resynced', { corrections })
  }

  /** Says what it is now that both resources are listed: adopted, synced, available again, or held. */
  async settle(fold: ClusterFold, listed: boolean): Promise<void> {
    if (!fold.complete) return
    const sight = { watched: this.#watched, listed, vms: fold.size, held: fold.doubted, word: this.#word }
    const next = settled(this.record, sight, this.#options.now())
    if (next === null) return
    if (next.fact === 'joined') fold.adopt()
    await this.#book.become(next.record, next.fact)
    const { missing_digest: digest, missing: count, missing_names: names } = next.record
    const by = digest === '' ? null : (this.#options.confirmedBy?.(digest) ?? null)
    if (by === null) return
    await this.#book.store(fold, fold.confirm(this.#options.now()))
    await this.#book.become(this.record, 'deletions_confirmed', { confirmed: { count, names, by } })
    await this.settle(fold, false)
  }

  /** Deletions of a burst wait for a person: said before they are told, so that a crash in between leaves what nobody may act on. */
  async noteBurst({ burst }: ClusterFold): Promise<void> {
    if (burst !== (this.record.burst ?? null)) await this.#book.become({ ...this.record, burst })
  }

  /** A cluster may be put into another set at any time, and while it can not be read too. */
  async noteSets(): Promise<void> {
    const sets = this.#options.sets?.() ?? []
    const { cluster_sets = [] } = this.record
    if (sets.join() !== cluster_sets.join()) await this.#book.become({ ...this.record, cluster_sets: sets })
  }

  /** Asks for its base domain, where that is wanted. Never rejects. */
  lookAtBaseDomain(signal: AbortSignal): Promise<void> {
    return this.#baseDomain.look(inner => this.#identity.verify(inner), signal)
  }

  /** Hosts are shown by it, so that it is stored as soon as it is known. */
  async noteBaseDomain(): Promise<void> {
    const { domain } = this.#baseDomain
    if (domain !== undefined && domain !== this.record.base_domain)
      await this.#book.become({ ...this.record, base_domain: domain })
  }

  /** With every heartbeat: it is watched, it is in these sets, and what waits for a person is let go when one has spoken. */
  async beat(fold: ClusterFold): Promise<void> {
    await this.noteSets()
    await this.#release(fold)
    if (!this.#watched || !fold.complete) return
    if (this.#baseDomain.domain === undefined) void this.lookAtBaseDomain(this.#options.signal)
    // Which VMs are missing may have changed, and a person may have confirmed those.
    if (this.record.status === 'held') return this.settle(fold, false)
    const { size: vms, disksKnown: disks_known } = fold
    const heartbeat = this.#options.now()
    const { trouble } = this.#baseDomain
    const unread = [...this.#unread, ...(trouble === '' ? [] : [['dns', trouble] as const])]
    const not_read = unread.map(([of, kind]) => `${of}: ${kind}`).sort()
    await this.#book.become({ ...this.record, heartbeat, vms, disks_known, not_read, hub_says: this.#word })
  }

  async #release(fold: ClusterFold): Promise<void> {
    const { burst = null } = this.record
    const by = burst === null ? null : (this.#options.confirmedBy?.(burst.digest) ?? null)
    if (burst === null || by === null) return
    fold.endBurst()
    await this.#book.become({ ...this.record, burst: null }, 'deletions_confirmed', { confirmed: { ...burst, by } })
  }

  /** True when every required resource is being watched. */
  get #watched(): boolean {
    return REQUIRED.every(of => this.#watching.has(of))
  }

  get #word(): HubWord {
    return this.#options.word?.() ?? ''
  }
}
