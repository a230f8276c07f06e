import { until } from '../waiting.ts'
import { LogError } from './log.ts'

/** What one transaction carries: many appends that came while the one before was on its way. */
export interface Commit<Item, Done> {
  readonly items: readonly Item[]
  resolve(done: Done): void
  reject(error: Error): void
}

interface Waiting<Item, Done> {
  readonly items: readonly Item[]
  readonly bytes: number
  readonly done: PromiseWithResolvers<Done>
}

export interface OutboxOptions<Item> {
  /** Items and bytes of one commit; one append that is larger goes alone. */
  readonly commit: { readonly items: number; readonly bytes: number }
  /** Bytes that may wait: beyond that the caller waits. */
  readonly waitingBytes: number
  readonly bytesOf: (items: readonly Item[]) => number
  /** Aborts when the log closes: nobody is let in any more. */
  readonly closed: AbortSignal
}

/** What waits to be written, in order, bounded by bytes. Both engines have one. */
export class Outbox<Item, Done> {
  readonly #options: OutboxOptions<Item>
  readonly #waiting: Waiting<Item, Done>[] = []
  #bytes = 0
  #left = Promise.withResolvers<void>()
  #turn: Promise<void> = Promise.resolve()

  constructor(options: OutboxOptions<Item>) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * Resolves when the items fit, in the order of the calls: a small append does not overtake a large one that waits. An append larger
   * than the whole outbox is let in when nothing else waits.
   */
  room(items: readonly Item[]): Promise<void> {
    const mine = this.#turn.then(() => this.#wait(this.#options.bytesOf(items)))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #wait(bytes: number): Promise<void> {
    const { closed, waitingBytes } = this.#options
    while (this.#bytes > 0 && this.#bytes + bytes > waitingBytes && !closed.aborted)
      await until(this.#left.promise, closed)
    if (closed.aborted) throw new LogError('fatal', 'the log is closed')
  }

  /** Resolves when the items are durable. */
  add(items: readonly Item[]): Promise<Done> {
    const done = Promise.withResolvers<Done>()
    const bytes = this.#options.bytesOf(items)
    this.#waiting.push({ items, bytes, done })
    this.#bytes += bytes
    return done.promise
  }

  /** The next commit in order, or null when nothing waits. Whole appends only: an append is durable together. */
  next(): Commit<Item, Done> | null {
    const taken = this.#take()
    if (taken.length === 0) return null
    const settle = (act: (append: Waiting<Item, Done>) => void): void => {
      for (const append of taken) this.#bytes -= append.bytes
      const left = this.#left
      this.#left = Promise.withResolvers<void>()
      left.resolve()
      for (const append of taken) act(append)
    }
    return {
      items: taken.flatMap(append => append.items),
      resolve: done => settle(append => append.done.resolve(done)),
      reject: error => settle(append => append.done.reject(error)),
    }
  }

  #take(): readonly Waiting<Item, Done>[] {
    const { commit } = this.#options
    let count = 0
    let items = 0
    let bytes = 0
    for (const append of this.#waiting) {
      items += append.items.length
      bytes += append.bytes
      if (count > 0 && (items > commit.items || bytes > commit.bytes)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }
}
