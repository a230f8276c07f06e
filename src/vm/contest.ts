import type { Teller } from './teller.ts'
import { type VmRecord, vmKey } from './record.ts'

/**
 * Whether the address of a running VM is its own, by who has the better claim to it (src/inventory/contention.ts).
 *
 * | told                 | now, for `holds.address`                              | fact                     |
 * |----------------------|-------------------------------------------------------|--------------------------|
 * | no conflict          | another VM has the better claim to its address        | address_conflict         |
 * | a conflict           | another one has, or to another address                | address_conflict         |
 * | a conflict           | nobody has, or it does not run                        | address_conflict_resolved |
 *
 * It is told of the VM that loses; who wins keeps what it had.
 */
export function followContest(teller: Teller, before: VmRecord): void {
  const { contests } = teller
  if (contests === null) return
  const known = teller.record.told.conflict ?? null
  const rival = contests.rivalOf(vmKey(teller.record))
  if (rival === null) return end(teller, before)
  if (known?.uid === rival.uid && known.address === rival.address) return
  const lasted = teller.lasted('address_conflict', `${rival.uid} ${rival.address}`, before)
  if (lasted === null) return
  const thing = [rival.uid, rival.address, teller.record.last_of.address_conflict ?? '']
  teller.told({ conflict: rival })
  teller.tell('address_conflict', thing, {
    ...lasted,
    from: known?.host ?? '',
    to: rival.host,
    changed: ['address_conflict'],
    reason: `${rival.host} has the better claim to ${rival.address}`,
  })
}

function end(teller: Teller, before: VmRecord): void {
  const { told, last_of } = teller.record
  const known = told.conflict ?? null
  if (known === null) return
  const lasted = teller.lasted('address_conflict_resolved', known.uid, before)
  if (lasted === null) return
  teller.told({ conflict: null })
  teller.tell('address_conflict_resolved', [last_of.address_conflict ?? ''], {
    ...lasted,
    from: known.host,
    changed: ['address_conflict'],
    reason: `nobody else claims ${known.address} with better right`,
  })
}
