import { LogError, type Stream, type Value } from '../log.ts'
import { messageOf } from '../../errors.ts'
import { pause, until } from '../../waiting.ts'
import { typeOf } from './errors.ts'
import type { FetchedRecord } from './fetch-response.ts'
import { Hearsay } from './hearsay.ts'
import { byTime, type Ordered, ordered } from './order.ts'
import { type Found, Reader, type Wanted } from './reader.ts'
import { isOwn, type OutgoingRecord, valueOf } from './record.ts'
import { Ring, type TailRecord } from './ring.ts'
import type { Placed } from './session.ts'
import type { Reading } from './strangers.ts'
import { STREAMS } from './topics.ts'

/**
 * How often the ends are looked at, in ms, and how long the broker may keep a fetch that is to find something: what an idle log costs,
 * and never what a record of ours waits.
 */
const LOOK_MS = 500
const RETRY_MS = 200
/** A broker that has just started may not know a topic for a moment. One that is not there for longer was deleted. */
const GONE_MS = 10_000
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION'

/** What a tail reads with. */
export type TailReader = Pick<Reader, 'leaders' | 'leaderOf' | 'follow'> & AsyncDisposable

/** How it looks, where a test has it otherwise. Times in ms. */
export interface TailWays {
  readonly open: (options: Reading) => Promise<TailReader>
  readonly lookMs: number
  readonly retryMs: number
}

const WAYS: TailWays = { open: options => Reader.open(options), lookMs: LOOK_MS, retryMs: RETRY_MS }

/**
 * The newest records of every stream, for all who follow any: each is read and parsed once. This process is the only one that writes,
 * so it tells what it wrote without reading it (`place`), and looks now and then at the ends of the streams for what it does not know of.
 * It goes on for ever, over every failure; `onTrouble` is told what keeps it, and with an empty text that it goes on.
 */
export class Tail {
  readonly #options: Reading
  readonly #rings = new Map<Stream, Ring>()
  readonly #hearsay = new Map<Stream, Hearsay>()
  readonly #at = new Map<Stream, number[]>()
  readonly #onTrouble: (trouble: string) => void
  readonly #ways: TailWays
  #ended: LogError | null = null
  /** Since when a topic is not there. */
  #missing: number | null = null
  #came = Promise.withResolvers<void>()
  /** Resolves when something was written that has to be read. */
  #owed = Promise.withResolvers<void>()

  /** Begins after these offsets. */
  constructor(
    options: Reading,
    ends: ReadonlyMap<Stream, readonly number[]>,
    onTrouble: (trouble: string) => void,
    ways: TailWays = WAYS,
  ) {
    this.#options = options
    this.#onTrouble = onTrouble
    this.#ways = ways
    for (const stream of STREAMS) {
      const offsets = ends.get(stream) ?? []
      this.#rings.set(stream, new Ring(offsets))
      this.#hearsay.set(stream, new Hearsay(offsets))
      this.#at.set(stream, [...offsets])
    }
  }

  ring(stream: Stream): Ring {
    const ring = this.#rings.get(stream)
    if (ring === undefined) throw new Error(`${stream} is no stream`)
    return ring
  }

  /** Resolves when something more has come to any stream. Take it before looking. */
  get came(): Promise<void> {
    return this.#came.promise
  }

  /** Why nothing more will come; null while something may. */
  get ended(): LogError | null {
    return this.#ended
  }

  /** Nothing more will come, for this reason; the first one counts. */
  end(error: LogError): void {
    this.#ended ??= error
    this.#onTrouble(error.message)
    this.#came.resolve()
  }

