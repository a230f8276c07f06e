import { isRunning, type VmRecord } from './record.ts'
import type { Teller } from './teller.ts'

/**
 * Live migrations within a cluster, as its VMI tells them.
 *
 * | before          | now                                            | fact                                                   |
 * |-----------------|------------------------------------------------|--------------------------------------------------------|
 * | runs on a node  | the same boot runs on another                  | migrated, of the migration it ended with                |
 * | any             | its last migration is another one, and failed  | migration_failed                                       |
 *
 * The state of the last migration stays on the VMI until the next. Migrations that never reached the VMI (no room, no quota) have only
 * an object of their own: see deeds.ts, which knows those told here.
 */
export function followMoves(teller: Teller, before: VmRecord): void {
  followNode(teller, before)
  followFailure(teller)
}

function followNode(teller: Teller, before: VmRecord): void {
  const { seen } = teller.record
  const moved =
    before.seen.boot === seen.boot &&
    isRunning(before.seen) &&
    isRunning(seen) &&
    before.seen.node !== '' &&
    seen.node !== '' &&
    before.seen.node !== seen.node
  if (!moved) return
  const migration = seen.migration === before.seen.migration ? '' : seen.migration
  const thing = migration === '' ? [before.seen.node, seen.node, before.last_of.migrated ?? ''] : [migration]
  teller.tell('migrated', thing, { from: before.seen.node, to: seen.node, changed: ['node'] })
}

function followFailure(teller: Teller): void {
  const { seen, told, heard } = teller.record
  const { migration_failed: failed } = seen
  const uid = failed?.uid ?? ''
  if (told.migration === undefined) return teller.told({ migration: uid })
  if (failed === undefined || uid === '' || uid === told.migration) return
  teller.told({ migration: uid })
  if (heard?.migration?.ended[uid] === 'failed') return
  teller.tell('migration_failed', [uid], { from: failed.from, to: failed.to, reason: failed.reason })
}
