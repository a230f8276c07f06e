import type { Clocks } from '../clocks.ts'

/** Who goes on so much later than he meant to, or was busy for so long, has not read what came meanwhile. */
const LATE_MS = 1_000

/** Whether a reader was away from what it reads. By the clock that says more: one is stopped by sleep, the other put back by people. */
export class Lateness {
  readonly #clocks: Clocks
  #now = Infinity
  #steady = Infinity

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** From now on it means to go on in `ms`; 0: at once. */
  expect(ms: number): void {
    this.#now = this.#clocks.now() + ms
    this.#steady = this.#clocks.steady() + ms
  }

  /** True when it goes on only now, and is late. */
  get isLate(): boolean {
    return Math.max(this.#clocks.now() - this.#now, this.#clocks.steady() - this.#steady) > LATE_MS
  }
}
