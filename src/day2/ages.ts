import type { Clocks } from '../clocks.ts'
import type { Run } from './run.ts'

type Stamped = Pick<Run, 'created_at' | 'since' | 'step_at' | 'stopped_at' | 'job_ended_at' | 'cancel'>

/**
 * How long ago the times were that runs have on record. Those are of the wall clock, which somebody may set: taken at its word, a clock
 * that is set forward by a day makes every job of the fleet overdue in the middle of its work. So the wall clock counts only up to the
 * moment at which this process first saw a time, and the steady clock from then on. While the process is down nobody counts steadily.
 */
export class Ages {
  readonly #clocks: Clocks
  /** By the time on record: how old it was when it was first seen, and when that was by the steady clock. */
  #seen: ReadonlyMap<number, { readonly age: number; readonly steady: number }> = new Map()

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** Takes note of the times of all runs under way, and forgets those of others. To be called often: a clock that is set before that counts. */
  note(runs: Iterable<Stamped>): void {
    const seen = new Map<number, { readonly age: number; readonly steady: number }>()
    for (const run of runs)
      for (const at of [
        run.created_at,
        run.since,
        run.step_at ?? 0,
        run.stopped_at,
        run.job_ended_at,
        run.cancel?.at ?? 0,
      ])
        seen.set(at, this.#seen.get(at) ?? { age: this.of(at), steady: this.#clocks.steady() })
    this.#seen = seen
  }

  /** How long ago a time on record was, in ms; not less than 0. */
  readonly of = (at: number): number => {
    const seen = this.#seen.get(at)
    if (seen === undefined) return Math.max(0, this.#clocks.now() - at)
    return seen.age + this.#clocks.steady() - seen.steady
  }
}
