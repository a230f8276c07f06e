import type { DeadLetter } from './dead-letter.ts'

/** So long a letter stands for all that die as it did, in ms. */
export const FOLD_MS = 3_600_000
/** Letters that are remembered; the oldest is forgotten for a new one. Some 1,300 characters each at most. */
const REMEMBERED_LETTERS = 1_000

/** Which dead letters were written lately. A record that can never be stored is tried again and again: one letter of it an hour is enough. */
export class LetterBook {
  /** When each was written, in that order. */
  readonly #written = new Map<string, number>()

  /**
   * True when it is to be written; then it is remembered. False when one of the same stream, key, event and reason was less than
   * `FOLD_MS` before: reasons that differ by their numbers are the same, as sizes change.
   */
  enter({ stream, key, cause, event_id, reason, at }: DeadLetter): boolean {
    const name = JSON.stringify([stream, key, cause, event_id, reason.replace(/\d+/g, '#')])
    const before = this.#written.get(name) ?? -Infinity
    // A clock that was put back must not keep a letter from being written.
    if (at >= before && at - before < FOLD_MS) return false
    this.#written.delete(name)
    this.#written.set(name, at)
    const [oldest = ''] = this.#written.keys()
    if (this.#written.size > REMEMBERED_LETTERS) this.#written.delete(oldest)
    return true
  }
}
