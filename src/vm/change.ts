import { DEED_KINDS } from './deed.ts'
import { followContest } from './contest.ts'
import { followDeeds } from './deeds.ts'
import { followGuest } from './guest.ts'
import { begin, end, leaveScope, newRecord, returnToScope, served } from './identity.ts'
import { followMoves } from './moves.ts'
import { followPower } from './power.ts'
import { followReach } from './reach.ts'
import type { VmRecord } from './record.ts'
import type { Change, Circumstance, Sighting } from './sighting.ts'
import { Teller } from './teller.ts'
import { followTraits } from './traits.ts'

/**
 * Which facts became true between the record and what is seen now, and what waits. Pure; time is `now`.
 *
 * | before | now                              | facts, in this order                                                   |
 * |--------|----------------------------------|------------------------------------------------------------------------|
 * | -      | a VM                             | its beginning (identity.ts), then as below from nothing                |
 * | a VM   | -                                | its end (identity.ts)                                                  |
 * | a VM   | another uid under its name       | the end of the old, then the beginning of the new                      |
 * | a VM out of scope | the VM                | discovered, then as below                                              |
 * | a VM   | the same                         | labels, root disk (traits.ts) · boots (power.ts) · migrations (moves.ts) |
 * |        |                                  | · pause, reachability, address (reach.ts) · whose address it is (contest.ts) · guest, restart needed (guest.ts) |
 * |        |                                  | · snapshots, restores, imports, migrations that never began (deeds.ts) |
 *
 * Each of these has its own table. A held fact whose value changes while it waits begins to wait anew. What was not known before (a
 * field that an older record lacks, a kind of deed that could not be read) is taken as it stands, without a fact. Sources: KubeVirt
 * types.go and virt-handler, see docs/events.md.
 */
export function change(before: VmRecord | null, after: Sighting | null, circumstance: Circumstance): Change {
  if (after === null) return before === null ? { facts: [], record: null } : vanish(before, circumstance)
  if (before !== null && before.uid !== after.vm.uid) {
    const gone = vanish(before, circumstance)
    const come = change(null, after, { ...circumstance, adopting: false })
    return { facts: [...gone.facts, ...come.facts], record: come.record }
  }
  return before === null ? appear(after, circumstance) : compare(before, after, circumstance)
}

/** The same VM looked at later: tells what has waited long enough. Out of scope nobody looks, so nothing has lasted. */
export function mature(record: VmRecord, circumstance: Circumstance): Change {
  if ((record.out_of_scope ?? '') !== '') return { facts: [], record }
  const teller = new Teller({ ...record, waiting: [] }, circumstance)
  follow(teller, record)
  return teller.change()
}

/** The VM of a cluster that leaves the selection: `out_of_scope`, once until it is back. */
export function leave(record: VmRecord, circumstance: Circumstance, reason: string): Change {
  const teller = new Teller(record, circumstance)
  leaveScope(teller, reason)
  return teller.change()
}

/** When the first of what waits is due, and when the last of it began. */
export interface Wait {
  readonly due: number
  readonly since: number
}

/** What waits to be told of a VM; null when nothing does. */
export function waitOf({ waiting, out_of_scope }: VmRecord): Wait | null {
  if ((out_of_scope ?? '') !== '' || waiting.length === 0) return null
  return { due: Math.min(...waiting.map(({ due }) => due)), since: Math.max(...waiting.map(({ since }) => since)) }
}

/** Whether it is to be looked at: it is due, or it began after now, as the clock was put back. */
export function isDue({ due, since }: Wait, now: number): boolean {
  return due <= now || since > now
}

function appear(after: Sighting, circumstance: Circumstance): Change {
  const record = newRecord(after, circumstance)
  const teller = new Teller(record, circumstance)
  begin(teller, after, circumstance)
  if (circumstance.adopting) {
    followDeeds(teller, after.vm, after.deeds ?? {})
    return teller.change()
  }
  // What can be read is known of a new VM from its beginning: its first snapshot is news.
  const knows = DEED_KINDS.filter(kind => after.deeds?.[kind] !== undefined).join(' ')
  teller.record = { ...teller.record, knows }
  follow(teller, record)
  followDeeds(teller, after.vm, after.deeds ?? {})
  return teller.change()
}

function vanish(before: VmRecord, circumstance: Circumstance): Change {
  const teller = new Teller(before, circumstance)
  end(teller, circumstance)
  return { facts: teller.change().facts, record: null }
}

function compare(before: VmRecord, after: Sighting, circumstance: Circumstance): Change {
  const record: VmRecord = {
    ...before,
    resource_version: after.vm.resourceVersion,
    seen: after.seen,
    waiting: [],
    ...(before.descent === undefined && after.vm.descent.kind !== '' ? { descent: after.vm.descent } : {}),
    ...served(after, before.services),
  }
  const teller = new Teller(record, circumstance)
  returnToScope(teller)
  follow(teller, before)
  followDeeds(teller, after.vm, after.deeds ?? {})
  return teller.change()
}

function follow(teller: Teller, before: VmRecord): void {
  followTraits(teller, before)
  followPower(teller, before)
  followMoves(teller, before)
  followReach(teller, before)
  followContest(teller, before)
  followGuest(teller)
}
