import { digestOf } from '../event/index.ts'
import { isRunning, type VmRecord } from './record.ts'
import type { Lasted, Teller } from './teller.ts'

/**
 * What a VM is, whether it runs or not: its labels, and the disk it boots from.
 *
 * | told        | now                                                       | fact               |
 * |-------------|-----------------------------------------------------------|--------------------|
 * | labels      | others                                                    | labels_changed     |
 * | a root disk | its claim is another, in another boot or while it is down | root_disk_replaced |
 * | a root disk | another in the same boot, for `holds.stopped`: it was copied while it ran | -   |
 * | a root disk | its copy, as the VM says, whatever has booted since       | -                  |
 * | a root disk | another, and the VM never ran: it is still being made     | -                  |
 * | a root disk | another by its spec, and it may have booted unseen        | -, until that is known |
 *
 * Claims and boots come by watches of their own: that a disk was replaced may be seen before that its boot has ended.
 */
export function followTraits(teller: Teller, before: VmRecord): void {
  followLabels(teller, before)
  followDisk(teller, before)
}

function followLabels(teller: Teller, before: VmRecord): void {
  const { seen } = teller.record
  const labels = changedKeys(before.seen.labels, seen.labels)
  if (labels.length === 0) return
  const thing = [digestOf(before.seen.labels, seen.labels), before.last_of.labels_changed ?? '']
  teller.tell('labels_changed', thing, { changed: labels.map(key => `labels.${key}`) })
}

function changedKeys(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].filter(key => before[key] !== after[key]).sort()
}

function followDisk(teller: Teller, before: VmRecord): void {
  const { seen, told, last_of, adopted } = teller.record
  const claim = seen.claim ?? ''
  if (claim === '' || claim === told.claim) return
  const known = told.claim ?? ''
  const goesOn = isRunning(seen) && isRunning(before.seen) && hadDisk(before, seen.boot)
  const copied = goesOn || seen.copied_from === known
  const lasted = known === '' || (copied && !goesOn) ? {} : diskLasted(teller, claim, before, goesOn)
  if (lasted === null) return
  teller.told({ claim })
  const young = !adopted && last_of.started === undefined && last_of.moved === undefined
  if (known === '' || copied || young) return
  const thing = [digestOf(known, claim), last_of.root_disk_replaced ?? '']
  teller.tell('root_disk_replaced', thing, { ...lasted, from: known, to: claim, changed: ['claim'] })
}

/** Whether the disk that is known is one that this very boot had: claims may be read long after boots. */
function hadDisk({ seen }: VmRecord, boot: string): boolean {
  return seen.boot === boot && seen.disk_unseen !== true
}

/** What a boot says of its disk is so. What is said of one that is down is of its next boot, which may be under way while not all is looked after. */
function diskLasted(teller: Teller, claim: string, before: VmRecord, goesOn: boolean): Partial<Lasted> | null {
  if (goesOn) return teller.lasted('root_disk_replaced', claim, before)
  return isRunning(teller.record.seen) ? {} : teller.lasted('root_disk_replaced', claim, before, 0)
}
