import type { WishMark } from '../day2/index.ts'

/** Wishes that are remembered at once. */
export const MAX_ASKED = 1_000
/** How long at most, in ms: what was not taken in by then may never be. */
const KEPT_MS = 600_000

/** A wish, and the run that it has: its id, once that is on record. */
export interface Asked {
  readonly mark: WishMark
  readonly run: Promise<string>
}

/**
 * What was asked for with idempotency keys a moment ago and is on its way to the ledger, so that the same key with another wish is refused
 * at once. It is a courtesy of one process: what comes by another one, or when there are too many, is refused by who takes it in.
 */
export class AskedKeys {
  readonly #asked = new Map<string, Asked & { readonly at: number }>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** The wish that was asked for first by the key of this id; undefined when none is remembered. */
  of(id: string): Asked | undefined {
    const first = this.#asked.get(id)
    return first === undefined || Math.abs(this.#now() - first.at) > KEPT_MS ? undefined : first
  }

  /** Remembers a wish, unless there is one of this id. The oldest is forgotten when there is no room. */
  add(id: string, wish: Asked): void {
    if (this.of(id) !== undefined) return
    this.#asked.delete(id)
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined && this.#asked.size >= MAX_ASKED) this.#asked.delete(oldest)
    this.#asked.set(id, { ...wish, at: this.#now() })
  }

  /** It did not get into the log. */
  forget(id: string): void {
    this.#asked.delete(id)
  }
}
