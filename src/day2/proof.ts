import type { Clocks } from '../clocks.ts'

/**
 * A proof that this process still writes the ledger: an append that became durable, as nobody's is whom another has replaced. It says
 * nothing of what came after, so it is as old as the *beginning* of that append, by the clock that says more.
 */
export class Proof {
  readonly #clocks: Clocks
  readonly #now: number
  readonly #steady: number
  readonly #limitMs: number
  #refused = false

  /** To be made before the append that is the proof. Fresh for at most `limitMs`. */
  constructor(clocks: Clocks, limitMs: number) {
    this.#clocks = clocks
    this.#now = clocks.now()
    this.#steady = clocks.steady()
    this.#limitMs = limitMs
  }

  /** Whether it may be acted upon, right now. */
  readonly holds = (): boolean => {
    const age = Math.max(this.#clocks.now() - this.#now, this.#clocks.steady() - this.#steady)
    const holds = age <= this.#limitMs
    this.#refused ||= !holds
    return holds
  }

  /** Whether somebody who asked was told that it holds no more. */
  get expired(): boolean {
    return this.#refused
  }
}

/** A proof is good for this long at most. */
const FRESH_MS = 5_000

/**
 * How long a proof is good for, in ms. A successor posts a launch again when it found no job of it for a whole quiet period: what the one
 * before it still sent must be through by then, with the time a controller works on a request (`Patience`).
 */
export function freshFor(quietMs: number): number {
  return Math.min(FRESH_MS, quietMs / 8)
}
