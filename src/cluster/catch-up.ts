/** A server sends what a watch has missed as soon as it is open. */
const CATCH_UP_MS = 1_000
const LONGEST_CATCH_UP_MS = 10_000

/**
 * For how long more may be on its way of what happened already: nothing that waits is told before. What was missed comes at once, and is
 * waited for; of watches that end again and again not for ever.
 */
export class CatchUp {
  readonly #ms: number
  #since = 0
  #until = 0

  constructor(ms = CATCH_UP_MS) {
    this.#ms = ms
  }

  get until(): number {
    return this.#until
  }

  /** What is known is older than it seems: a watch was away, or its reader. */
  begin(now: number): void {
    if (now > this.#until + this.#ms) this.#since = now
    this.#until = Math.min(now + this.#ms, this.#since + LONGEST_CATCH_UP_MS)
  }
}
