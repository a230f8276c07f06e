import { until } from '../waiting.ts'
import type { Position, Stored } from '../log/index.ts'

/** How many events may be sent and not acknowledged; then sending waits. */
export const MAX_UNACKNOWLEDGED = 1_000

/** One open connection of a consumer, with the events that were sent on it and not acknowledged. */
export class Delivery {
  readonly #sent: Position[] = []
  readonly #ending = new AbortController()
  #room = Promise.withResolvers<void>()
  #passed: Position | null = null

  /** Aborts when the server ends the connection: another one took its place, there is a gap to tell, or the consumer was forgotten. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Why it ends; empty while it does not. */
  get because(): 'replaced' | 'gap' | 'forgotten' | '' {
    return (this.#ending.signal.reason as 'replaced' | 'gap' | 'forgotten' | undefined) ?? ''
  }

  /** The position up to which every entry was acknowledged or not for this consumer; null while anything sent is not acknowledged. */
  get passed(): Position | null {
    return this.#sent.length === 0 ? this.#passed : null
  }

  end(because: 'replaced' | 'gap' | 'forgotten'): void {
    this.#ending.abort(because)
  }

  /** Notes that everything up to `position` was acknowledged. A position that was not sent on this connection is ignored. */
  acknowledge(position: Position): void {
    const index = this.#sent.indexOf(position)
    if (index < 0) return
    this.#sent.splice(0, index + 1)
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }

  /** Yields the entries for which `isFor` holds, in order, and waits while MAX_UNACKNOWLEDGED are not acknowledged. Ends when the signal aborts. */
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
