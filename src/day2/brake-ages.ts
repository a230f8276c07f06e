import type { Clocks } from '../clocks.ts'
import type { LedgerView } from './ledger.ts'
import { SELF } from './run.ts'

/** How long ago, in ms, what the brake goes by was: runs that started by themselves, and the last release. */
export interface BrakeAges {
  run(id: string, at: number): number
  /** Infinity for a release of which nobody knows. */
  release(at: number): number
}

/**
 * Their ages by the wall clock alone. What is still to come is of a clock that was set back since: a run counts as of now, so that the brake
 * is rather set too early, and a release as none, so that it does not open the brake until then. Pure.
 */
export function ageByWall(now: number): BrakeAges {
  return {
    run: (_, at) => Math.max(0, now - at),
    release: at => (at > now ? Infinity : now - at),
  }
}

/**
 * Their ages by the wall clock up to the moment at which this process first saw each, and from then on by the clock that nobody sets. By
 * the wall clock alone, one that is set forward by a day lets as many start again at once; one that is set back by a day has what started
 * before count for that day, whatever a person releases.
 */
export class SteadyBrakeAges implements BrakeAges {
  readonly #clocks: Clocks
  readonly #runs = new Map<string, { readonly age: number; readonly steady: number }>()
  #release = { at: 0, age: Infinity, steady: 0 }

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  run(id: string, at: number): number {
    const steady = this.#clocks.steady()
    const seen = this.#runs.get(id) ?? { age: ageByWall(this.#clocks.now()).run(id, at), steady }
    this.#runs.set(id, seen)
    return seen.age + steady - seen.steady
  }

  release(at: number): number {
    const steady = this.#clocks.steady()
    if (this.#release.at !== at) this.#release = { at, age: ageByWall(this.#clocks.now()).release(at), steady }
    return this.#release.age + steady - this.#release.steady
  }

  /** Takes note of all that the ledger has, and forgets the rest: at the first turn, and now and then. */
  keep(ledger: Pick<LedgerView, 'runs' | 'verbs' | 'releasedAt'>): void {
    this.release(ledger.releasedAt)
    const kept = new Set<string>()
    const keep = (id: string, at: number): void => {
      kept.add(id)
      this.run(id, at)
    }
    for (const { id, asked_by, created_at } of ledger.runs.values()) if (asked_by === SELF) keep(id, created_at)
    for (const { run, asked_by, at } of ledger.verbs()) if (asked_by === SELF) keep(run, at)
    for (const id of this.#runs.keys()) if (!kept.has(id)) this.#runs.delete(id)
  }
}
