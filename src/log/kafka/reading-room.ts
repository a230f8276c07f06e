import { pause, until } from '../../waiting.ts'
import { LogError, type Position, type StateStream, type Stored, type Stream } from '../log.ts'
import type { Library } from './library.ts'
import { fromPosition, toPosition } from './position.ts'
import type { Reach } from './reach.ts'
import type { TailRecord } from './ring.ts'
import type { Tail } from './tail.ts'

const PAGE = 500
const AGAIN_MS = 200

export interface ReadingRoomParts {
  readonly tail: Tail
  readonly library: Library
  readonly reach: Reach
  readonly partitions: number
  /** Aborts when the log is closed: who follows then ends. */
  readonly closing: AbortSignal
}

/** All reads of an open log: what lies there is fetched from the library, what comes is taken from the tail. */
export class ReadingRoom {
  readonly #parts: ReadingRoomParts

  constructor(parts: ReadingRoomParts) {
    this.#parts = parts
  }

  end(stream: Stream): Position {
    return toPosition(this.#endOf(stream))
  }

  async *follow(stream: Stream, from: Position, signal: AbortSignal): AsyncIterable<Stored> {
    const stop = AbortSignal.any([signal, this.#parts.closing])
    const at = this.#offsetsOf(stream, from)
    while (!stop.aborted) {
      const start = this.#parts.tail.ring(stream).startOf(at)
      const records = start === null ? this.#catchUp(stream, at, stop) : this.#keepUp(stream, start, stop)
      for await (const record of records) {
        if (record.offset < (at[record.partition] ?? 0)) continue
        at[record.partition] = record.offset + 1
        yield stored(record, toPosition(at))
        if (stop.aborted) return
      }
    }
  }

  async page(stream: Stream, from: Position, limit: number): Promise<readonly Stored[]> {
    const { library, reach } = this.#parts
    const at = this.#offsetsOf(stream, from)
    const records = await library.page(stream, at, Math.min(limit, PAGE), reach.of(stream))
    return records.map(record => {
      at[record.partition] = record.offset + 1
      return stored(record, toPosition(at))
    })
  }

  async *latest(stream: StateStream): AsyncIterable<Stored> {
    const { library, reach } = this.#parts
    for await (const record of library.latest(stream, reach.of(stream))) {
      const at = Array.from({ length: record.partition + 1 }, () => 0)
      at[record.partition] = record.offset + 1
      yield stored(record, toPosition(at))
    }
  }

  /** From the log itself, a page; when there is nothing after these offsets, they become those that the ring begins at. */
  async *#catchUp(stream: Stream, at: number[], stop: AbortSignal): AsyncIterable<TailRecord> {
    const { tail, library, reach } = this.#parts
    const gone = [...tail.ring(stream).gone]
    try {
      const records = await library.page(stream, at, PAGE, reach.of(stream))
      if (records.length === 0)
        for (const [partition, offset] of gone.entries()) at[partition] = Math.max(at[partition] ?? 0, offset)
      yield* records
    } catch (error) {
      if (stop.aborted) return
      if (!(error instanceof LogError) || error.reaction !== 'retry') throw error
      await pause(AGAIN_MS, stop)
    }
  }

  /** From what the tail brings; ends when it is too slow for it. */
  async *#keepUp(stream: Stream, start: number, stop: AbortSignal): AsyncIterable<TailRecord> {
    const { tail } = this.#parts
    const ring = tail.ring(stream)
    for (let number = start; !stop.aborted;) {
      const { came } = tail
      const record = ring.at(number)
      if (record !== undefined) {
        number += 1
        yield record
      } else if (number < ring.first) return
      else if (tail.ended !== null) throw tail.ended
      else await until(came, stop)
    }
  }

  #endOf(stream: Stream): readonly number[] {
    const seen = this.#parts.tail.ring(stream).next
    return this.#parts.reach.of(stream).map((offset, partition) => Math.max(offset, seen[partition] ?? 0))
  }

  /**
   * Where to read from. A position after the end was of records that are gone: their partition is read as a whole, as what is read
   * again has the same ids.
   */
  #offsetsOf(stream: Stream, from: Position): number[] {
    const ends = this.#endOf(stream)
    const at = fromPosition(from, this.#parts.partitions)
    return at.map((offset, partition) => (offset > (ends[partition] ?? 0) ? 0 : offset))
  }
}

function stored(record: TailRecord, position: Position): Stored {
  const { stream, key, value, at } = record
  return { stream, key, value, position, at }
}
