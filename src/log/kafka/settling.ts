import { steadyClock } from '../../clocks.ts'
import { pause } from '../../waiting.ts'
import { LogError } from '../log.ts'

/** Between two looks, in ms: markers are mostly there at once; while replicas are missing it may be hours. */
const AGAIN_MS = { first: 2, most: 200 }
/** How long nothing more may come before who reads is told, in ms. */
const PATIENCE_MS = 20_000

/** How time goes by. */
export interface Clock {
  /** In ms, and never back. */
  steady(): number
  rest(ms: number, signal: AbortSignal): Promise<void>
}

/** That of the machine. */
export const CLOCK: Clock = { steady: steadyClock, rest: pause }

/**
 * Waits for what was acknowledged and can not be read yet: a commit is acknowledged when its end is decided, and read when its markers are
 * written. While too few replicas are in sync those have to wait, and whoever reads must neither ask without a rest nor wait for ever.
 */
export class Settling {
  readonly #clock: Clock
  #wait = AGAIN_MS.first
  #since: number

  constructor(clock: Clock = CLOCK) {
    this.#clock = clock
    this.#since = clock.steady()
  }

  /** Something more could be read. */
  moved(): void {
    this.#wait = AGAIN_MS.first
    this.#since = this.#clock.steady()
  }

  /** Resolves when it is time to look again, or the signal aborts. Throws `retry` when nothing more came for too long. */
  async again(signal: AbortSignal): Promise<void> {
    if (this.#clock.steady() - this.#since > PATIENCE_MS) {
      throw new LogError(
        'retry',
        'Kafka does not let what was acknowledged be read: its brokers have not ended the commit yet',
      )
    }
    await this.#clock.rest(this.#wait, signal)
    this.#wait = Math.min(this.#wait * 2, AGAIN_MS.most)
  }
}
