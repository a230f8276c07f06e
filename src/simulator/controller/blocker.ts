import { isUnfinished } from './records.ts'
import type { Job } from './job-records.ts'
import type { InventoryUpdate } from './records.ts'
import type { Store } from './store.ts'

/** Anything that the scheduler runs. */
export type Runnable = Job | InventoryUpdate

export function isJob(row: Runnable): row is Job {
  return 'playbook' in row
}

/**
 * What a pending row waits for.
 * A job waits for any update of its inventory that was asked for before it, and, unless its template allows it, for older jobs of the template.
 * An update waits for older updates of its source.
 */
export function blockerOf(store: Store, row: Runnable): string | undefined {
  if (!isJob(row)) {
    const older = store.updates.find(
      each => each.inventory_source === row.inventory_source && each.id < row.id && isUnfinished(each),
    )
    return older && `inventory_update-${older.id}`
  }
  const update = store.updates.find(
    each =>
      each.inventory === row.inventory &&
      isUnfinished(each) &&
      (each.id < row.id || each.status !== 'pending' || row.depends_on.includes(each.id)),
  )
  if (update !== undefined) return `inventory_update-${update.id}`
  if (row.allow_simultaneous) return undefined
  const older = store.jobs.find(
    each => each.job_template === row.job_template && each.id < row.id && isUnfinished(each),
  )
  return older && `job-${older.id}`
}
