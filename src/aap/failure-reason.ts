import { isRecord, type Answer } from './answer.ts'
import type { JobRef } from './job.ts'
import { query, rows, PAGE_SIZE } from './page.ts'
import type { Session } from './session.ts'

/** Why a host failed: the last task that did, and what its module said. From a guest: one short line, and only to be shown. */
export interface FailureReason {
  readonly task: string
  readonly message: string
}

/**
 * Per host that failed or could not be reached, the event that ended it. Failures that the play ignored are left out. Empty for a host
 * whose events are not there yet.
 */
export async function failureReasons(session: Session, job: Pick<JobRef, 'url'>): Promise<Map<string, FailureReason>> {
  const parameters = { event__in: FAILURES.join(','), order_by: 'counter', page_size: PAGE_SIZE }
  const reasons = new Map<string, FailureReason>()
  for (const event of await rows(session, query(`${job.url}job_events/`, parameters))) {
    if (!FAILURES.includes(event.string('event'))) continue
    const given = event.raw('event_data')
    const data = isRecord(given) ? given : {}
    if (data['ignore_errors'] === true) continue
    reasons.set(event.string('host_name'), {
      task: session.clean(event.string('task')),
      message: session.clean(messageIn(data, event)),
    })
  }
  return reasons
}

const FAILURES = ['runner_on_failed', 'runner_on_unreachable', 'runner_on_async_failed']

/** Tasks under `no_log` say `censored` in place of their result. */
function messageIn(data: Record<string, unknown>, event: Answer): string {
  const result = isRecord(data['res']) ? data['res'] : {}
  const said = [result['msg'], result['censored'], result['stderr'], event.raw('stdout')].find(
    text => typeof text === 'string' && text !== '',
  )
  return typeof said === 'string' ? said : ''
}
