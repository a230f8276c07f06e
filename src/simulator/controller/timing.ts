/** How long things take, in milliseconds, and how much of them there is room for. */
export type Timing = {
  /** From the launch to `waiting`. */
  pendingMs: number
  /** From `waiting` to `running`. */
  waitingMs: number
  /** A play, on hosts whose outcome names no time. */
  playMs: number
  /** From the terminal status until host results can be read. */
  eventsDelayMs: number
  /** From the cancel of something that runs to its end. */
  cancelMs: number
  /** An inventory update, at least; it also takes as long as its source. */
  updateMs: number
  /** What was blocked is looked at again only at multiples of this. */
  tickMs: number
  /** Jobs that have room to run at once; the others wait. */
  room: number
}

/** The times of an idle real controller on a small machine. */
export const REAL_TIMING: Timing = {
  pendingMs: 100,
  waitingMs: 100,
  playMs: 3000,
  eventsDelayMs: 900,
  cancelMs: 100,
  updateMs: 1700,
  tickMs: 20_000,
  room: Infinity,
}
