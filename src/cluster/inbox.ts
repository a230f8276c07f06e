import { until } from '../waiting.ts'

/**
 * A bounded queue between several sources and one reader. A source waits while it is full, and so leaves its socket unread; the
 * reader takes all there is at once, so that one commit serves many changes.
 */
export class Inbox<T> {
  readonly #limit: number
  #items: T[] = []
  #came = Promise.withResolvers<void>()
  #left = Promise.withResolvers<void>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#items.length
  }

  /** Resolves when the item is in. Gives up when the signal aborts. */
  async put(item: T, signal: AbortSignal): Promise<void> {
    while (this.#items.length >= this.#limit && !signal.aborted) await until(this.#left.promise, signal)
    if (signal.aborted) return
    this.#items.push(item)
    this.#came.resolve()
  }

  /** Who waits to take looks up now, whether there is anything or not. */
  wake(): void {
    this.#came.resolve()
  }

  /** All items, or none when `ms` pass (null: for ever), somebody wakes it or the signal aborts first. */
  async take(ms: number | null, signal: AbortSignal): Promise<readonly T[]> {
    if (this.#items.length === 0) await until(this.#came.promise, signal, ms)
    const taken = this.#items
    this.#items = []
    this.#came = Promise.withResolvers<void>()
    this.#left.resolve()
    this.#left = Promise.withResolvers<void>()
    return taken
  }
}
