import {
  type Controller,
  ControllerError,
  type FailureReason,
  type Followed,
  type HostSummary,
  reconcile,
  strangers,
} from '../aap/index.ts'
import { plainText } from '../event/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { counted } from '../whole-number.ts'
import type { Ages } from './ages.ts'
import type { Book } from './book.ts'
import { failed } from './controller-side.ts'
import type { LedgerView } from './ledger.ts'
import { runHost } from './admission.ts'
import { type Explained, explainedBy } from './returned.ts'
import type { Outcomes } from './record.ts'
import type { Run, RunHost } from './run.ts'
import { hasNextStep } from './run-step.ts'
import { afterPoll, type Patience } from './step.ts'
import { readable, whyUnread } from './unread.ts'

interface Parts {
  readonly fleet: Pick<FleetView, 'byHost'>
  readonly controller: Controller
  readonly book: Book
  readonly patience: Patience
  readonly now: () => number
  readonly ages: Ages
}

type Answer = Followed | 'unanswered'

/** Strangers that are named; of more their number is told. */
const NAMED = 5

/** Follows the jobs of runs to their ends, all by one question; what goes wrong with one holds up no other. */
export class Follower {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async turn(runs: readonly Run[]): Promise<void> {
    if (runs.length === 0) return
    const asked = await this.#ask(runs.filter(run => run.astray === ''))
    await Promise.all(
      runs.map(async run => this.#followOne(run, asked?.get(run.job?.id ?? 0) ?? (await this.#askAlone(run)))),
    )
  }

  /** The jobs of runs by one question; null when they are to be asked for one by one. */
  async #ask(runs: readonly Run[]): Promise<ReadonlyMap<number, Answer> | null> {
    const ids = runs.flatMap(run => (run.job === null ? [] : [run.job.id]))
    if (ids.length === 0) return null
    try {
      return await this.#parts.controller.jobs(ids)
    } catch (error) {
      this.#parts.book.report('trouble', {
        message: `following ${counted(ids.length, 'job')}: ${failed(error).reason}`,
      })
      // One job that can not be read makes the question fail for all; a controller that is down is asked no more this time.
      const answered = error instanceof ControllerError && error.status !== 0 && error.kind !== 'unauthorized'
      return answered ? null : new Map(ids.map(id => [id, 'unanswered']))
    }
  }

  /** Also for what is no job at all, as a launch may start it that went astray. */
  async #askAlone(run: Run): Promise<Answer> {
    if (run.job === null) return 'vanished'
    try {
      return await this.#parts.controller.job(run.job)
    } catch (error) {
      this.#parts.book.report('trouble', { run: run.id, message: `following its job: ${failed(error).reason}` })
      return 'unanswered'
    }
  }

  async #followOne(run: Run, job: Answer): Promise<void> {
    const { book, patience, now, ages } = this.#parts
    const polled = afterPoll(run, job, now(), patience, ages.of)
    if (run.unread_at === undefined && polled.run.unread_at !== undefined)
      book.report('alarm', { run: run.id, message: whyUnread(run) })
    // What others launched is theirs to cancel.
    if (polled.kind === 'overdue' && run.external === undefined) return this.#cancelOverdue(polled.run)
    if (polled.kind === 'waits' && run.cancel !== undefined && run.stopped_at === 0 && polled.run.job_ended_at === 0)
      return this.#cancelAsked(polled.run, run.cancel.by)
    if (polled.kind === 'lost' || polled.kind === 'overdue') {
      const { let_go: letGo } = polled.run
      const by = letGo === undefined ? '' : `${letGo.by} let go of it`
      const message = join(readable(polled.run).message, by, 'it was given up, and may still run')
      return book.go({ kind: 'ends', run: polled.run, outcome: 'unknown', message })
    }
    if (polled.kind === 'done' && typeof job !== 'object') return this.#end(polled.run, job, [])
    const summaries = polled.kind === 'done' ? await this.#summaries(polled.run) : null
    if (summaries !== null) return this.#end(polled.run, job, summaries)
    if (polled.run !== run) await book.save(polled.run)
  }

  /** The outcomes with what the play told of each host, and, of those that failed, their last failure. */
  async #explained(run: Run, job: Answer, outcomes: Outcomes): Promise<Explained> {
    if (typeof job !== 'object' || run.astray !== '') return { outcomes, misfit: '' }
    const bad = [...outcomes.values()].some(({ outcome }) => outcome === 'failed' || outcome === 'unreachable')
    // What a play says may quote a secret, cut or written otherwise, and nobody here could tell.
    if (hadSecrets(run, this.#parts.book.ledger)) return { outcomes, misfit: bad ? UNKEPT : '' }
    const reasons = bad ? await this.#reasons(run) : new Map<string, FailureReason>()
    return explainedBy(outcomes, reasons, job.artifacts, run)
  }

  /** None when they can not be read: an outcome does not wait for its reason. */
  async #reasons(run: Run): Promise<ReadonlyMap<string, FailureReason>> {
    try {
      return await this.#parts.controller.failureReasons({ url: run.job?.url ?? '' })
    } catch (error) {
      this.#parts.book.report('trouble', { run: run.id, message: `why hosts failed: ${failed(error).reason}` })
      return new Map()
    }
  }

  /** Null while they can not be read: without them a host that the job ran on would be taken for one that it left out. */
  async #summaries(run: Run): Promise<readonly HostSummary[] | null> {
    const { controller, book, ages, patience } = this.#parts
    try {
      return await controller.hostSummaries({ url: run.job?.url ?? '' })
    } catch (error) {
      const message = `the results of its job can not be read: ${failed(error).reason}`
      if (ages.of(run.since) > patience.job) await book.go({ kind: 'ends', run, outcome: 'unknown', message })
      else book.report('trouble', { run: run.id, message })
      return null
    }
  }

  async #end(run: Run, job: Answer, summaries: readonly HostSummary[]): Promise<void> {
    const { book } = this.#parts
    if (run.external !== undefined) return this.#endExternal(run, job, summaries)
    const asked = run.hosts.map(host => host.host)
    const uninvited = strangers(asked, summaries)
    const astray = uninvited.length === 0 ? '' : ranOnStrangers(run, uninvited)
    if (astray !== '')
      book.report('alarm', { run: run.id, message: `its job ran on hosts that nobody asked for: ${named(uninvited)}` })
    const said = typeof job === 'object' ? job.explanation : `the job is ${job}`
    const { outcomes, misfit } = await this.#explained(run, job, outcomesOf(run, asked, job, summaries))
    const ended = hasNextStep(run) && astray !== '' ? { ...run, astray } : run
    await book.end(ended, outcomes, join(run.message, astray, said, misfit))
  }

  /** The end of a job that others launched: of a limit that could not be told apart its results say where it ran. */
  async #endExternal(run: Run, job: Answer, summaries: readonly HostSummary[]): Promise<void> {
    const { book, fleet } = this.#parts
    const hosts = run.external?.whole === true ? ranOn(summaries, fleet) : run.hosts
    const known = reconcile(
      hosts.map(host => host.host),
      job === 'unanswered' ? 'forbidden' : job,
      summaries,
    )
    const said = typeof job === 'object' ? job.explanation : `the job is ${job}`
    const nowhere = typeof job !== 'object' || !job.ended ? 'unknown' : job.status === 'successful' ? 'ok' : 'failed'
    const { outcomes, misfit } =
      run.verb === '' ? { outcomes: known, misfit: '' } : await this.#explained(run, job, known)
    await book.end({ ...run, hosts }, outcomes, join(run.message, said, misfit), nowhere)
  }

  /** Tried again at each turn until the controller has heard it. */
  async #cancelAsked(run: Run, by: string): Promise<void> {
    const { controller, book, now } = this.#parts
    try {
      await controller.cancel({ url: run.job?.url ?? '' })
      await book.save({ ...run, stopped_at: now(), message: join(run.message, `${by} cancelled it`) })
    } catch (error) {
      book.report('trouble', { run: run.id, message: `cancelling its job: ${failed(error).reason}` })
    }
  }

  async #cancelOverdue(run: Run): Promise<void> {
    const { controller, book, patience, now } = this.#parts
    const message = await this.#cancelled(controller, run, `it ran for more than ${patience.job / 3_600_000} h`)
    book.report('alarm', { run: run.id, message })
    await book.save({ ...run, stopped_at: now(), message })
  }

  async #cancelled(controller: Controller, run: Run, because: string): Promise<string> {
    try {
      const answer = await controller.cancel({ url: run.job?.url ?? '' })
      return `${because} and was ${answer === 'cancelled' ? 'cancelled' : 'to be cancelled when it had ended'}`
    } catch (error) {
      return `${because} and could not be cancelled: ${failed(error).reason}`
    }
  }
}

