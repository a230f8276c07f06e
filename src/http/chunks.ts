import { Readable, type Writable } from 'node:stream'

/**
 * A body of many pieces, sent as they are: none is copied, and all are handed over at once, as one that is whole would be. Handed over one
 * by one, each when the socket has taken the one before, a hundred megabytes cost twice the time of this process.
 */
class Chunks extends Readable {
  readonly #chunks: readonly Buffer[]

  constructor(chunks: readonly Buffer[]) {
    super()
    this.#chunks = chunks
  }

  override pipe<T extends NodeJS.WritableStream>(into: T): T {
    const to = into as unknown as Writable
    to.cork()
    for (const chunk of this.#chunks) to.write(chunk)
    to.uncork()
    to.end()
    this.resume()
    return into
  }

  override _read(): void {
    this.push(null)
  }
}

/** The pieces as a stream, for who sends one: that is to pipe it, and nothing else. */
export function streamOf(chunks: readonly Buffer[]): Readable {
  return new Chunks(chunks)
}
