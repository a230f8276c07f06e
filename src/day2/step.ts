import type { Followed, Job, Launched } from '../aap/index.ts'
import { counted } from '../whole-number.ts'
import { type Run, withoutSecrets } from './run.ts'
import { hasNextStep, withStep } from './run-step.ts'
import { readable, unread } from './unread.ts'

/** How long a run may wait in each place, in ms, before it is ended with what is known. */
export interface Patience {
  /** For the controller to answer before anything is launched. */
  readonly preflight: number
  /** For one inventory update. */
  readonly update: number
  /** After a launch whose answer was lost, until no job of it can appear any more: longer than any controller works on a request (30 s by default). */
  readonly quiet: number
  /** For a launched job to end; then it is cancelled. */
  readonly job: number
  /** For the results of an ended job. */
  readonly results: number
  /** For a cancelled job to end. */
  readonly cancel: number
  /** For hosts to be ready again after the step before, as one that restarted them. */
  readonly settle: number
}

export const PATIENCE: Patience = {
  preflight: 3_600_000,
  update: 600_000,
  quiet: 45_000,
  job: 86_400_000,
  results: 60_000,
  cancel: 600_000,
  settle: 300_000,
}

/** Launches begun for one intent, each after a quiet period that proved that the one before started nothing. */
export const MAX_ATTEMPTS = 3
export const MAX_UPDATES = 1

/** A run that has not moved for so long is told of: a person may want to look. */
export const STUCK_MS = 1_800_000

const STANDING: Readonly<Partial<Record<Run['status'], string>>> = {
  planned: 'it was not launched yet',
  updating: 'it waits for an inventory update',
  searching: 'whether it was launched is not known yet',
}

/** Why a run that was created `age` ms ago stands still, in one sentence; empty when that is not half an hour, it moves, or it was told. A job that runs moves. Pure. */
export function standsStill(run: Run, age: number): string {
  const where = run.job_pending === undefined ? standing(run) : `its job waits at the controller`
  if (where === undefined || run.stuck_at !== undefined || age <= STUCK_MS) return ''
  return [where, run.message, run.job_pending ?? ''].filter(part => part !== '').join(': ')
}

/** One that follows a job moves, unless nobody can tell. */
function standing({ status, unread_at }: Run): string | undefined {
  return status === 'following' && unread_at !== undefined ? 'how far its job is is not known' : STANDING[status]
}

/** What comes of a step: the run as it goes on, or its end. */
export type Next =
  | { readonly kind: 'goes_on'; readonly run: Run; readonly news: 'started' | null }
  | { readonly kind: 'ends'; readonly run: Run; readonly outcome: 'refused' | 'unknown'; readonly message: string }

/** 401 and 429 to a launch: nothing ran, and it passes. The preflight of the next attempt waits for it. */
const PASSING = new Set([401, 429])

/** What a template that was changed, renamed or made anew since it was looked up may answer: nothing ran, and the next look is a new one. */
const OUTDATED = new Set([400, 403, 404])

/**
 * What becomes of a run by the answer to its launch. `remembered`: its template was looked up up to a minute before, so a refusal may
 * be for what it was then. Pure.
 */
export function afterLaunch(run: Run, launched: Launched, now: number, remembered = false): Next {
  if (launched.kind === 'launched') return following(run, launched.job, now)
  if (launched.kind === 'refused') {
    if (PASSING.has(launched.status) || (remembered && OUTDATED.has(launched.status)))
      return again(run, launched.reason, now)
    return { kind: 'ends', run, outcome: 'refused', message: launched.reason }
  }
  // It runs, or did until it was cancelled: its hosts stay locked until it has ended.
  if (launched.kind === 'widened') {
    const stray = { ...run, astray: widened(launched), stopped_at: launched.cancelled ? now : 0 }
    return following(stray, launched.job, now)
  }
  if (launched.kind === 'not_sent') return again(run, launched.reason, now)
  return { kind: 'goes_on', news: null, run: { ...run, status: 'searching', since: now, message: launched.reason } }
}

/** A run that was launched, or was about to be, without anything on record of what came of it. Pure. */
export function unheard(run: Run, now: number): Run {
  return { ...run, status: 'searching', since: now, message: 'what came of its launch is not on record' }
}

/**
 * What becomes of a run whose launch was searched for by its marker, at `asked`. `isQuiet`: the quiet period was over when the search was
 * sent: what it did not find may have appeared while its answer was under way. Pure.
 */
export function afterSearch(
  run: Run,
  found: Extract<Launched, { kind: 'launched' | 'widened' }> | { kind: 'absent' | 'vanished' },
  asked: number,
  isQuiet: boolean,
): Next {
  if (found.kind === 'launched' || found.kind === 'widened') return afterLaunch(run, found, asked)
  if (found.kind === 'vanished')
    return { kind: 'ends', run, outcome: 'unknown', message: 'it was launched, and its job was deleted' }
  const searched = { ...run, message: run.message.startsWith(UNSEARCHED) ? 'its answer was lost' : run.message }
  if (!isQuiet) return { kind: 'goes_on', run: searched, news: null }
  return again(searched, searched.message, asked)
}

/** How the message of a run begins whose job can not be searched for now. */
const UNSEARCHED = 'its job can not be searched for'

