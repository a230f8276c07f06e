import { factId, type Origin, type VmFact } from '../event/index.ts'
import type { Contests } from './rival.ts'
import { type Guests, NO_GUESTS } from './guests.ts'
import type { Change, Circumstance } from './sighting.ts'
import type { Fact, Told, VmRecord, Waiting } from './record.ts'

/** What a fact says besides its name. */
export interface Details {
  readonly from?: string
  readonly to?: string
  readonly changed?: readonly string[]
  readonly reason?: string
  readonly origin?: Origin
  readonly gap?: boolean
}

/** How a fact that had to wait came to be known. */
export type Lasted = Pick<Fact, 'origin' | 'gap'>

/** Which hold each waiting fact waits for. What keeps a VM from starting shows as long as a stop does. */
const HELD = {
  stopped: 'stopped',
  start_failed: 'stopped',
  reachable: 'reachable',
  unreachable: 'unreachable',
  address_changed: 'address',
  address_conflict: 'address',
  address_conflict_resolved: 'address',
  root_disk_replaced: 'stopped',
} as const

/** Collects the facts of one look, and the record as it becomes with each. */
export class Teller {
  record: VmRecord
  readonly #circumstance: Circumstance
  readonly #facts: Fact[] = []

  constructor(record: VmRecord, circumstance: Circumstance) {
    this.record = record
    this.#circumstance = circumstance
  }

  get now(): number {
    return this.#circumstance.now
  }

  /** Changes in between may have been missed. */
  get gap(): boolean {
    return this.#circumstance.gap
  }

  /** Which guests live elsewhere. */
  get guests(): Guests {
    return this.#circumstance.guests ?? NO_GUESTS
  }

  /** Nobody could see before what is wrong with disks. */
  get disksAreNew(): boolean {
    return this.#circumstance.disksAreNew === true
  }

  /** Who has whose address; null while nobody knows. */
  get contests(): Contests | null {
    return this.#circumstance.contests ?? null
  }

  change(): Change {
    return { facts: this.#facts, record: this.record }
  }

  /** Changes what counts as told, with or without a fact. */
  told(values: Partial<Told>): void {
    this.record = { ...this.record, told: { ...this.record.told, ...values } }
  }

  /**
   * How `value` came to be known when it has waited long enough; else null, and it goes on (or begins) to wait. `hold`: how long it has
   * to, in ms, when that is less than usual for the fact; 0 waits for nothing but what may be on its way. What is due later than that
   * began before the clock was put back: nobody knows how long it has lasted, and it begins anew.
   */
  lasted(fact: keyof typeof HELD, value: string, before: VmRecord, hold?: number): Lasted | null {
    const { now, holds, origin, gap, behind } = this.#circumstance
    const known = before.waiting.find(waiting => waiting.fact === fact && waiting.value === value)
    const latest = now + (hold ?? holds[HELD[fact]])
    const begun: Waiting = known ?? { fact, value, since: now, due: latest, gap }
    const { since, due } = begun
    const waiting =
      due <= latest && since <= now ? begun : { ...begun, since: Math.min(since, now), due: Math.min(due, latest) }
    if (waiting.due > now || behind === true) {
      this.record = { ...this.record, waiting: [...this.record.waiting, waiting] }
      return null
    }
    return known?.gap === true ? { origin: 'sync', gap: true } : { origin, gap }
  }

  /** Adds a fact. `thing` tells its occurrences apart: see `factId`. */
  tell(fact: VmFact, thing: readonly string[], details: Details): void {
    const { cluster, origin, gap, burst } = this.#circumstance
    const id = factId(cluster.uid, this.record.uid, fact, thing)
    const previous = this.record.last_event
    this.record = { ...this.record, last_event: id, last_of: { ...this.record.last_of, [fact]: id } }
    this.#facts.push({
      id,
      fact,
      previous,
      origin: details.origin ?? origin,
      gap: details.gap ?? gap,
      burst,
      transition: { from: details.from ?? '', to: details.to ?? '' },
      changed: details.changed ?? [],
      reason: details.reason ?? '',
      about: this.record,
    })
  }
}
