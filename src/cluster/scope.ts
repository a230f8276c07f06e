import type { Entry } from '../log/index.ts'
import { leave, vmEvent, vmKey, type VmRecord } from '../vm/index.ts'

/** VMs whose events and records are appended together. */
const SCOPE_PAGE = 200

/**
 * What is to be appended when a cluster leaves the selection: of each of its VMs the event and then the record, page by page. A VM of
 * which it was told already is left out, so that a crash in the middle repeats nothing.
 */
export function* leavingEntries(
  records: Iterable<VmRecord>,
  reason: string,
  now: number,
): Iterable<{ readonly entries: readonly Entry[]; readonly left: readonly VmRecord[] }> {
  let page: { record: VmRecord; entries: readonly Entry[] }[] = []
  for (const record of records) {
    const one = leaving(record, reason, now)
    if (one !== null) page.push(one)
    if (page.length < SCOPE_PAGE) continue
    yield pageOf(page)
    page = []
  }
  if (page.length > 0) yield pageOf(page)
}

function leaving(
  before: VmRecord,
  reason: string,
  now: number,
): { record: VmRecord; entries: readonly Entry[] } | null {
  const { cluster: name, hub, cluster_uid: uid } = before
  const holds = { stopped: 0, reachable: 0, unreachable: 0, address: 0 }
  const usual = { now, holds, adopting: false, origin: 'live', gap: false, burst: false } as const
  const { facts, record } = leave(before, { ...usual, cluster: { name, hub, uid } }, reason)
  if (facts.length === 0 || record === null) return null
  const events = facts.map((fact): Entry => ({ stream: 'events.vm', key: vmKey(before), value: vmEvent(fact, now) }))
  return { record, entries: [...events, { stream: 'state.fleet', key: vmKey(before), value: record }] }
}

/** Events before the state they lead to. */
function pageOf(page: readonly { record: VmRecord; entries: readonly Entry[] }[]): {
  readonly entries: readonly Entry[]
  readonly left: readonly VmRecord[]
} {
  const entries = page.flatMap(one => one.entries)
  const [events, states] = [
    entries.filter(entry => entry.stream === 'events.vm'),
    entries.filter(entry => entry.stream !== 'events.vm'),
  ]
  return { entries: [...events, ...states], left: page.map(one => one.record) }
}
