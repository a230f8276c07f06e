/**
 * Both clocks of a machine, in ms. The wall clock, since the epoch, says when something was; somebody may set it. The steady one is set by
 * nobody and says how long something lasted, but may stand still while the machine sleeps.
 */
export interface Clocks {
  readonly now: () => number
  readonly steady: () => number
}

/** The steady clock of this machine. */
export function steadyClock(): number {
  return performance.now()
}
