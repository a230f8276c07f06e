import { ExponentialBackoff } from 'cockatiel'

export interface BackoffRange {
  readonly initialMs: number
  readonly maxMs: number
}

/** Longest wait for a server that is there but asks for time, or is not there: as client-go's reflector. */
export const BACKOFF: BackoffRange = { initialMs: 800, maxMs: 30_000 }

/**
 * How long to wait before it is tried again: full jitter, a random share of a time that doubles. What failed together does not come
 * back together (AWS Architecture Blog, "Exponential Backoff and Jitter").
 */
export class Backoff {
  readonly #first: ExponentialBackoff<number>
  #next: ReturnType<ExponentialBackoff<number>['next']> | null = null

  constructor({ initialMs, maxMs }: BackoffRange, random: () => number) {
    this.#first = new ExponentialBackoff({
      initialDelay: initialMs,
      maxDelay: maxMs,
      generator: (failed, { initialDelay, maxDelay, exponent }) => {
        const attempt = failed ?? 0
        return [random() * Math.min(maxDelay, initialDelay * exponent ** attempt), attempt + 1]
      },
    })
  }

  /** It works again. */
  reset(): void {
    this.#next = null
  }

  /** In ms. */
  next(): number {
    this.#next = this.#next === null ? this.#first.next() : this.#next.next(undefined)
    return this.#next.duration
  }
}
