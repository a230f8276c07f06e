import { LogError, type Stream } from '../log.ts'
import { messageOf } from '../../errors.ts'
import { pause } from '../../waiting.ts'
import { typeOf } from './errors.ts'
import { byTime, type Ordered, ordered } from './order.ts'
import { type Found, Reader, type Wanted } from './reader.ts'
import { isOwn, valueOf } from './record.ts'
import { Ring } from './ring.ts'
import type { Reading } from './strangers.ts'
import { STREAMS } from './topics.ts'

/** How long the broker may keep a fetch that finds nothing, in ms: what an idle log costs, and never what a record waits. */
const WAIT_MS = 500
const RETRY_MS = 200
/** A broker that has just started may not know a topic for a moment. One that is not there for longer was deleted. */
const GONE_MS = 10_000
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION'

/**
 * The one reader of this process that keeps up with the end of every stream, for all who follow any: each record is fetched and
 * parsed once. It goes on for ever, over every failure; `onTrouble` is told what keeps it, and with an empty text that it goes on.
 */
export class Tail {
  readonly #options: Reading
  readonly #rings = new Map<Stream, Ring>()
  readonly #at = new Map<Stream, number[]>()
  readonly #onTrouble: (trouble: string) => void
  #ended: LogError | null = null
  /** Since when a topic is not there. */
  #missing: number | null = null
  #came = Promise.withResolvers<void>()

  constructor(options: Reading, ends: ReadonlyMap<Stream, readonly number[]>, onTrouble: (trouble: string) => void) {
    this.#options = options
    this.#onTrouble = onTrouble
    for (const stream of STREAMS) {
      const offsets = ends.get(stream) ?? []
      this.#rings.set(stream, new Ring(offsets))
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
        await pause(RETRY_MS, signal)
      }
    }
  }

  /** One loop for each broker, as a fetch is answered when its broker has something, whatever the others do. */
  async #keepUp(signal: AbortSignal): Promise<void> {
    const reader = await Reader.open(this.#options)
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    const close = (): void => void reader[Symbol.asyncDispose]()
    stop.addEventListener('abort', close, { once: true })
    const loops = reader.leaders.map(async leader => {
      try {
        while (!stop.aborted && this.#ended === null) {
          this.#take(await reader.follow(leader, this.#wanted(reader, leader), WAIT_MS))
          this.#missing = null
          this.#onTrouble('')
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

  #wanted(reader: Reader, leader: number): readonly Wanted[] {
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
      const offsets = this.#at.get(stream)
      if (offsets !== undefined) offsets[partition] = Math.max(nextOffset, offsets[partition] ?? 0)
    }
    if (!any) return
    const came = this.#came
    this.#came = Promise.withResolvers<void>()
    came.resolve()
  }

  /** True when it is an entry. */
  #push({ stream, partition, record }: Ordered): boolean {
    if (isOwn(record)) return false
    const { offset, key, timestamp: at } = record
    const value = valueOf(stream, record)
    if (value === undefined) {
      this.#options.strangers.pass(stream, partition, offset)
      return false
    }
    const bytes = (key?.length ?? 0) + (record.value?.length ?? 0) * 2 + 128
    this.ring(stream).push({ stream, partition, offset, key: key?.toString() ?? '', value, at, bytes })
    return true
  }
}

function gone(error: unknown): LogError {
  const message = `a topic of the log is gone (${messageOf(error)}); virtbridge topics shows which`
  return new LogError('fatal', message, { cause: error })
}
