import type { Clock, Timer } from '../../../src/simulator/kube/clock.ts'

/** Time that passes when a test says so. */
export class ManualClock implements Clock {
  #now: number
  #timers: { at: number; order: number; run: () => void }[] = []
  #order = 0

  constructor(now = Date.parse('2026-06-01T12:00:00Z')) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run }
    this.#timers.push(timer)
    return { cancel: () => void (this.#timers = this.#timers.filter(other => other !== timer)) }
  }

  /** Lets this much time pass; timers run in the order of their time, promises in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined || next.at > end) break
      this.#timers = this.#timers.filter(other => other !== next)
      this.#now = next.at
      next.run()
      // What was awaiting this timer goes on before the next one runs.
      await new Promise(resolve => setImmediate(resolve))
    }
    this.#now = end
  }
}
