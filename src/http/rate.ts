/** A token bucket: `burst` requests at once, refilled with `perSecond`. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** How many keys are remembered. Beyond that the one unseen for longest is forgotten, and begins with a full bucket when it comes again. */
const MAX_KEYS = 10_000

interface Bucket {
  readonly left: number
  readonly at: number
}

/** A token bucket for each key. */
export class Buckets {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one token of a key at `now` (ms since the epoch). Gives 0 when there was one, else how many whole seconds, at least 1, until there is. */
  take(key: string, now: number): number {
    const { burst, perSecond } = this.#rate
    const known = this.#buckets.get(key)
    const filled = known === undefined ? burst : known.left + (Math.max(0, now - known.at) / 1_000) * perSecond
    const left = Math.min(burst, filled)
    // Set again, so that it is the one heard of last.
    this.#buckets.delete(key)
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, at: now })
    if (this.#buckets.size > MAX_KEYS) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    return left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond))
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size
  }
}
