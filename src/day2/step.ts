import type { Followed, Launched } from '../aap/index.ts'
import type { RunOutcome, Run } from './run.ts'

/** How long a run may wait in each place, in ms, before it is ended with what is known. */
export interface Patience {
  /** For the controller to answer before anything is launched. */
  readonly preflight: number
  /** For one inventory update. */
  readonly update: number
  /** After a launch whose answer was lost, until no job of it can appear any more. */
  readonly quiet: number
  /** For a launched job to end. */
  readonly job: number
  /** For the results of an ended job. */
  readonly results: number
}

export const PATIENCE: Patience = {
  preflight: 3_600_000,
  update: 600_000,
  quiet: 45_000,
  job: 86_400_000,
  results: 60_000,
}

/** Launches begun for one intent, each after a quiet period that proved that the one before started nothing. */
export const MAX_ATTEMPTS = 3
export const MAX_UPDATES = 1

/** What comes of a step: the run as it goes on, or its end. */
export type Next =
  | { readonly kind: 'goes_on'; readonly run: Run; readonly news: 'started' | null }
  | {
      readonly kind: 'ends'
      readonly run: Run
      readonly outcome: Exclude<RunOutcome, 'ok' | 'failed' | ''>
      readonly message: string
    }

/** What becomes of a run by the answer to its launch. Pure. */
export function afterLaunch(run: Run, launched: Launched, now: number): Next {
  switch (launched.kind) {
    case 'launched':
      return {
        kind: 'goes_on',
        news: 'started',
        run: {
          ...run,
          status: 'following',
          since: now,
          job: { id: launched.job.id, url: launched.job.url },
          message: '',
        },
      }
    case 'refused':
      return { kind: 'ends', run, outcome: 'refused', message: launched.reason }
    case 'widened':
      return {
        kind: 'ends',
        run: { ...run, job: { id: launched.job.id, url: launched.job.url } },
        outcome: 'unknown',
        message: widened(launched),
      }
    case 'ambiguous':
      return { kind: 'goes_on', news: null, run: { ...run, status: 'searching', since: now, message: launched.reason } }
    case 'not_sent':
      return again(run, launched.reason, now)
  }
}

/** What becomes of a run whose launch was searched for by its marker. Pure. */
export function afterSearch(
  run: Run,
  found: Exclude<Launched, { kind: 'refused' | 'ambiguous' | 'not_sent' }> | { kind: 'absent' | 'vanished' },
  now: number,
  quiet: number,
): Next {
  if (found.kind === 'launched' || found.kind === 'widened') return afterLaunch(run, found, now)
  if (found.kind === 'vanished')
    return { kind: 'ends', run, outcome: 'unknown', message: 'it was launched, and its job was deleted' }
  if (now - run.since <= quiet) return { kind: 'goes_on', run, news: null }
  return again(run, run.message, now)
}

/** Is this job done, as far as it can be told now? `ended_at` starts the bounded wait for its results. Pure. */
export function afterPoll(
  run: Run,
  job: Followed,
  now: number,
  patience: Pick<Patience, 'job' | 'results'>,
): { done: boolean; run: Run } {
  if (job === 'vanished' || job === 'forbidden') return { done: true, run }
  if (!job.ended)
    return { done: now - run.since > patience.job, run: run.job_ended_at === 0 ? run : { ...run, job_ended_at: 0 } }
  const ended = run.job_ended_at === 0 ? { ...run, job_ended_at: now } : run
  return { done: job.finished || now - ended.job_ended_at > patience.results, run: ended }
}

/** The same intent once more, with the same marker; bounded. */
function again(run: Run, reason: string, now: number): Next {
  if (run.attempts >= MAX_ATTEMPTS)
    return { kind: 'ends', run, outcome: 'refused', message: `gave up after ${run.attempts} attempts: ${reason}` }
  return { kind: 'goes_on', news: null, run: { ...run, status: 'planned', since: now, message: reason } }
}

function widened(launched: Extract<Launched, { kind: 'widened' }>): string {
  const fate = launched.cancelled ? 'it was cancelled at once' : 'it could not be cancelled'
  return `job ${launched.job.id} is not what was asked for (${launched.differences.join('; ')}); ${fate}`
}
