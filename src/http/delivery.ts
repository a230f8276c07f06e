import { until } from '../waiting.ts'
import type { Position, Stored } from '../log/index.ts'

/** Events that were sent and not acknowledged; more are not sent before some are. */
export const MAX_UNACKNOWLEDGED = 1_000

/** One connection of a consumer: what was sent on it and waits to be acknowledged. */
export class Delivery {
  readonly #sent: Position[] = []
  readonly #ending = new AbortController()
  #room = Promise.withResolvers<void>()
  #passed: Position | null = null

  /** Aborts when the connection is to end, because another one took its place, or what it was not told of must be told. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Why it ends; empty while it does not. */
  get because(): 'replaced' | 'gap' | 'forgotten' | '' {
    return (this.#ending.signal.reason as 'replaced' | 'gap' | 'forgotten' | undefined) ?? ''
  }

  /** How far everything is acknowledged or not for it; null when something that was sent waits. */
  get passed(): Position | null {
    return this.#sent.length === 0 ? this.#passed : null
  }

  end(because: 'replaced' | 'gap' | 'forgotten'): void {
    this.#ending.abort(because)
  }

  /** Everything up to a position was acknowledged. One that was not sent here says nothing. */
  acknowledge(position: Position): void {
    const index = this.#sent.indexOf(position)
    if (index < 0) return
    this.#sent.splice(0, index + 1)
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }

  /** Those that are for it, in order; waits while too many are not acknowledged. */
  async *deliver(
    entries: AsyncIterable<Stored>,
    isFor: (entry: Stored) => boolean,
    signal: AbortSignal,
  ): AsyncIterable<Stored> {
    for await (const entry of entries) {
      if (!isFor(entry)) {
        this.#passed = entry.position
        continue
      }
      while (this.#sent.length >= MAX_UNACKNOWLEDGED && !signal.aborted) await until(this.#room.promise, signal)
      if (signal.aborted) return
      this.#passed = entry.position
      this.#sent.push(entry.position)
      yield entry
    }
  }
}
