/** Does something when what is looked after takes longer than `ms`. Its timer stays where it is between two times, and keeps no process alive. */
export class Alarm {
  readonly #ms: number
  readonly #act: () => void
  #on = false
  #timer: NodeJS.Timeout | null = null

  constructor(ms: number, act: () => void) {
    this.#ms = ms
    this.#act = act
  }

  /** From now on it takes time. */
  set(): void {
    this.#on = true
    if (this.#timer === null) this.#timer = setTimeout(() => this.#ring(), this.#ms).unref()
    else this.#timer.refresh()
  }

  /** It is done. */
  off(): void {
    this.#on = false
  }

  #ring(): void {
    if (!this.#on) return
    this.#on = false
    this.#act()
  }
}

/** Gives up work that takes longer than `ms`, one after the other, or when `closing` aborts: who waits for it is told at once, whatever hangs. */
export class Watchdog {
  readonly #closing: AbortSignal
  readonly #alarm: Alarm
  #bite: (reason: unknown) => void = () => undefined

  constructor(ms: number, closing: AbortSignal) {
    this.#closing = closing
    this.#alarm = new Alarm(ms, () => this.#bite(new Error(`no answer within ${ms / 1000} s`)))
    closing.addEventListener('abort', () => this.#bite(closing.reason), { once: true })
  }

  /** As the work, one at a time, but that it rejects when that is given up; `onGivenUp` is told why then, before. */
  watch<T>(work: () => Promise<T>, onGivenUp: (reason: unknown) => void = () => undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const bite = (reason: unknown): void => {
      onGivenUp(reason)
      reject(reason)
    }
    this.#bite = bite
    this.#alarm.set()
    if (this.#closing.aborted) bite(this.#closing.reason)
    // What was given up may end while the next one is looked after.
    const done = (): void => {
      if (this.#bite === bite) this.#alarm.off()
    }
    work().then(
      value => {
        done()
        resolve(value)
      },
      (error: unknown) => {
        done()
        reject(error)
      },
    )
    return promise
  }
}
