import type { TailReader } from '../../../src/log/kafka/tail.ts'
import type { Found, Wanted } from '../../../src/log/kafka/reader.ts'
import type { OutgoingRecord } from '../../../src/log/kafka/record.ts'
import type { Placed } from '../../../src/log/kafka/session.ts'

const STREAM = 'events.vm'

/** What lies at an offset. Undecided: of a transaction that is open. A marker is no record. */
interface Slot {
  state: 'undecided' | 'committed' | 'aborted' | 'marker'
  readonly n: number
}

/** What one transaction of ours put where; it is decided later. */
export interface Transaction {
  readonly placed: readonly Placed[]
  readonly slots: readonly Slot[]
  readonly partitions: readonly number[]
}

interface Asking {
  readonly wanted: readonly Wanted[]
  readonly answered: PromiseWithResolvers<readonly Found[]>
}

/** The partitions of one stream as brokers have them, without brokers; whoever follows them is answered when the script says so. */
export class ScriptedLog {
  readonly #partitions: Slot[][]
  readonly #asking = new Map<number, Asking>()
  #asked = Promise.withResolvers<void>()
  #moved = 0
  #count = 0

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => [])
  }

  /** Offsets and numbers of what is committed, of each partition. */
  get committed(): readonly (readonly { offset: number; n: number }[])[] {
    return this.#partitions.map(slots =>
      slots.flatMap(({ state, n }, offset) => (state === 'committed' ? [{ offset, n }] : [])),
    )
  }

  /** Puts so many records of a transaction of ours into each of these partitions; one that is named twice gets two batches. */
  begin(chunks: readonly { partition: number; records: number }[]): Transaction {
    const all: Slot[] = []
    const placed = chunks.map(({ partition, records }): Placed => {
      const slots = Array.from({ length: records }, () => this.#slot('undecided'))
      const first = this.#put(partition, ...slots)
      all.push(...slots)
      return {
        stream: STREAM,
        partition,
        at: 0,
        first,
        next: first + records,
        records: slots.map(({ n }) => recordOf(n, partition)),
      }
    })
    return { placed, slots: all, partitions: [...new Set(chunks.map(({ partition }) => partition))] }
  }

  /** Writes its markers; `everywhere`: with those that a new session leaves in every partition. */
  decide({ slots, partitions }: Transaction, state: 'committed' | 'aborted', everywhere = false): void {
    for (const partition of partitions) this.#put(partition, this.#slot('marker'))
    for (const slot of slots) slot.state = state
    if (everywhere) this.settle()
  }

  settle(): void {
    for (const partition of this.#partitions.keys()) this.#put(partition, this.#slot('marker'))
  }

  /** What somebody else wrote: an entry, or a transaction that came to nothing. */
  stranger(partition: number, aborted: boolean): void {
    if (aborted) this.#put(partition, this.#slot('aborted'), this.#slot('marker'))
    else this.#put(partition, this.#slot('committed'))
  }

  /** Answers who follows at a leader with what there is now, at most so many offsets of each partition; resolves when it asks again. */
  async answer(leader: number, most = Infinity): Promise<void> {
    const asking = await this.#next(leader)
    this.#asking.delete(leader)
    asking.answered.resolve(asking.wanted.flatMap(wanted => this.#read(wanted, most)))
    await this.#next(leader)
  }

  /** Fails who follows at a leader; the partitions have other leaders when it comes back. */
  async move(leader: number): Promise<void> {
    const asking = await this.#next(leader)
    this.#moved += 1
    this.#asking.clear()
    asking.answered.reject(new Error('not the leader any more'))
    for (const leader of [0, 1]) await this.#next(leader)
  }

  open(): Promise<TailReader> {
    const moved = this.#moved
    const gone = Promise.withResolvers<never>()
    gone.promise.catch(() => undefined)
    return Promise.resolve({
      leaders: [0, 1],
      leaderOf: (stream, partition) => (stream === STREAM ? (partition + moved) % 2 : -1),
      follow: async (leader, wanted) => {
        const asking = { wanted, answered: Promise.withResolvers<readonly Found[]>() }
        this.#asking.set(leader, asking)
        this.#asked.resolve()
        this.#asked = Promise.withResolvers()
        try {
          return await Promise.race([asking.answered.promise, gone.promise])
        } finally {
          if (this.#asking.get(leader) === asking) this.#asking.delete(leader)
        }
      },
      [Symbol.asyncDispose]: () => {
        gone.reject(new Error('closed'))
        return Promise.resolve()
      },
    })
  }

  async #next(leader: number): Promise<Asking> {
    for (;;) {
      const asked = this.#asked.promise
      const asking = this.#asking.get(leader)
      if (asking !== undefined) return asking
      await asked
    }
  }

  #read({ stream, partition, offset }: Wanted, most: number): readonly Found[] {
    const slots = this.#partitions[partition] ?? []
    const undecided = slots.findIndex(({ state }) => state === 'undecided')
    const stableOffset = undecided < 0 ? slots.length : undecided
    const nextOffset = Math.min(stableOffset, offset + most)
    if (nextOffset <= offset) return []
    const records = slots.slice(0, nextOffset).flatMap(({ state, n }, at) => {
      if (at < offset || state !== 'committed') return []
      const { key, value } = recordOf(n, partition)
      return [{ offset: at, timestamp: n, key, value }]
    })
    return [{ topic: stream, stream, partition, errorCode: 0, startOffset: 0, stableOffset, nextOffset, records }]
  }

  #put(partition: number, ...slots: Slot[]): number {
    const all = this.#partitions[partition]
    if (all === undefined) throw new Error(`there is no partition ${partition}`)
    all.push(...slots)
    return all.length - slots.length
  }

  #slot(state: Slot['state']): Slot {
    this.#count += 1
    return { state, n: this.#count }
  }
}

function recordOf(n: number, partition: number): OutgoingRecord {
  const [key, value] = [Buffer.from('k'), Buffer.from(JSON.stringify({ n }))]
  return { stream: STREAM, partition, key, value, headers: {}, bytes: key.length + value.length }
}
