import { pause, until } from '../waiting.ts'

export interface BudgetLimits {
  /** Lists that are under way at once. */
  readonly atOnce: number
  /** Lists that begin in a second. */
  readonly perSecond: number
  /** A clock that never goes back, in ms. */
  readonly clock?: () => number
}

/** Lists of all clusters at once, and a second: a restart of the bridge is no stampede, and 500 clusters are read within minutes. */
export const LISTS_AT_ONCE = 20
const LISTS_PER_SECOND = 50

/**
 * How many lists may begin and be under way, over all clusters: a list is what costs an API server and us the most. Who comes waits
 * his turn; first come, first served.
 */
export class Budget {
  readonly #limits: BudgetLimits
  readonly #clock: () => number
  #turn: Promise<void> = Promise.resolve()
  #underWay = 0
  #left = Promise.withResolvers<void>()
  #nextStart = 0

  constructor(limits: BudgetLimits = { atOnce: LISTS_AT_ONCE, perSecond: LISTS_PER_SECOND }) {
    this.#limits = limits
    this.#clock = limits.clock ?? (() => performance.now())
  }

  get underWay(): number {
    return this.#underWay
  }

  /** Resolves when a list may begin; dispose what it gives when the list is over. When the signal aborts, at once. */
  async enter(signal: AbortSignal): Promise<Disposable> {
    const before = this.#turn
    const mine = Promise.withResolvers<void>()
    this.#turn = mine.promise
    await until(before, signal)
    while (this.#underWay >= this.#limits.atOnce && !signal.aborted) await until(this.#left.promise, signal)
    const early = this.#nextStart - this.#clock()
    if (early > 0) await pause(early, signal)
    this.#nextStart = Math.max(this.#clock(), this.#nextStart) + 1000 / this.#limits.perSecond
    this.#underWay += 1
    // Who gave up before his turn lets the next one in only when that turn has come.
    void before.then(mine.resolve)
    let over = false
    return {
      [Symbol.dispose]: () => {
        if (over) return
        over = true
        this.#underWay -= 1
        this.#left.resolve()
        this.#left = Promise.withResolvers<void>()
      },
    }
  }
}
