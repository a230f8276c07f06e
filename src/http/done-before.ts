import type { HistoryRow, HistoryView } from '../day2/index.ts'
import { type Scope, seesKey } from '../fleet/index.ts'

/** Results that are looked through, and VMs of one name that are told of, the latest first. */
const LOOKED = 500
const TOLD = 3

/**
 * What was done to VMs that had a host name which none has now, as far as whoever asks may know, in one phrase: whose uid, and what each verb
 * came to last. Empty when nothing was. What only looked, or did not run there, left nothing behind.
 */
export function doneBefore(history: HistoryView, host: string, scope: Scope): string {
  const done = new Map<string, Map<string, string>>()
  for (const row of history.page({ host, limit: LOOKED }).rows) {
    if (!isDone(row) || !seesKey(scope, row.key)) continue
    const verbs = done.get(row.vm_uid) ?? new Map<string, string>()
    done.set(row.vm_uid, verbs)
    if (!verbs.has(row.verb)) verbs.set(row.verb, `${row.verb} ${row.outcome} ${new Date(row.at).toISOString()}`)
  }
  const told = [...done].slice(0, TOLD).map(([uid, verbs]) => `to VM ${uid}: ${[...verbs.values()].join(', ')}`)
  return told.length === 0 ? '' : `done by that name ${told.join('; ')}`
}

function isDone({ vm_uid, outcome, detail }: HistoryRow): boolean {
  return vm_uid !== '' && outcome !== 'refused' && outcome !== 'missing' && !detail.startsWith('dry run: ')
}
