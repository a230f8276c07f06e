/**
 * The ways to wait. All end at once when their signal aborts, and leave no timer or listener behind then; nothing else in src waits.
 */

/** Resolves when `event` settles, when the signal aborts, or after `ms` milliseconds (null: no time limit), whichever is first. Never rejects. */
export async function until(
  event: Promise<unknown> | null,
  signal: AbortSignal,
  ms: number | null = null,
): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = ms === null ? undefined : setTimeout(done, Math.min(Math.max(0, ms), 0x7fff_ffff))
    signal.addEventListener('abort', done, { once: true })
    event?.then(done, done)
  })
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return until(null, signal, ms)
}

/**
 * Waits again and again, a hundred times a second perhaps, mostly for what comes long before its time is over: so its timer and its
 * listener stay where they are, and a wait may end early, with nothing to be had. Let its signal abort when it is of no use any more.
 */
export class Waiter {
  readonly signal: AbortSignal
  #waits: (() => void) | null = null
  #timer: NodeJS.Timeout | undefined
  /** When the timer goes off. */
  #rings = Infinity

  constructor(signal: AbortSignal) {
    this.signal = signal
    const end = (): void => {
      clearTimeout(this.#timer)
      this.wake()
    }
    signal.addEventListener('abort', end, { once: true })
  }

  /** Resolves when it is woken, when the signal aborts, or after `ms` milliseconds at the latest (null: no time limit). Never rejects. */
  wait(ms: number | null): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    if (ms !== null) this.#ringIn(Math.min(Math.max(0, ms), 0x7fff_ffff))
    return new Promise(resolve => (this.#waits = resolve))
  }

  /** Ends the wait, if there is one. */
  wake(): void {
    const resolve = this.#waits
    this.#waits = null
    resolve?.()
  }

  #ringIn(ms: number): void {
    const due = performance.now() + ms
    // Nobody minds a millisecond: a clock of whole ones told how long it is.
    if (this.#rings < due + 1) return
    clearTimeout(this.#timer)
    this.#rings = due
    this.#timer = setTimeout(() => {
      this.#rings = Infinity
      this.wake()
    }, ms)
  }
}
