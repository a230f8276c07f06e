import { setImmediate as nextTurn } from 'node:timers/promises'

/** Lets long work be done in short pieces, one in each turn of the event loop, whoever asks for it. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Does a piece of work after what others asked for, in a turn of its own. Rejects with what it throws. */
  take(work: () => void): Promise<void> {
    const turn = this.#last.then(() => nextTurn()).then(work)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
