/** A timer that can be called off; calling it off twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/** Time as an argument: epoch milliseconds, and a way to be called later. */
export interface Clock {
  now(): number
  setTimer(delayMs: number, run: () => void): Timer
}

/** The clock on the wall. Its timers keep no process alive: what holds a simulator open is its server. */
export const wallClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Epoch milliseconds as Kubernetes writes a time: RFC 3339, whole seconds. */
export function kubeTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}
