import { type Controller, type Followed, reconcile } from '../aap/index.ts'
import type { Book } from './book.ts'
import { failed } from './controller-side.ts'
import type { Run } from './run.ts'
import { afterPoll, type Patience } from './step.ts'

interface Parts {
  readonly controller: Controller
  readonly book: Book
  readonly patience: Patience
  readonly now: () => number
}

/** Follows the jobs of runs to their ends, all by one question. */
export class Follower {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async turn(runs: readonly Run[]): Promise<void> {
    const { controller, book, now } = this.#parts
    const ids = runs.flatMap(run => (run.job === null ? [] : [run.job.id]))
    if (ids.length === 0) return
    try {
      const jobs = await controller.jobs(ids)
      for (const run of runs) await this.#followOne(run, jobs.get(run.job?.id ?? 0) ?? 'vanished', now())
    } catch (error) {
      book.report('trouble', { message: `following ${ids.length} jobs: ${failed(error).reason}` })
    }
  }

  async #followOne(run: Run, job: Followed, now: number): Promise<void> {
    const { controller, book, patience } = this.#parts
    const { done, run: seen } = afterPoll(run, job, now, patience)
    if (!done) return seen === run ? undefined : book.save(seen)
    const hosts = seen.hosts.map(host => host.host)
    const readable = typeof job === 'object' && seen.job !== null
    const summaries = readable ? await controller.hostSummaries({ url: seen.job?.url ?? '' }) : []
    const message = typeof job === 'object' ? job.explanation : `the job is ${job}`
    await book.end(seen, reconcile(hosts, job, summaries), message)
  }
}
