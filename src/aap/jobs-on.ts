import { ControllerError } from './error.ts'
import { type Job, jobFrom } from './job.ts'
import { PAGE_SIZE, query } from './page.ts'
import type { Session } from './session.ts'

/** Jobs of one inventory, whoever launched them, by one look. */
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
 * The jobs on an inventory with a later id than `after`. With null, the first look: those that have not ended, and `newest` as it is.
 * Only jobs that this account may read are there, and nothing tells that others are missing.
 */
export async function jobsOn(session: Session, base: string, inventory: number, after: number | null): Promise<JobsOn> {
  const from = after === null ? { status__in: UNFINISHED } : { id__gt: after }
  const found: Job[] = []
  let next: string | null = query(`${base}jobs/`, { inventory, ...from, order_by: 'id', page_size: PAGE_SIZE })
  for (let page = 0; next !== null && page < LOOK_PAGE; page += 1) {
    const answer = await session.get(next)
    found.push(...answer.answers('results').map(row => jobFrom(row, session)))
    next = answer.has('next') ? answer.string('next') : null
  }
  const jobs = [...new Map(found.map(job => [job.id, job])).values()].filter(job => job.inventory === inventory)
  if (jobs.length !== new Set(found.map(job => job.id)).size)
    throw new ControllerError('protocol', `${session.origin} lists jobs of other inventories than ${inventory}`)
  if (after === null) return { jobs, newest: await newestJob(session, base, inventory), more: false }
  return { jobs, newest: Math.max(0, ...jobs.map(job => job.id)), more: next !== null }
}

async function newestJob(session: Session, base: string, inventory: number): Promise<number> {
  const answer = await session.get(query(`${base}jobs/`, { inventory, order_by: '-id', page_size: 1 }))
  return answer.answers('results')[0]?.integer('id') ?? 0
}
