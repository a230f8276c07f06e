/** How often one key may come: so many at once, and so many a second after that. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** Keys that are remembered; who was not heard of for longest is forgotten first, and may come again as one who is new. */
const MAX_KEYS = 10_000

interface Bucket {
  readonly left: number
  readonly at: number
}

/** Counts how often each key comes: a bucket that is emptied by one and fills again with time (RFC 9110 leaves the how to us). */
export class Buckets {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one for a key at `now`, in ms. Gives 0 when there was one, else the seconds, whole and at least one, until there is. */
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