  /** Tells what became durable to who follows, as one commit put it; what can not be told so is read at once. */
  place(placed: readonly Placed[]): void {
    for (const [stream, places] of Map.groupBy(placed, ({ stream }) => stream)) {
      if (this.#hearsay.get(stream)?.place(places) !== true) continue
      const ring = this.ring(stream)
      for (const { partition, first, at, records } of places) {
        for (const [n, record] of records.entries()) {
          if (!isOwn(record)) ring.push(written(record, { partition, offset: first + n, at }))
        }
        this.#passed(stream, partition, first + records.length)
      }
    }
    if (this.#owes) {
      this.#owed.resolve()
      this.#owed = Promise.withResolvers()
    }
    this.#tell()
  }

  get #owes(): boolean {
    return [...this.#hearsay.values()].some(({ owes }) => owes)
  }

  /** Works until the signal aborts, or the log turns out to have lost records. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#ended === null) {
      try {
        await this.#keepUp(signal)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof LogError) return this.end(error)
        this.#missing = typeOf(error) === MISSING ? (this.#missing ?? performance.now()) : null
        if (this.#missing !== null && performance.now() - this.#missing > GONE_MS) return this.end(gone(error))
        this.#onTrouble(messageOf(error))
        await pause(this.#ways.retryMs, signal)
      }
    }
  }

  /** One loop for each broker, as a fetch is answered when its broker has something, whatever the others do. */
  async #keepUp(signal: AbortSignal): Promise<void> {
    const { open, lookMs } = this.#ways
    const reader = await open(this.#options)
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    const close = (): void => void reader[Symbol.asyncDispose]()
    stop.addEventListener('abort', close, { once: true })
    const loops = reader.leaders.map(async leader => {
      try {
        while (!stop.aborted && this.#ended === null) {
          this.#take(await reader.follow(leader, this.#wanted(reader, leader), this.#owes ? lookMs : 0))
          this.#missing = null
          this.#onTrouble('')
          if (!this.#owes) await until(this.#owed.promise, stop, lookMs)
        }
      } finally {
        failed.abort()
      }
    })
    try {
      for (const loop of await Promise.allSettled(loops)) if (loop.status === 'rejected') throw loop.reason
    } finally {
      stop.removeEventListener('abort', close)
      await reader[Symbol.asyncDispose]()
    }
  }

  #wanted(reader: TailReader, leader: number): readonly Wanted[] {
    const wanted: Wanted[] = []
    for (const [stream, offsets] of this.#at) {
      for (const [partition, offset] of offsets.entries()) {
        if (reader.leaderOf(stream, partition) === leader) wanted.push({ stream, partition, offset })
      }
    }
    return wanted
  }

  #take(found: readonly Found[]): void {
    const records = found.flatMap(({ stream, partition, records }) => ordered(stream, partition, records)).sort(byTime)
    let any = false
    for (const one of records) any = this.#push(one) || any
    for (const { stream, partition, nextOffset } of found) {
      this.#passed(stream, partition, nextOffset)
      this.#hearsay.get(stream)?.read(partition, nextOffset)
    }
    if (any) this.#tell()
  }

  /** It goes on after that. */
  #passed(stream: Stream, partition: number, next: number): void {
    const offsets = this.#at.get(stream)
    if (offsets !== undefined) offsets[partition] = Math.max(next, offsets[partition] ?? 0)
  }

  #tell(): void {
    const came = this.#came
    this.#came = Promise.withResolvers<void>()
    came.resolve()
  }

  /** True when it is an entry that was not told yet. */
  #push({ stream, partition, record }: Ordered): boolean {
    if (isOwn(record) || record.offset < (this.ring(stream).next[partition] ?? 0)) return false
    const { offset, key, timestamp: at } = record
    const value = valueOf(stream, record)
    if (value === undefined) {
      this.#options.strangers.pass(stream, partition, offset)
      return false
    }
    this.ring(stream).push({ stream, partition, offset, key: key?.toString() ?? '', value, at, bytes: bytesOf(record) })
    return true
  }
}

/**
 * A record of ours as a follower sees it: parsed when the first one looks at it, as nobody may. It keeps the text: the bytes are a view of
 * a piece of memory that is many times as large, which would be kept with them.
 */
function written(record: OutgoingRecord, place: { partition: number; offset: number; at: number }): TailRecord {
  const { stream, key, value: json } = record
  let text = json === null ? 'null' : json.toString()
  let value: Value | null | undefined
  return {
    ...place,
    stream,
    key: key.toString(),
    bytes: bytesOf(record),
    get value() {
      if (value === undefined) {
        value = JSON.parse(text) as Value | null
        text = ''
      }
      return value
    },
  }
}

/** What it takes in the ring, about: 20,000 small ones were measured to take 14 MB. */
function bytesOf({ key, value }: Pick<FetchedRecord, 'key' | 'value'>): number {
  return (key?.length ?? 0) + (value?.length ?? 0) * 2 + 512
}

function gone(error: unknown): LogError {
  const message = `a topic of the log is gone (${messageOf(error)}); virtbridge topics shows which`
  return new LogError('fatal', message, { cause: error })
}
