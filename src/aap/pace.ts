/** Requests to a controller: so many a second over all, in bursts, and fewer while it is slow. */
export interface PaceOptions {
  readonly perSecond: number
  /** A clock that nobody sets, in ms. */
  readonly steady: () => number
  /** Resolves after so many ms, or rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Requests at once after a rest. */
export const BURST = 20
/** However slow a controller is, it is asked this often, so that its recovery is seen. */
const LEAST_PER_SECOND = 0.5
/** An answer that took longer is that of a controller with too much to do. */
const SLOW_MS = 2_000
/** Halved once for what was sent together. */
const HALVE_EVERY_MS = 1_000

/** A controller that asks to be left alone for longer is asked again all the same. */
const MOST_CLOSED_MS = 60_000

/** What came of a request, as far as it tells how much a controller can bear. */
export interface Felt {
  readonly tookMs: number
  /** 429, 408, 5xx, or no answer in time. */
  readonly overloaded: boolean
  /** It asked to be left alone for so long; 0 when it did not. */
  readonly retryAfterMs: number
}

/**
 * A token bucket whose rate follows the controller: halved when an answer is slow or a refusal for load, a twentieth more for each that is
 * not, never more than configured. Who must not wait (a cancel) takes what is there and leaves the bucket empty.
 */
export class Pace {
  readonly #options: PaceOptions
  #rate: number
  #tokens = BURST
  #filled: number
  #halved = -Infinity
  #closedUntil = -Infinity
  #turn: Promise<void> = Promise.resolve()

  constructor(options: PaceOptions) {
    this.#options = options
    this.#rate = options.perSecond
    this.#filled = options.steady()
  }

  /** Requests a second, as of now. */
  get rate(): number {
    return this.#rate
  }

  /** Resolves when a request may be sent, in the order of the calls; at once when it is urgent. Rejects when the signal aborts. */
  take(signal: AbortSignal, urgent = false): Promise<void> {
    if (urgent) {
      this.#fill()
      this.#tokens = Math.max(0, this.#tokens - 1)
      return Promise.resolve()
    }
    const turn = this.#turn.then(() => this.#wait(signal))
    // One that is given up holds up nobody behind it.
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Learns from an answer. */
  felt({ tookMs, overloaded, retryAfterMs }: Felt): void {
    const now = this.#options.steady()
    if (retryAfterMs > 0) this.#closedUntil = Math.max(this.#closedUntil, now + Math.min(retryAfterMs, MOST_CLOSED_MS))
    if (overloaded || tookMs > SLOW_MS) {
      if (now - this.#halved < HALVE_EVERY_MS) return
      this.#halved = now
      this.#rate = Math.max(Math.min(LEAST_PER_SECOND, this.#options.perSecond), this.#rate / 2)
      this.#tokens = Math.min(this.#tokens, 1)
    } else this.#rate = Math.min(this.#options.perSecond, this.#rate + this.#options.perSecond / 20)
  }

  async #wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      this.#fill()
      const closed = this.#closedUntil - this.#options.steady()
      if (closed <= 0 && this.#tokens >= 1) break
      await this.#options.pause(Math.max(closed, ((1 - this.#tokens) / this.#rate) * 1000, 1), signal)
    }
    this.#tokens -= 1
  }

  #fill(): void {
    const now = this.#options.steady()
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filled) / 1000) * this.#rate)
    this.#filled = now
  }
}
