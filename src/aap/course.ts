import { isRecord, type Answer } from './answer.ts'
import type { JobRef } from './job.ts'
import { PAGE_SIZE, query } from './page.ts'
import type { Session } from './session.ts'

/** One thing that a job that runs has told. Task names and hosts come from playbooks and guests: one short line each, only to be shown. */
export interface CourseEvent {
  /** `task`: the play goes on to this one. The others are of one host. */
  readonly kind: 'task' | 'ok' | 'failed' | 'unreachable' | 'skipped'
  /** Empty for a task. */
  readonly host: string
  readonly task: string
  readonly changed: boolean
}

/** A page of it: what was told after a counter, and the counter to go on from. `more`: there is more to be read at once. */
export interface Course {
  readonly events: readonly CourseEvent[]
  readonly after: number
  readonly more: boolean
}

const KINDS: Readonly<Record<string, CourseEvent['kind']>> = {
  playbook_on_task_start: 'task',
  runner_on_ok: 'ok',
  runner_on_failed: 'failed',
  runner_on_unreachable: 'unreachable',
  runner_on_skipped: 'skipped',
}

/** What a job has told since the counter `after`, by one request: at most a page of it. Failures that the play ignores are `ok`. */
export async function course(session: Session, job: Pick<JobRef, 'url'>, after: number): Promise<Course> {
  const parameters = {
    counter__gt: after,
    event__in: Object.keys(KINDS).join(','),
    order_by: 'counter',
    page_size: PAGE_SIZE,
  }
  const answer = await session.get(query(`${job.url}job_events/`, parameters))
  const rows = answer.answers('results')
  return {
    events: rows.flatMap(row => eventOf(row, session)),
    after: rows.reduce((last, row) => Math.max(last, row.integer('counter')), after),
    more: answer.has('next'),
  }
}

/** One that was not asked for tells nothing. */
function eventOf(row: Answer, session: Session): CourseEvent[] {
  const given = row.raw('event_data')
  const kind = KINDS[row.string('event')]
  if (kind === undefined) return []
  const ignored = kind === 'failed' && isRecord(given) && given['ignore_errors'] === true
  return [
    {
      kind: ignored ? 'ok' : kind,
      host: row.string('host_name'),
      task: session.clean(row.string('task')),
      changed: row.boolean('changed'),
    },
  ]
}
