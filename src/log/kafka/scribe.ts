import { pause } from '../../waiting.ts'
import type { Reach } from './reach.ts'
import type { OutgoingRecord } from './record.ts'
import type { Stock } from './stock.ts'

/** How far the streams reached is written down this often: what is lost after that and before the next start may go unnoticed. */
const CLAIM_EVERY_MS = 60_000

export interface ScribeParts {
  readonly stock: Stock
  readonly reach: Reach
  /** Resolves when the records are durable. */
  readonly put: (records: readonly OutgoingRecord[]) => Promise<void>
}

/** Writes the claims of an open log anew: now and then, and when a loss is confirmed. One after the other, as each says all there is. */
export class Scribe {
  readonly #parts: ScribeParts
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: ScribeParts) {
    this.#parts = parts
  }

  /** Writes down how far the streams reached; without a loss that is confirmed by it. */
  write(without = ''): Promise<void> {
    const { stock, reach, put } = this.#parts
    const written = this.#writing.then(async () => {
      await put(stock.claims(reach.ends, without))
      stock.told(reach.ends, without)
    })
    this.#writing = written.catch(() => undefined)
    return written
  }

  /** The same when the streams went on since. Whoever appends next hears why it can not be written. */
  async catchUp(): Promise<void> {
    const { stock, reach } = this.#parts
    if (stock.outdated(reach.ends)) await this.write().catch(() => undefined)
  }

  /** Works until the signal aborts; not while `over`. */
  async often(over: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(CLAIM_EVERY_MS, signal)
      if (!signal.aborted && !over()) await this.catchUp()
    }
  }
}
