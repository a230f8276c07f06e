import { ControllerError } from './error.ts'
import type { JobRef } from './job.ts'
import type { Session } from './session.ts'

/**
 * Asks the controller to end a job. `cancelled` is its promise, not yet the end: follow the job, and hold its hosts for unknown.
 * `not_cancellable`: it has ended already. Throws `not_found` when it is gone, `forbidden` for somebody else's job. May be asked again
 * without harm.
 */
export async function cancel(session: Session, job: Pick<JobRef, 'url'>): Promise<'cancelled' | 'not_cancellable'> {
  const path = `${job.url}cancel/`
  const exchange = await session.post(path, {}, { urgent: true })
  if (exchange.kind === 'answered') {
    if (exchange.status >= 200 && exchange.status <= 299) return 'cancelled'
    if (exchange.status === 405) return 'not_cancellable'
  }
  throw session.failure(`POST ${path}`, exchange)
}

/** A job that must not run is asked to end this many times before it is given up. */
const ATTEMPTS = 3

/** Cancels a job that is not what was asked for, again when no answer comes. True when the controller promised it. Throws nothing. */
export async function cancelAtOnce(session: Session, job: JobRef): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      return (await cancel(session, job)) === 'cancelled'
    } catch (error) {
      if (!(error instanceof ControllerError)) throw error
      if (error.kind !== 'unreachable' && error.kind !== 'unavailable') return false
    }
  }
  return false
}
