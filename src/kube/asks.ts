/** What the reader of a reflector may ask of it. */
export class Asks {
  #controller = new AbortController()

  /** Aborts when something is asked for. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Ends the watch and lists anew from the newest there is, then watches from there. */
  relist(): void {
    this.#controller.abort()
  }

  /** True when something was asked for; asks are one until they are taken. */
  take(): boolean {
    const asked = this.#controller.signal.aborted
    if (asked) this.#controller = new AbortController()
    return asked
  }
}
