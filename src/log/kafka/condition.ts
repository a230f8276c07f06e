import type { LogHealth } from '../log.ts'

const BROKERS_HINT = 'are all brokers up, and enough replicas in sync? It goes on by itself when they answer'

/** What the log's health is made of, besides what keeps it from writing and reading. */
export interface Circumstances {
  /** Why nothing will ever be written or read again; empty while something may. */
  readonly over: string
  readonly notice: string
  readonly waitingBytes: number
  readonly holder: string
}

/** What keeps the log from writing and from reading now; `onChange` is told when that changes. */
export class Condition {
  readonly #onChange: () => void
  #trouble = ''
  #deaf = ''

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get writes(): boolean {
    return this.#trouble === ''
  }

  /** What keeps it from writing; empty when nothing does. */
  say(trouble: string): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#onChange()
  }

  /** What keeps it from reading; empty when nothing does. */
  hear(trouble: string): void {
    const deaf = trouble === '' ? '' : `Kafka does not answer reads: ${trouble}`
    if (deaf === this.#deaf) return
    this.#deaf = deaf
    this.#onChange()
  }

  health({ over, notice, waitingBytes, holder }: Circumstances): LogHealth {
    return {
      writable: over === '' && this.#trouble === '',
      readable: over === '' && this.#deaf === '',
      reason: over || [this.#trouble, this.#deaf].filter(text => text !== '').join('; '),
      hint: this.#hint(over),
      notice,
      waitingBytes,
      holder,
    }
  }

  #hint(over: string): string {
    if (over !== '') return 'this process writes no more: look at what took over, or start it anew'
    if (this.#trouble !== '') return `${BROKERS_HINT}; nothing stored is lost, and what waits is written then`
    return this.#deaf === '' ? '' : `${BROKERS_HINT}; what is told meanwhile is old`
  }
}
