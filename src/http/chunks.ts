import { Readable, type Writable } from 'node:stream'

/** Bytes that are handed over at once: who is heard next waits while the system copies them, some milliseconds. */
const HANDED_OVER = 8_388_608

/**
 * A body of many pieces, sent as they are: none is copied, and many are handed over at once. One by one, each when the socket has taken
 * the one before, a hundred megabytes cost twice the time of this process; all at once, nobody else is heard meanwhile.
 */
class Chunks extends Readable {
  readonly #chunks: readonly Buffer[]
  #next = 0

  constructor(chunks: readonly Buffer[]) {
    super()
    this.#chunks = chunks
  }

  override pipe<T extends NodeJS.WritableStream>(into: T): T {
    this.#handOver(into as unknown as Writable)
    this.resume()
    return into
  }

  override _read(): void {
    this.push(null)
  }

  #handOver(to: Writable): void {
    if (to.destroyed) return
    let room = true
    to.cork()
    for (let left = HANDED_OVER; left > 0 && this.#next < this.#chunks.length; this.#next += 1) {
      const chunk = this.#chunks[this.#next] as Buffer
      left -= chunk.length
      room = to.write(chunk)
    }
    to.uncork()
    if (this.#next >= this.#chunks.length) to.end()
    else if (!room) to.once('drain', () => this.#handOver(to))
    else setImmediate(() => this.#handOver(to))
  }
}

/** The pieces as a stream, for who sends one: that is to pipe it, and nothing else. */
export function streamOf(chunks: readonly Buffer[]): Readable {
  return new Chunks(chunks)
}