/**
 * What becomes of a run whose job could not be searched for: it is searched for again, and its VMs are held, since its job may run, until a
 * person has waited long enough or it has been too long. `isQuiet`: it was searched for over a whole quiet period by who gives it up.
 * `age`: how long ago a time on record was. Pure.
 */
export function afterFailedSearch(
  { run, reason, isQuiet }: { readonly run: Run; readonly reason: string; readonly isQuiet: boolean },
  patience: Pick<Patience, 'job' | 'cancel'>,
  age: (at: number) => number,
): Next {
  const given = run.cancel !== undefined && age(run.cancel.at) > patience.cancel
  if (isQuiet && (given || age(run.since) > patience.job)) {
    const message = `${given ? `${run.cancel.by} cancelled it; ` : ''}whether it was launched could not be found out: ${reason}`
    return { kind: 'ends', run, outcome: 'unknown', message }
  }
  const end =
    run.cancel === undefined
      ? `or give it up: virtbridge runs cancel ${run.id}`
      : `${run.cancel.by} cancelled it, and it is given up ${patience.cancel / 60_000} minutes after that`
  return { kind: 'goes_on', news: null, run: { ...run, message: `${UNSEARCHED}: ${reason}; ${end}` } }
}

/**
 * How far a run is that follows its job.
 *
 * kind    | what to do
 * waits   | ask again; keep the run when it changed
 * done    | it has ended: read the results
 * overdue | cancel the job, and wait for its end a little longer
 * lost    | give it up: its job may still run
 */
export interface Polled {
  readonly kind: 'waits' | 'done' | 'overdue' | 'lost'
  readonly run: Run
}

/**
 * How far the job of a run is, by what the controller said of it, if it said anything. `job_ended_at` starts the wait for its results.
 * `age`: how long ago a time on record was. Pure.
 */
export function afterPoll(
  run: Run,
  job: Followed | 'unanswered',
  now: number,
  patience: Pick<Patience, 'job' | 'results' | 'cancel'>,
  age: (at: number) => number = at => now - at,
): Polled {
  if (job === 'vanished') return { kind: 'done', run }
  if (typeof job === 'object' && job.ended) {
    const ended = run.job_ended_at === 0 ? { ...readable(run), job_ended_at: now } : readable(run)
    return { kind: job.finished || age(ended.job_ended_at) > patience.results ? 'done' : 'waits', run: ended }
  }
  // A job may go back from its end to a queue; one that can not be seen has not.
  const going = typeof job === 'object' ? pendingOf(readable(run), job, age(run.since)) : unseen(run, job, now)
  if (job === 'forbidden' && isLetGo(run, patience, age)) return { kind: 'lost', run: going }
  if (run.stopped_at > 0) return { kind: age(run.stopped_at) > patience.cancel ? 'lost' : 'waits', run: going }
  return { kind: age(run.since) > patience.job ? 'overdue' : 'waits', run: going }
}

function unseen(run: Run, job: 'forbidden' | 'unanswered', now: number): Run {
  return job === 'forbidden' ? unread(run, now) : run
}

/** A person waits no longer for a job that can not be read: one of others is let go of at once, one of ours when it could not be cancelled. */
function isLetGo({ let_go, cancel }: Run, patience: Pick<Patience, 'cancel'>, age: (at: number) => number): boolean {
  return let_go !== undefined || (cancel !== undefined && age(cancel.at) > patience.cancel)
}

const PENDING = new Set(['new', 'pending', 'waiting'])

/** A controller says why a job waits when it has waited for so long; what starts sooner is not worth a record. */
const WAITED_MS = 30_000

/** The run of a job that has not ended, with what the controller says of why it waits; the very same when that is no news. */
function pendingOf(run: Run, job: Job, age: number): Run {
  const { job_pending: before, ...rest } = run
  const pending = PENDING.has(job.status) && age > WAITED_MS ? job.explanation : undefined
  if (pending === before && run.job_ended_at === 0) return run
  return { ...rest, job_ended_at: 0, ...(pending === undefined ? {} : { job_pending: pending }) }
}

function following(run: Run, { id, url }: { readonly id: number; readonly url: string }, now: number): Next {
  const job = { id, url }
  return {
    kind: 'goes_on',
    news: 'started',
    run: {
      ...(hasNextStep(run) ? run : withoutSecrets(run)),
      ...(run.steps === undefined
        ? {}
        : { steps: withStep(run, { state: 'runs', job, started_at: now, attempts: run.attempts }) }),
      status: 'following',
      since: now,
      job,
      launched_at: now,
      message: run.astray,
    },
  }
}

/** The same intent once more, with the same marker; bounded. */
function again(run: Run, reason: string, now: number): Next {
  if (run.attempts >= MAX_ATTEMPTS)
    return {
      kind: 'ends',
      run,
      outcome: 'refused',
      message: `gave up after ${counted(run.attempts, 'attempt')}: ${reason}`,
    }
  return { kind: 'goes_on', news: null, run: { ...run, status: 'planned', since: now, message: reason } }
}

function widened(launched: Extract<Launched, { kind: 'widened' }>): string {
  const fate = launched.cancelled ? 'it was cancelled at once' : 'it could not be cancelled'
  return `job ${launched.job.id} is not what was asked for (${launched.differences.join('; ')}); ${fate}`
}
