import type { Stream, Value } from '../log.ts'

/** A record as the followers of this process share it. */
export interface TailRecord {
  readonly stream: Stream
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: Value | null
  readonly at: number
  readonly bytes: number
}

/** Bytes of the newest records of one stream that are kept for those who follow it. */
export const RING_BYTES = 2_097_152

/** The newest records of one stream, bounded by bytes, in the order they came. */
export class Ring {
  readonly #records: TailRecord[] = []
  readonly #gone: number[]
  readonly #next: number[]
  #first = 0
  #bytes = 0

  /** Begins empty, after these offsets. */
  constructor(offsets: readonly number[]) {
    this.#gone = [...offsets]
    this.#next = [...offsets]
  }

  /** The number of the oldest record here; each record has the number after the one before it. */
  get first(): number {
    return this.#first
  }

  /** Of each partition, the offset from which on records are here. */
  get gone(): readonly number[] {
    return this.#gone
  }

  /** Of each partition, the offset after its newest record. */
  get next(): readonly number[] {
    return this.#next
  }

  push(record: TailRecord): void {
    // A read that began anew may tell again what is here already.
    if (record.offset < (this.#next[record.partition] ?? 0)) return
    this.#records.push(record)
    this.#next[record.partition] = record.offset + 1
    this.#bytes += record.bytes
    while (this.#bytes > RING_BYTES && this.#records.length > 1) {
      const oldest = this.#records.shift()
      if (oldest === undefined) return
      this.#first += 1
      this.#bytes -= oldest.bytes
      this.#gone[oldest.partition] = oldest.offset + 1
    }
  }

  /** The number to begin at for who stands at these offsets; null when records after them are gone from here. */
  startOf(offsets: readonly number[]): number | null {
    return this.#gone.every((gone, partition) => (offsets[partition] ?? 0) >= gone) ? this.#first : null
  }

  /** The record of a number; undefined when it is gone, or not there yet. */
  at(number: number): TailRecord | undefined {
    return this.#records[number - this.#first]
  }
}
