import { until } from '../waiting.ts'
import { LogError } from './log.ts'

/** What one transaction carries: many appends that came while the one before was on its way. */
export interface Commit<Item, Done> {
  readonly items: readonly Item[]
  readonly bytes: number
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
  /** Of all that is not durable yet; and of that what is in no commit yet. */
  #bytes = 0
  #next = { items: 0, bytes: 0 }
  /** Appends that wait for room. */
  #crowd = 0
  #left = Promise.withResolvers<void>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: OutboxOptions<Item>) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** True when the next commit would be no larger if it waited. */
  get full(): boolean {
    const { commit } = this.#options
    return this.#next.items >= commit.items || this.#next.bytes >= commit.bytes
  }

  /**
   * Resolves when the items are durable. They are let in when they fit, in the order of the calls: a small append does not overtake a
   * large one that waits, and one that is larger than the whole outbox goes in when nothing else waits. `letIn` is called right before
   * they are in, and keeps them out by throwing.
   */
  put(items: readonly Item[], letIn: () => void): Promise<Done> {
    const bytes = this.#options.bytesOf(items)
    if (this.#crowd === 0 && this.#fits(bytes)) {
      letIn()
      return this.#add(items, bytes).promise
    }
    const added = this.#after(async () => {
      await this.#wait(bytes)
      letIn()
      return this.#add(items, bytes)
    })
    return added.then(done => done.promise)
  }

  /** One after the other, in the order of the calls. */
  #after<T>(act: () => Promise<T>): Promise<T> {
    this.#crowd += 1
    const mine = this.#turn.then(act).finally(() => (this.#crowd -= 1))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#options.waitingBytes
  }

  async #wait(bytes: number): Promise<void> {
    const { closed } = this.#options
    while (!this.#fits(bytes) && !closed.aborted) await until(this.#left.promise, closed)
    if (closed.aborted) throw new LogError('fatal', 'the log is closed')
  }

  #add(items: readonly Item[], bytes: number): PromiseWithResolvers<Done> {
    const done = Promise.withResolvers<Done>()
    this.#waiting.push({ items, bytes, done })
    this.#bytes += bytes
    this.#next.items += items.length
    this.#next.bytes += bytes
    return done
  }

  /** The next commit in order, or null when nothing waits. Whole appends only: an append is durable together. */
  next(): Commit<Item, Done> | null {
    const taken = this.#take()
    if (taken.length === 0) return null
    const items = taken.flatMap(append => append.items)
    const bytes = taken.reduce((sum, append) => sum + append.bytes, 0)
    this.#next.items -= items.length
    this.#next.bytes -= bytes
    const settle = (act: (append: Waiting<Item, Done>) => void): void => {
      this.#bytes -= bytes
      const left = this.#left
      this.#left = Promise.withResolvers<void>()
      left.resolve()
      for (const append of taken) act(append)
    }
    return {
      items,
      bytes,
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
