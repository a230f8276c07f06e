import { query, rows, PAGE_SIZE } from './page.ts'
import type { JobRef } from './job.ts'
import type { Session } from './session.ts'

/** What one job did to one host: numbers of tasks. `dark` is the controller's word for unreachable. */
export interface HostSummary {
  readonly host: string
  readonly ok: number
  readonly changed: number
  readonly failures: number
  readonly dark: number
  readonly skipped: number
  readonly rescued: number
  readonly ignored: number
  readonly failed: boolean
}

/** Per host, for every host that the job ran on. Names stay even when the host has left the inventory since. Empty before `finished`. */
export async function hostSummaries(session: Session, job: Pick<JobRef, 'url'>): Promise<HostSummary[]> {
  const found = await rows(session, query(`${job.url}job_host_summaries/`, { page_size: PAGE_SIZE, order_by: 'id' }))
  return found.map(row => ({
    host: row.string('host_name'),
    ok: row.integer('ok'),
    changed: row.integer('changed'),
    failures: row.integer('failures'),
    dark: row.integer('dark'),
    skipped: row.integer('skipped'),
    rescued: row.integer('rescued'),
    ignored: row.integer('ignored'),
    failed: row.boolean('failed'),
  }))
}
