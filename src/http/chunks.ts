import { Readable, type Writable } from 'node:stream'
import { Turns } from '../turns.ts'

/**
 * The most bytes of large bodies that are written in one turn of the event loop, whoever reads them. Meanwhile no other request is answered:
 * the system takes some milliseconds to copy them. With fewer a body costs more CPU.
 */
const TURN_BYTES = 8_388_608

/** Those of all large bodies: a socket that has room may take a whole body at once, and many of them are read at a time. */
const TURNS = new Turns()

/**
 * A body of many buffers, written without a copy and several megabytes at a time. To write one buffer after the other, each when the socket
 * has taken the one before, costs twice the CPU for a body of 100 MB; to write all at once holds up every other request.
 */
class Chunks extends Readable {
  readonly #portions: readonly (readonly Buffer[])[]
  #next = 0

  constructor(chunks: readonly Buffer[]) {
    super()
    this.#portions = portionsOf(chunks)
  }

  override pipe<T extends NodeJS.WritableStream>(into: T): T {
    const to = into as unknown as Writable
    // What is small does not wait for what is large.
    if (this.#portions.length <= 1) this.#handOver(to)
    else this.#takeTurn(to)
    this.resume()
    return into
  }

  override _read(): void {
    this.push(null)
  }

  #takeTurn(to: Writable): void {
    void TURNS.take(() => this.#handOver(to))
  }

  #handOver(to: Writable): void {
    if (to.destroyed) return
    let room = true
    to.cork()
    for (const chunk of this.#portions[this.#next] ?? []) room = to.write(chunk)
    to.uncork()
    this.#next += 1
    if (this.#next >= this.#portions.length) to.end()
    else if (room) this.#takeTurn(to)
    // A socket that took all of it says so in the same turn.
    else to.once('drain', () => this.#takeTurn(to))
  }
}

/** The buffers as a stream to send as an answer. Only `pipe()` works on it: it can not be read in any other way. */
export function streamOf(chunks: readonly Buffer[]): Readable {
  return new Chunks(chunks)
}

/** The bytes in portions of `TURN_BYTES`, the last of fewer; they stay where they are. */
function portionsOf(chunks: readonly Buffer[]): readonly (readonly Buffer[])[] {
  const portions: Buffer[][] = []
  let [portion, left]: [Buffer[], number] = [[], 0]
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length;) {
      if (left === 0) {
        portions.push((portion = []))
        left = TURN_BYTES
      }
      const part = chunk.subarray(at, at + left)
      portion.push(part)
      at += part.length
      left -= part.length
    }
  return portions
}
