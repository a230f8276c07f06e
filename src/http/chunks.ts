import { Readable, type Writable } from 'node:stream'

/** How many bytes are written in one go. Meanwhile no other request is answered: the system takes some milliseconds to copy them. */
const HANDED_OVER = 8_388_608

/**
 * A body of many buffers, written without a copy and several megabytes at a time. To write one buffer after the other, each when the socket
 * has taken the one before, costs twice the CPU for a body of 100 MB; to write all at once holds up every other request.
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

/** The buffers as a stream to send as an answer. Only `pipe()` works on it: it can not be read in any other way. */
export function streamOf(chunks: readonly Buffer[]): Readable {
  return new Chunks(chunks)
}
