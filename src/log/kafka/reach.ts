import type { Stream } from '../log.ts'
import type { Placed } from './session.ts'
import type { Ends } from './stock.ts'
import { STREAMS } from './topics.ts'

/** A partition in which something was put before a place that it had reached. */
export interface Shrunk {
  readonly stream: Stream
  readonly partition: number
  readonly reached: number
  readonly first: number
}

/** How far every stream reached as far as this writer knows: of each partition, the offset after the newest record of ours. */
export class Reach {
  readonly #acked = new Map<Stream, number[]>()

  /** Of all streams. */
  get ends(): Ends {
    return this.#acked
  }

  of(stream: Stream): readonly number[] {
    return this.#acked.get(stream) ?? []
  }

  begin(ends: Ends): void {
    for (const stream of STREAMS) this.#acked.set(stream, [...(ends.get(stream) ?? [])])
  }

  /** Takes note of what became durable. Gives where records are gone: there it was put before a place that was reached. */
  place(placed: readonly Placed[]): Shrunk | null {
    let shrunk: Shrunk | null = null
    for (const { stream, partition, first, next } of placed) {
      const acked = this.#acked.get(stream)
      const reached = acked?.[partition] ?? 0
      if (first < reached) shrunk ??= { stream, partition, reached, first }
      if (acked !== undefined) acked[partition] = Math.max(reached, next)
    }
    return shrunk
  }
}
