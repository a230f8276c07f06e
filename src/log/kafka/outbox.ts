import { LogError } from '../log.ts'
import type { OutgoingRecord } from './record.ts'

/** What one transaction carries: many appends that came while the one before was on its way. */
export interface Commit {
  readonly records: readonly OutgoingRecord[]
  resolve(): void
  reject(error: Error): void
}

interface Waiting {
  readonly records: readonly OutgoingRecord[]
  readonly bytes: number
  readonly done: PromiseWithResolvers<void>
}

/** Records and bytes of one transaction, and bytes that may wait for theirs: beyond that the caller waits. */
export const COMMIT_RECORDS = 2_000
export const COMMIT_BYTES = 2_097_152
export const OUTBOX_BYTES = 4_194_304

/** What waits to be written, in order, bounded by bytes. */
export class Outbox {
  readonly #waiting: Waiting[] = []
  readonly #closed: AbortSignal
  #bytes = 0
  #left = Promise.withResolvers<void>()
  #turn: Promise<void> = Promise.resolve()

  constructor(closed: AbortSignal) {
    this.#closed = closed
    closed.addEventListener('abort', () => this.#left.resolve(), { once: true })
  }

  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * Resolves when `bytes` more fit, in the order of the calls: a small append does not overtake a large one that waits. An append
   * larger than the whole outbox is let in when nothing else waits.
   */
  room(bytes: number): Promise<void> {
    const mine = this.#turn.then(() => this.#wait(bytes))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #wait(bytes: number): Promise<void> {
    for (;;) {
      if (this.#closed.aborted) throw new LogError('fatal', 'the log is closed')
      if (this.#bytes === 0 || this.#bytes + bytes <= OUTBOX_BYTES) return
      await this.#left.promise
    }
  }

  /** Resolves when the records are durable. */
  add(records: readonly OutgoingRecord[]): Promise<void> {
    const done = Promise.withResolvers<void>()
    const bytes = bytesOf(records)
    this.#waiting.push({ records, bytes, done })
    this.#bytes += bytes
    return done.promise
  }

  /** The next commit in order, or null when nothing waits. Whole appends only: an append is durable together. */
  next(): Commit | null {
    const taken: Waiting[] = []
    let records = 0
    let bytes = 0
    for (const append of this.#waiting) {
      const full = records + append.records.length > COMMIT_RECORDS || bytes + append.bytes > COMMIT_BYTES
      if (taken.length > 0 && full) break
      taken.push(append)
      records += append.records.length
      bytes += append.bytes
    }
    if (taken.length === 0) return null
    this.#waiting.splice(0, taken.length)
    const settle = (act: (append: Waiting) => void): void => {
      this.#bytes -= bytes
      const left = this.#left
      this.#left = Promise.withResolvers<void>()
      left.resolve()
      for (const append of taken) act(append)
    }
    return {
      records: taken.flatMap(append => append.records),
      resolve: () => settle(append => append.done.resolve()),
      reject: error => settle(append => append.done.reject(error)),
    }
  }
}

export function bytesOf(records: readonly OutgoingRecord[]): number {
  let bytes = 0
  for (const record of records) bytes += record.bytes
  return bytes
}
