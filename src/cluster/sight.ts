import { type Of, REQUIRED } from './resources.ts'

/** A server sends what a watch has missed as soon as it is open. */
const CATCH_UP_MS = 1_000
const LONGEST_CATCH_UP_MS = 10_000

/**
 * Whether a cluster is looked after now, and for how long more may be on its way of what happened already: nothing that waits is told
 * before. What was missed comes at once, and is waited for; of watches that end again and again not for ever.
 */
export class Sight {
  readonly #catchUpMs: number
  readonly #seen = new Set<Of>()
  #since = 0
  #until = 0

  /** `catchUpMs`: how long what was missed is waited for, once it can come. */
  constructor(catchUpMs = CATCH_UP_MS) {
    this.#catchUpMs = catchUpMs
  }

  /** True while all that is required is looked after. While it is not, nothing that waits has lasted: nobody could have seen it end. */
  get whole(): boolean {
    return REQUIRED.every(of => this.#seen.has(of))
  }

  /** When nothing of what happened already is on its way any more, in ms. */
  get caughtUpAt(): number {
    return this.#until
  }

  /** Something of it may be on its way still. What would be so for longer than ever was meant is so by a clock that was put back. */
  isBehind(now: number): boolean {
    return now < this.#until && this.#until <= now + LONGEST_CATCH_UP_MS
  }

  /** A resource is looked after: by a watch, which begins with what was missed, or by a list, which has it all. */
  open(of: Of, by: 'watch' | 'list', now: number): void {
    if (by === 'watch' && !this.#seen.has(of)) this.behind(now)
    this.#seen.add(of)
  }

  /** A resource is not looked after any more. */
  lose(of: Of): void {
    this.#seen.delete(of)
  }

  /** What is known is older than it seems: a watch was away, or its reader. */
  behind(now: number): void {
    if (now > this.#until + this.#catchUpMs) this.#since = now
    this.#until = Math.min(now + this.#catchUpMs, this.#since + LONGEST_CATCH_UP_MS)
  }
}
