import { type Controller, ControllerError, type Job } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { Entry } from '../log/index.ts'
import type { Book } from './book.ts'
import { externalId, externalRun, isExternal, lookFrom } from './external.ts'
import type { SeenJobs } from './ledger.ts'
import type { Lookup } from './lookup.ts'
import { begun } from './record.ts'
import type { Verb } from './run.ts'

/** How jobs that others launch are looked for. */
export interface Onlooking {
  readonly everyMs: number
  /** What job templates are known to do, by name. */
  readonly verbs: ReadonlyMap<string, Verb>
  /** Verbs that a rulebook launches. */
  readonly rulebooks: ReadonlySet<Verb>
}

interface Parts {
  readonly controller: Controller
  readonly lookup: Lookup
  readonly fleet: FleetView
  readonly book: Book
  readonly quietMs: number
  readonly now: () => number
}

/**
 * Sees the jobs that others launch on our inventory: people, schedules, rulebooks. Each becomes an external run in the ledger, which
 * holds its VMs until it has ended. A job that was launched after the last look may still meet one of ours.
 */
export class Onlooker {
  readonly #parts: Parts
  readonly #how: Onlooking
  #looked = -Infinity

  constructor(parts: Parts, how: Onlooking) {
    this.#parts = parts
    this.#how = how
  }

  /** Looks, when it is time for it. What the controller can not answer is told, and looked at next time. */
  async turn(): Promise<void> {
    const { book, now } = this.#parts
    if (now() - this.#looked < this.#how.everyMs) return
    this.#looked = now()
    try {
      await this.#look()
    } catch (error) {
      if (!(error instanceof ControllerError)) throw error
      book.report('trouble', { message: `looking for jobs of others: ${error.message}` })
    }
  }

  async #look(): Promise<void> {
    const { controller, lookup, book, quietMs } = this.#parts
    const { ledger } = book
    const after = ledger.seenJobs
    const { jobs, newest, more } = await controller.jobsOn(await lookup.inventory(), after)
    const fresh = jobs.filter(job => isExternal(job, ledger) && !ledger.runs.has(externalId(job)))
    const entries = fresh.flatMap(job => this.#entriesOf(job))
    const next = after === null ? newest : lookFrom(jobs, more, after, quietMs)
    const seen: SeenJobs = { schema: 1, kind: 'seen', after: next }
    const position: Entry = { stream: 'state.runs', key: 'seen/jobs', value: seen }
    await book.append(next === after ? entries : [...entries, position])
    if (more) this.#looked = -Infinity
  }

  #entriesOf(job: Job): readonly Entry[] {
    const { fleet, book, now } = this.#parts
    const { verbs, rulebooks } = this.#how
    const verb = verbs.get(job.name)
    const reason = verb !== undefined && rulebooks.has(verb) ? 'its driver is eda' : 'launched from the controller'
    const run = externalRun(job, { fleet, verbs, reason }, now())
    const where = run.external?.whole === true ? 'a limit that may mean any host' : `${run.hosts.length} hosts`
    book.report('started', { run: run.id, message: `job ${job.id} (${job.name}) of ${job.launchedBy} on ${where}` })
    this.#tellCollisions(run.id, job.id, run.hosts)
    return begun(run, book.ledger, now())
  }

  /** Two jobs at once on a VM: it was launched between our last look and our own launch. */
  #tellCollisions(id: string, job: number, hosts: readonly { host: string; uid: string }[]): void {
    const { book } = this.#parts
    for (const { host, uid } of hosts) {
      const other = book.ledger.holder(uid)
      if (other !== undefined && other.job !== null && other.external === undefined)
        book.report('alarm', {
          run: id,
          message: `${host}: job ${job} runs beside job ${other.job.id} of run ${other.id}`,
        })
    }
  }
}
