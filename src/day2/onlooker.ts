import { type Controller, ControllerError, type Inventory, type Job, type JobsOn } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { Entry } from '../log/index.ts'
import { counted } from '../whole-number.ts'
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
  /** What rulebooks launch: the inventories of these templates are looked at too. An empty organization is that of the bridge's things. */
  readonly launching?: readonly { readonly template: string; readonly organization: string }[]
}

interface Parts {
  readonly controller: Controller
  readonly lookup: Lookup
  readonly fleet: FleetView
  readonly book: Book
  readonly quietMs: number
  readonly now: () => number
  /** A monotonic clock, in ms: when to look next is no question of what time it is. */
  readonly steady: () => number
}

/** While no job is newer, it is asked so often whether those that were seen are still the newest, in ms. */
const COMPARE_MS = 60_000

/** `running`: jobs on an inventory that is looked at for the first time. */
interface Look extends JobsOn {
  readonly running: readonly Job[]
  readonly inventories: readonly Pick<Inventory, 'id'>[]
}

/**
 * Sees the jobs that others launch on our inventories: people, schedules, rulebooks. Each becomes an external run in the ledger, which
 * holds its VMs until it has ended. A job that was launched after the last look may still meet one of ours.
 */
export class Onlooker {
  readonly #parts: Parts
  readonly #how: Onlooking
  #looked = -Infinity
  #compared = -Infinity
  /** Inventories beside the first that were looked at since the start: when one comes, what runs there already must be known too. */
  readonly #met = new Set<number>()

  constructor(parts: Parts, how: Onlooking) {
    this.#parts = parts
    this.#how = how
  }

  /** Looks, when it is time for it. What the controller can not answer is told, and looked at next time. */
  async turn(): Promise<void> {
    const { book, steady } = this.#parts
    if (steady() - this.#looked < this.#how.everyMs) return
    this.#looked = steady()
    try {
      await this.#look()
    } catch (error) {
      if (!(error instanceof ControllerError)) throw error
      book.report('trouble', { message: `looking for jobs of others: ${error.message}` })
    }
  }

  async #look(): Promise<void> {
    const { book, quietMs } = this.#parts
    const { ledger } = book
    const before = ledger.seenJobs
    const seenOf = await this.#jobs(before)
    const after = before !== null && (await this.#countsAnew(before, seenOf)) ? null : before
    const { jobs, newest, more, running } = after === before ? seenOf : await this.#jobs(null)
    const fresh = [...running, ...jobs].filter(job => isExternal(job, ledger) && !ledger.runs.has(externalId(job)))
    const entries = fresh.flatMap(job => this.#entriesOf(job))
    const next = after === null ? newest : lookFrom(jobs, more, after, quietMs)
    const seen: SeenJobs = { schema: 1, kind: 'seen', after: next }
    const position: Entry = { stream: 'state.runs', key: 'seen/jobs', value: seen }
    await book.append(next === before ? entries : [...entries, position])
    if (more) this.#looked = -Infinity
  }

  /**
   * Whether the controller has no job as late as those that were looked at: it was set up anew or put back, and jobs of now would be taken
   * for old ones until their ids have come that far. Asked now and then, when there is none.
   */
  async #countsAnew(after: number, { jobs, inventories }: Look): Promise<boolean> {
    const { controller, steady } = this.#parts
    if (after === 0 || jobs.length > 0 || steady() - this.#compared < COMPARE_MS) return false
    this.#compared = steady()
    return (await controller.jobsOn(inventories, null)).newest < after
  }

  /** The jobs since then, and those that run on an inventory that is looked at for the first time. */
  async #jobs(after: number | null): Promise<Look> {
    const { controller, lookup } = this.#parts
    const first = await lookup.inventory('guest')
    const beside = await this.#beside()
    const launched = await this.#ofRulebooks()
    const others = [...(beside === null ? [] : [beside.id]), ...launched].filter(id => id !== first.id)
    const unmet = others.filter(id => !this.#met.has(id)).map(id => ({ id }))
    const inventories = [first, ...[...new Set(others)].map(id => ({ id }))]
    const found = await controller.jobsOn(inventories, after)
    const known = new Set(found.jobs.map(job => job.id))
    const { jobs } = unmet.length > 0 && after !== null ? await controller.jobsOn(unmet, null) : { jobs: [] }
    for (const { id } of unmet) this.#met.add(id)
    return { ...found, running: jobs.filter(job => !known.has(job.id)), inventories }
  }

  /** The inventory of work beside the guest; null while there is none that this account may read: then nothing is launched there. */
  async #beside(): Promise<Inventory | null> {
    const { lookup, book } = this.#parts
    try {
      return await lookup.beside()
    } catch (error) {
      if (!(error instanceof ControllerError) || error.kind !== 'not_found') throw error
      book.report('trouble', { message: `looking for jobs of others: ${error.message}` })
      return null
    }
  }

  /** The inventories that rulebooks launch on: their jobs wait for an update there, for which nobody else should wait. */
  async #ofRulebooks(): Promise<readonly number[]> {
    const { lookup, book } = this.#parts
    const found: number[] = []
    for (const { template, organization } of this.#how.launching ?? [])
      try {
        const { inventory } = await lookup.template(template, organization || undefined)
        if (inventory !== null) found.push(inventory.id)
      } catch (error) {
        if (!(error instanceof ControllerError) || error.kind !== 'not_found') throw error
        book.report('trouble', { message: `looking for jobs of rulebooks: ${error.message}` })
      }
    return found
  }

  #entriesOf(job: Job): readonly Entry[] {
    const { fleet, book, now } = this.#parts
    const { verbs, rulebooks } = this.#how
    const verb = verbs.get(job.name)
    const isMeant = verb !== undefined && rulebooks.has(verb)
    const isSecond = verb !== undefined && !isMeant && job.rulebook === true
    const by = isSecond ? 'a rulebook launched it, and its driver is not eda' : 'launched from the controller'
    const run = externalRun(
      job,
      { fleet, verbs, ledger: book.ledger, reason: isMeant ? 'its driver is eda' : by },
      now(),
    )
    const where = run.external?.whole === true ? 'a limit that may mean any host' : counted(run.hosts.length, 'host')
    book.report('started', { run: run.id, message: `job ${job.id} (${job.name}) of ${job.launchedBy} on ${where}` })
    if (isSecond)
      book.report('alarm', {
        run: run.id,
        message: `job ${job.id} of ${job.launchedBy}: a rulebook launches ${verb}, and its driver is not eda; switch the activation off, or set verbs.${verb}.driver: eda`,
      })
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
