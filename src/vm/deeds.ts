import type { VmFact } from '../event/index.ts'
import { byTime, type Deed, DEED_KINDS, type Deeds, isOf, MAX_DEEDS } from './deed.ts'
import { descentBy } from './descent.ts'
import type { VmPart } from './part.ts'
import type { Heard } from './record.ts'
import type { Teller } from './teller.ts'

type EndedKind = (typeof DEED_KINDS)[number]

/** What a deed that ended makes true; a migration that ended well is told by its VMI, as `migrated`. */
const FACTS: Readonly<Record<EndedKind, { readonly succeeded: VmFact | null; readonly failed: VmFact }>> = {
  migration: { succeeded: null, failed: 'migration_failed' },
  snapshot: { succeeded: 'snapshot_succeeded', failed: 'snapshot_failed' },
  restore: { succeeded: 'restore_succeeded', failed: 'restore_failed' },
  import: { succeeded: 'imported', failed: 'import_failed' },
}

/** The hub's clock is another than that of the cluster on which an import made its VM. */
const CLOCK_TOLERANCE_MS = 60_000

/**
 * What was done to a VM by objects of their own.
 *
 * | kind was        | a deed of this incarnation                               | fact                                      |
 * |-----------------|----------------------------------------------------------|-------------------------------------------|
 * | never known     | has ended                                                | -, it counts as heard                     |
 * | known           | has ended well, or failed, and was not heard so          | `<kind>_succeeded`, `<kind>_failed`       |
 * | known           | failed first, then ended well                            | both                                      |
 * | known           | is a snapshot or a restore that a clone made for itself  | -                                         |
 * | known           | ended before all that is remembered                      | -                                         |
 * | any             | is under way, or gone                                    | -                                         |
 *
 * A clone, and a restore that made the VM, say where it comes from.
 */
export function followDeeds(teller: Teller, vm: VmPart, deeds: Deeds): void {
  for (const kind of DEED_KINDS) {
    const tolerance = kind === 'import' ? CLOCK_TOLERANCE_MS : 0
    const ended = deeds[kind]?.filter(deed => isOf(deed, vm, tolerance)).sort(byTime)
    if (ended !== undefined) followKind(teller, kind, ended)
  }
  followDescent(teller, vm, deeds)
}

function followKind(teller: Teller, kind: EndedKind, ended: readonly Deed[]): void {
  const { knows = '', heard } = teller.record
  const known = knows.split(' ').includes(kind)
  const before = heard?.[kind]
  if (known && before === undefined && ended.length === 0) return
  if (known) for (const deed of ended) if (isNews(deed, before ?? NOTHING_HEARD)) tell(teller, kind, deed)
  const { record } = teller
  teller.record = {
    ...record,
    knows: known ? knows : `${knows} ${kind}`.trim(),
    heard: { ...record.heard, [kind]: remember(ended, before) },
  }
}

const NOTHING_HEARD: Heard = { floor: 0, ended: {} }

function isNews({ uid, outcome, at, internal }: Deed, { ended, floor }: Heard): boolean {
  const before = ended[uid]
  if (before !== undefined) return before === 'failed' && outcome === 'succeeded' && !internal
  return at > floor && !internal
}

function tell(teller: Teller, kind: EndedKind, deed: Deed): void {
  const fact = FACTS[kind][deed.outcome === 'succeeded' ? 'succeeded' : 'failed']
  if (fact === null) return
  if (kind === 'migration' && teller.record.told.migration === deed.uid) return
  teller.tell(fact, [deed.uid], { from: deed.from, to: deed.to, reason: deed.reason })
}

/** The newest that exist. What there is no room for lies at the floor or below it, and is never news again. */
function remember(ended: readonly Deed[], before: Heard | undefined): Heard {
  const kept = ended.slice(-MAX_DEEDS)
  const dropped = ended.at(-MAX_DEEDS - 1)?.at ?? 0
  const outcomes = kept.map(({ uid, outcome }): [string, 'succeeded' | 'failed'] => {
    return [uid, outcome === 'succeeded' || before?.ended[uid] === 'succeeded' ? 'succeeded' : 'failed']
  })
  return { floor: Math.max(before?.floor ?? 0, dropped), ended: Object.fromEntries(outcomes) }
}

function followDescent(teller: Teller, vm: VmPart, deeds: Deeds): void {
  if (teller.record.descent !== undefined) return
  const ended = [...(deeds.clone ?? []), ...(deeds.restore ?? [])].filter(deed => isTarget(deed, vm))
  const found = ended.map(deed => descentBy(deed, vm)).find(descent => descent !== null)
  if (found !== undefined) teller.record = { ...teller.record, descent: found }
}

function isTarget(deed: Deed, vm: VmPart): boolean {
  return deed.kind === 'clone' ? deed.began <= vm.createdAt || vm.createdAt === 0 : !deed.internal && isOf(deed, vm)
}
