import { messageOf } from '../../errors.ts'
import { pause } from '../../waiting.ts'
import { LogError, type StateStream, type Stream } from '../log.ts'
import type { FetchedRecord } from './fetch-response.ts'
import { byTime, type Ordered, ordered } from './order.ts'
import { type Found, Reader } from './reader.ts'
import { isEntry, isOwn, valueOf } from './record.ts'
import type { TailRecord } from './ring.ts'
import { type Clock, Settling } from './settling.ts'
import type { Reading } from './strangers.ts'
import { STREAMS } from './topics.ts'

/** How long a read is tried again before its caller is told, in ms. */
const PATIENCE_MS = 20_000
const AGAIN_MS = 100

/** What reads are made of. */
export type LibraryReader = Pick<Reader, 'fetch' | 'ends'> & AsyncDisposable

/** How the library does what it does, where a test has it otherwise. */
export interface LibraryWays {
  readonly open?: (options: Reading) => Promise<LibraryReader>
  readonly clock?: Clock
}

/** Reads of what lies in the log already: a page from anywhere, and the whole of a compacted stream. One reader for all. */
export class Library implements AsyncDisposable {
  readonly #options: Reading
  readonly #closing: AbortSignal
  readonly #ways: LibraryWays
  #reader: Promise<LibraryReader> | null = null

  constructor(options: Reading, closing: AbortSignal, ways: LibraryWays = {}) {
    this.#options = options
    this.#closing = closing
    this.#ways = ways
  }

  /** Of every stream, the offsets after the last decided records. */
  async ends(): Promise<ReadonlyMap<Stream, readonly number[]>> {
    const ends = new Map<Stream, readonly number[]>()
    for (const stream of STREAMS) ends.set(stream, (await this.#read(reader => reader.ends(stream))).next)
    return ends
  }

  /**
   * Up to `limit` records after the offsets `at`, in the order of their commits; none only when there is none, of `acked` neither: it
   * waits for those, and throws `retry` when they do not come.
   *
   * It costs one Fetch of every partition, of up to a megabyte each, of which what is beyond the limit is thrown away: meant for
   * catching up by hundreds, not for reading one by one.
   */
  async page(
    stream: Stream,
    at: readonly number[],
    limit: number,
    acked: readonly number[],
  ): Promise<readonly TailRecord[]> {
    const from = [...at]
    const settling = new Settling(this.#ways.clock)
    for (;;) {
      const wanted = from.map((offset, partition) => ({ stream, partition, offset }))
      const found = await this.#read(reader => reader.fetch(wanted, 0))
      const { lying, complete } = firstOf(found, acked)
      const records = this.#entries(lying, limit)
      if (records.length > 0 || complete) return records
      let moved = false
      for (const { partition, nextOffset, records } of found) {
        if (records.some(record => isEntry(stream, record)) || nextOffset <= (from[partition] ?? 0)) continue
        from[partition] = nextOffset
        moved = true
      }
      if (moved) settling.moved()
      else await settling.again(this.#closing)
      if (this.#closing.aborted) return []
    }
  }

  /**
   * The latest record of each key, without tombstones, up to what is decided now and all of `acked`, for which it waits as `page` does. A
   * key is in one partition only, so one partition's keys are in memory at a time.
   */
  async *latest(stream: StateStream, acked: readonly number[]): AsyncIterable<TailRecord> {
    const { first, next } = await this.#read(reader => reader.ends(stream))
    for (const [partition, start] of first.entries()) {
      const end = Math.max(next[partition] ?? 0, acked[partition] ?? 0)
      const records = new Map<string, FetchedRecord>()
      const settling = new Settling(this.#ways.clock)
      for (let offset = start; offset < end;) {
        const [found] = await this.#read(reader => reader.fetch([{ stream, partition, offset }], 0))
        for (const record of found?.records ?? []) {
          if (record.offset >= end || isOwn(record)) continue
          const key = record.key?.toString() ?? ''
          if (record.value === null) records.delete(key)
          // What somebody else wrote does not take the place of an entry; else it is parsed once, when it is given.
          else if (records.has(key) && valueOf(stream, record) === undefined) this.#pass(stream, partition, record)
          // Copies, as views would keep the whole response.
          else records.set(key, { ...record, key: Buffer.from(key), value: Buffer.from(record.value) })
        }
        if (found === undefined || found.nextOffset === offset) await settling.again(this.#closing)
        else {
          offset = found.nextOffset
          settling.moved()
        }
        if (this.#closing.aborted) throw new LogError('fatal', 'the log is closed')
      }
      for (const record of records.values()) {
        const entry = this.#entry(stream, partition, record)
        if (entry !== null) yield entry
      }
    }
  }

  /** The first `limit` entries of what lies in order, parsed no further. */
  #entries(lying: readonly Ordered[], limit: number): readonly TailRecord[] {
    const entries: TailRecord[] = []
    for (const { stream, partition, record } of lying) {
      if (entries.length === limit) break
      const entry = this.#entry(stream, partition, record)
      if (entry !== null) entries.push(entry)
    }
    return entries
  }

  #entry(stream: Stream, partition: number, record: FetchedRecord): TailRecord | null {
    const { offset, timestamp: at } = record
    const value = valueOf(stream, record)
    if (value !== undefined)
      return { stream, partition, offset, key: record.key?.toString() ?? '', value, at, bytes: 0 }
    this.#pass(stream, partition, record)
    return null
  }

  #pass(stream: Stream, partition: number, { offset }: FetchedRecord): void {
    this.#options.strangers.pass(stream, partition, offset)
  }

  /** Asks with a reader, and with a new one when that failed, until it works, patience ends or the log is closed. */
  async #read<T>(ask: (reader: LibraryReader) => Promise<T>): Promise<T> {
    const { open = (options: Reading) => Reader.open(options) } = this.#ways
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const opening = (this.#reader ??= open(this.#options))
      try {
        return await ask(await opening)
      } catch (error) {
        if (this.#reader === opening) this.#reader = null
        void opening.then(
          reader => reader[Symbol.asyncDispose](),
          () => undefined,
        )
        if (this.#closing.aborted) throw new LogError('fatal', 'the log is closed', { cause: error })
        if (error instanceof LogError) throw error
        const message = `Kafka does not answer reads: ${messageOf(error)}`
        if (performance.now() > deadline) throw new LogError('retry', message, { cause: error })
        await pause(AGAIN_MS, this.#closing)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reader = await this.#reader?.catch(() => null)
    await reader?.[Symbol.asyncDispose]()
  }
}

/**
 * What comes first by the time of its commit. A partition of which there is more than was found hides how its next ones lie between
 * the others', so nothing after its last found record is given.
 */
function firstOf(found: readonly Found[], acked: readonly number[]): { lying: readonly Ordered[]; complete: boolean } {
  let horizon = Infinity
  let complete = true
  const all: Ordered[] = []
  for (const { stream, partition, records, nextOffset, stableOffset } of found) {
    const theirs = ordered(
      stream,
      partition,
      records.filter(record => !isOwn(record)),
    )
    for (const one of theirs) all.push(one)
    if (nextOffset >= stableOffset && stableOffset >= (acked[partition] ?? 0)) continue
    complete = false
    horizon = Math.min(horizon, theirs.at(-1)?.since ?? -Infinity)
  }
  return { lying: all.filter(({ since }) => since <= horizon).sort(byTime), complete }
}
