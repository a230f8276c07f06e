import type { Stream } from '../log.ts'
import type { ReaderOptions } from './reader.ts'
import { topicOf } from './topics.ts'

/** How entries are read. */
export interface Reading extends ReaderOptions {
  /** Told of what is passed over. */
  readonly strangers: Strangers
}

/** Records that somebody else wrote into the topics and that were passed over: counted by partition, each once. */
export class Strangers {
  readonly #prefix: string
  readonly #onFirst: () => void
  /** Of each partition, the offset after the newest of them: what is read again is not counted again. */
  readonly #next = new Map<string, number>()
  #count = 0
  #where = ''

  /** `onFirst` is told once, when there is something for a person to look at. */
  constructor(prefix: string, onFirst: () => void) {
    this.#prefix = prefix
    this.#onFirst = onFirst
  }

  /** One sentence for people; empty when there were none. */
  get notice(): string {
    if (this.#count === 0) return ''
    const records = this.#count === 1 ? 'a record that is' : `${this.#count} records that are`
    return `${records} no entry of the log and none of virtbridge's was passed over, the last in ${this.#where}: who else may write there?`
  }

  pass(stream: Stream, partition: number, offset: number): void {
    const place = `${stream}/${partition}`
    if (offset < (this.#next.get(place) ?? 0)) return
    this.#next.set(place, offset + 1)
    this.#count += 1
    this.#where = `${topicOf(this.#prefix, stream)}, partition ${partition}, offset ${offset}`
    if (this.#count === 1) this.#onFirst()
  }
}