const UNKEPT = 'why a host failed is not kept, as the job had secrets: it is told at the controller'

/** Whether its job knows what nobody may read; also one that a person launched again. */
function hadSecrets({ secrets, external }: Run, ledger: LedgerView): boolean {
  return secrets !== undefined || ledger.ofIntent(external?.copy_of ?? '')?.secrets !== undefined
}

/** VMs of the fleet that a job has results of. */
function ranOn(summaries: readonly HostSummary[], fleet: Parts['fleet']): readonly RunHost[] {
  const names = new Set(summaries.map(summary => summary.host))
  return [...names].flatMap(name => {
    const record = fleet.byHost(name)
    return record === undefined ? [] : [runHost(record)]
  })
}

function outcomesOf(run: Run, asked: readonly string[], job: Answer, summaries: readonly HostSummary[]): Outcomes {
  // Whatever its results say, they are not of what was asked for.
  if (run.astray !== '') return new Map(asked.map(host => [host, { outcome: 'unknown', detail: run.astray }]))
  return reconcile(asked, job === 'unanswered' ? 'forbidden' : job, summaries)
}

/** What is kept names none of them: who may know of the hosts of a run need not know of others. */
function ranOnStrangers({ job }: Run, strangers: readonly string[]): string {
  return `its job ran on ${counted(strangers.length, 'host')} that nobody asked for: job ${job?.id ?? 0} at the controller names them`
}

function named(hosts: readonly string[]): string {
  const names = hosts.slice(0, NAMED).map(plainText)
  return `${names.join(', ')}${hosts.length > NAMED ? ` and ${hosts.length - NAMED} more` : ''}`
}

function join(...parts: readonly string[]): string {
  return parts.filter(part => part !== '').join('; ')
}
