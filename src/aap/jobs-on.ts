import { ControllerError } from './error.ts'
import { type Job, jobFrom } from './job.ts'
import { PAGE_SIZE, query } from './page.ts'
import type { Session } from './session.ts'

/** Jobs of some inventories, whoever launched them, by one look. */
export interface JobsOn {
  /** By id. A job may be missing that has a lower id than one that is there: ids are given before jobs are committed. */
  readonly jobs: readonly Job[]
  /** The highest id among them; 0 when there is none. */
  readonly newest: number
  /** There are later ones: look again from `newest`. */
  readonly more: boolean
}

/** Pages of one look: 1,000 jobs. What is left is looked at next time. */
export const LOOK_PAGE = 5
const UNFINISHED = 'new,pending,waiting,running'

/**
 * The jobs on these inventories with a later id than `after`. With null, the first look: those that have not ended, and `newest` as it is.
 * Only jobs that this account may read are there, and nothing tells that others are missing.
 */
export async function jobsOn(
  session: Session,
  base: string,
  inventories: readonly number[],
  after: number | null,
): Promise<JobsOn> {
  const on = onlyOn(inventories)
  const found: Job[] = []
  let more = true
  // Each page is asked for by the id that the last one ended with: by their numbers they shift when jobs end or are cleaned up meanwhile.
  for (let page = 0, from = after ?? 0; more && page < LOOK_PAGE; page += 1) {
    const which =
      after === null ? { status__in: UNFINISHED, ...(page === 0 ? {} : { id__gt: from }) } : { id__gt: from }
    const answer = await session.get(query(`${base}jobs/`, { ...on, ...which, order_by: 'id', page_size: PAGE_SIZE }))
    const rows = answer.answers('results').map(row => jobFrom(row, session))
    found.push(...rows)
    from = Math.max(from, ...rows.map(job => job.id))
    more = answer.has('next')
  }
  const jobs = [...new Map(found.map(job => [job.id, job])).values()].filter(
    job => job.inventory !== null && inventories.includes(job.inventory),
  )
  if (jobs.length !== new Set(found.map(job => job.id)).size)
    throw new ControllerError(
      'protocol',
      `${session.origin} lists jobs of other inventories than ${inventories.join(', ')}`,
    )
  if (after === null) return { jobs, newest: await newestJob(session, base, on), more: false }
  return { jobs, newest: Math.max(0, ...jobs.map(job => job.id)), more }
}

function onlyOn(inventories: readonly number[]): Readonly<Record<string, string | number>> {
  const [first = 0, ...others] = inventories
  return others.length === 0 ? { inventory: first } : { inventory__in: inventories.join(',') }
}

async function newestJob(session: Session, base: string, on: ReturnType<typeof onlyOn>): Promise<number> {
  const answer = await session.get(query(`${base}jobs/`, { ...on, order_by: '-id', page_size: 1 }))
  return answer.answers('results')[0]?.integer('id') ?? 0
}
