import { type Controller, ControllerError } from '../aap/index.ts'
import type { Entry } from '../log/index.ts'
import type { Book } from './book.ts'
import { noProgress, type Progress, progressAfter } from './progress.ts'
import type { Run } from './run.ts'

/** Somebody who does not say again that they watch does so no more, in ms. */
export const WATCHED_MS = 60_000
/** Runs that are watched at once; of more the one that was watched first is not. */
export const MAX_WATCHED = 20
/** Requests of one turn, over all that is watched: at polls of 2 s one a second. */
export const MAX_LOOKS = 2

interface Parts {
  readonly controller: Controller
  readonly book: Book
  readonly now: () => number
}

/**
 * Looks how jobs go that somebody watches, host by host, while they run: a few requests at each turn, one run after the other. Only what is
 * new is asked for. What it learns is shown and decides nothing.
 */
export class Spectator {
  readonly #parts: Parts
  /** Until when each run is watched, in ms; whose turn it is stands first. */
  readonly #watched = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Somebody watches a run, as they said at `at`, in ms. */
  watch(run: string, at: number): void {
    this.#watched.set(run, Math.max(this.#watched.get(run) ?? 0, at + WATCHED_MS))
    for (const first of this.#watched.keys()) if (this.#watched.size > MAX_WATCHED) this.#watched.delete(first)
  }

  /** Looks at those of these runs that are watched. */
  async turn(runs: readonly Run[]): Promise<void> {
    const now = this.#parts.now()
    for (const [run, until] of this.#watched) if (until < now) this.#watched.delete(run)
    const going = new Map(runs.filter(run => run.astray === '' && run.job_ended_at === 0).map(run => [run.id, run]))
    const due = [...this.#watched.keys()].flatMap(id => going.get(id) ?? []).slice(0, MAX_LOOKS)
    for (const run of due) {
      this.#last(run.id)
      await this.#look(run)
    }
  }

  async #look(run: Run): Promise<void> {
    const { controller, book, now } = this.#parts
    const before = book.ledger.progress(run.id) ?? noProgress(run)
    try {
      const told = await controller.course({ url: run.job?.url ?? '' }, before.after)
      // The name of a task may be made with a secret.
      const events = run.secrets === undefined ? told.events : told.events.map(event => ({ ...event, task: '' }))
      if (events.length > 0) await book.append([progressEntry(progressAfter(before, { ...told, events }, now()))])
    } catch (error) {
      if (!(error instanceof ControllerError)) throw error
      book.report('deferred', { run: run.id, message: `how its job goes: ${error.message}` })
    }
  }

  /** Behind all others, as it has had its turn. */
  #last(run: string): void {
    const until = this.#watched.get(run)
    this.#watched.delete(run)
    if (until !== undefined) this.#watched.set(run, until)
  }
}

function progressEntry(progress: Progress): Entry {
  return { stream: 'state.runs', key: `progress/${progress.run}`, value: progress }
}
