import { until } from '../../waiting.ts'
import { LogError, type Position } from '../log.ts'
import type { Row, WriterRequest } from './writer.ts'

/** What one transaction carries: many appends that came while the one before was being written. */
export interface Batch {
  readonly request: WriterRequest
  resolve(position: Position): void
  reject(error: Error): void
}

interface Waiting {
  readonly rows: readonly Row[]
  readonly bytes: number
  readonly done: PromiseWithResolvers<Position>
}

/** Rows and bytes of one transaction, and bytes that may wait for theirs: beyond that the caller waits. */
export const BATCH_ROWS = 500
export const BATCH_BYTES = 1_048_576
export const OUTBOX_BYTES = 8_388_608

/** What waits to be written, in order, bounded by bytes. */
export class Outbox {
  #waiting: Waiting[] = []
  #chores: WriterRequest[] = []
  #bytes = 0
  #left = Promise.withResolvers<void>()
  #turn: Promise<void> = Promise.resolve()

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Resolves when `rows` fit, in the order of the calls: a small append does not overtake a large one that waits. An append larger
   * than the whole outbox is let in when nothing else waits.
   */
  room(rows: readonly Row[], signal: AbortSignal): Promise<void> {
    const mine = this.#turn.then(() => this.#wait(bytesOf(rows), signal))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #wait(size: number, signal: AbortSignal): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + size > OUTBOX_BYTES && !signal.aborted)
      await until(this.#left.promise, signal)
    if (signal.aborted) throw new LogError('fatal', 'the log is closed')
  }

  /** Resolves with the position when the rows are durable. */
  add(rows: readonly Row[]): Promise<Position> {
    const done = Promise.withResolvers<Position>()
    const bytes = bytesOf(rows)
    this.#waiting.push({ rows, bytes, done })
    this.#bytes += bytes
    return done.promise
  }

  /** A request that carries no rows and nobody waits for. */
  push(chore: WriterRequest): void {
    this.#chores.push(chore)
  }

  /** The next batch in order, or null when nothing waits. Whole appends only: an append is durable together. */
  next(): Batch | null {
    if (this.#waiting.length === 0) {
      const chore = this.#chores.shift()
      return chore === undefined ? null : { request: chore, resolve: () => undefined, reject: () => undefined }
    }
    const taken: Waiting[] = []
    let rows = 0
    let bytes = 0
    for (const append of this.#waiting) {
      if (taken.length > 0 && (rows + append.rows.length > BATCH_ROWS || bytes + append.bytes > BATCH_BYTES)) break
      taken.push(append)
      rows += append.rows.length
      bytes += append.bytes
    }
    this.#waiting.splice(0, taken.length)
    const request: WriterRequest = { kind: 'append', rows: taken.flatMap(append => append.rows), at: Date.now() }
    const settle = (act: (append: Waiting) => void): void => {
      this.#bytes -= bytes
      this.#left.resolve()
      this.#left = Promise.withResolvers<void>()
      for (const append of taken) act(append)
    }
    return {
      request,
      resolve: position => settle(append => append.done.resolve(position)),
      reject: error => settle(append => append.done.reject(error)),
    }
  }
}

function bytesOf(rows: readonly Row[]): number {
  let bytes = 0
  for (const [stream, key, json] of rows) bytes += stream.length + key.length + (json?.length ?? 0) + 32
  return bytes
}
