import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ClusterFact } from '../event/index.ts'
import type { Entry, EventLog } from '../log/index.ts'
import { vmEvent, vmKey } from '../vm/index.ts'
import { clusterEvent, type Details } from './event.ts'
import type { ClusterFold } from './fold.ts'
import { keep } from './keep.ts'
import type { ClusterRecord } from './record.ts'
import type { Staged } from './staged.ts'

/** Entries of one append. */
const APPEND_LIMIT = 400
/** How long is looked at VMs in one go, in ms: then others have their turn. */
const STINT_MS = 10

/** What is known of one cluster, kept in the log first and only then in memory. */
export class ClusterBook {
  readonly #log: EventLog
  readonly #now: () => number
  #record: ClusterRecord

  constructor(options: { readonly log: EventLog; readonly now: () => number }, record: ClusterRecord) {
    this.#log = options.log
    this.#now = options.now
    this.#record = record
  }

  get record(): ClusterRecord {
    return this.#record
  }

  /** The cluster becomes this, and a fact of it is told. */
  async become(record: ClusterRecord, fact: ClusterFact | null = null, details: Details = {}): Promise<void> {
    const entries: Entry[] = []
    let next = record
    if (fact !== null) {
      const event = clusterEvent(record, fact, this.#now(), details)
      next = { ...record, last_event: event.id }
      entries.push({ stream: 'events.cluster', key: record.name, value: event })
    }
    entries.push({ stream: 'state.fleet', key: record.name, value: next })
    await keep(this.#log, [entries])
    this.#record = next
  }

  /** Known from the cluster itself, and stored with the next change. */
  note(known: Partial<ClusterRecord>): void {
    this.#record = { ...this.#record, ...known }
  }

  /**
   * Events first, then the state they lead to, in one append; memory moves on when they are durable. Null is a VM that was looked at and
   * did not change. Gives how many did.
   */
  async store(fold: ClusterFold, staged: Iterable<Staged | null>): Promise<number> {
    let batch: Staged[] = []
    let groups: (readonly Entry[])[] = []
    let [size, count, began] = [0, 0, performance.now()]
    const flush = async (): Promise<void> => {
      await keep(this.#log, groups)
      for (const one of batch) fold.commit(one)
      batch = []
      groups = []
      size = 0
    }
    for (const one of staged) {
      if (one !== null) {
        const entries = this.#entries(one)
        batch.push(one)
        groups.push(entries)
        size += entries.length
        count += 1
      }
      if (size >= APPEND_LIMIT) await flush()
      if (performance.now() - began < STINT_MS) continue
      await nextTurn()
      began = performance.now()
    }
    if (size > 0) await flush()
    return count
  }

  #entries(staged: Staged): readonly Entry[] {
    const now = this.#now()
    const events = staged.facts.map((fact): Entry => {
      return { stream: 'events.vm', key: vmKey(fact.about), value: vmEvent(fact, now) }
    })
    return [...events, { stream: 'state.fleet', key: `${this.#record.name}/${staged.key}`, value: staged.record }]
  }
}
