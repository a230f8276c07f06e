import { until, Waiter } from '../waiting.ts'

/**
 * A bounded queue between several sources and one reader. A source waits while it is full, and so leaves its socket unread; the
 * reader takes all there is at once, so that one commit serves many changes.
 */
export class Inbox<T> {
  readonly #limit: number
  #items: T[] = []
  /** Who takes is to look up, whether there is anything or not. */
  #woken = false
  #taker: Waiter | null = null
  #left: PromiseWithResolvers<void> | null = null

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#items.length
  }

  /** Resolves when the item is in. Gives up when the signal aborts. */
  async put(item: T, signal: AbortSignal): Promise<void> {
    while (this.#items.length >= this.#limit && !signal.aborted) {
      this.#left ??= Promise.withResolvers<void>()
      await until(this.#left.promise, signal)
    }
    if (signal.aborted) return
    this.#items.push(item)
    this.#taker?.wake()
  }

  /** Who waits to take looks up now, whether there is anything or not. */
  wake(): void {
    this.#woken = true
    this.#taker?.wake()
  }

  /**
   * All items; none when `ms` pass (null: for ever), somebody wakes it or the signal aborts first, and now and then for nothing. One takes at
   * a time.
   */
  async take(ms: number | null, signal: AbortSignal): Promise<readonly T[]> {
    if (this.#items.length === 0 && !this.#woken) await this.#wait(ms, signal)
    const taken = this.#items
    this.#items = []
    this.#woken = false
    this.#left?.resolve()
    this.#left = null
    return taken
  }

  #wait(ms: number | null, signal: AbortSignal): Promise<void> {
    if (this.#taker?.signal !== signal) this.#taker = new Waiter(signal)
    return this.#taker.wait(ms)
  }
}
