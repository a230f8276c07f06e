import type { Circumstance, Sighting } from './sighting.ts'
import { mayHaveLeft, NO_GUESTS, wereTogether } from './guests.ts'
import {
  guestWords,
  isRunning,
  looksReachable,
  RECORD_SCHEMA,
  type Seen,
  type Told,
  type VmRecord,
  vmKey,
} from './record.ts'
import type { VmService } from './service.ts'
import type { Teller } from './teller.ts'

/**
 * The beginning of a VM.
 *
 * | now                                                                     | fact                                   |
 * |-------------------------------------------------------------------------|----------------------------------------|
 * | a VM, its cluster being adopted                                         | discovered; all it is counts as told   |
 * | a VM with the firmware UUID of one in another cluster that went down in the last week | moved, from there        |
 * | the same, and its cluster can not be seen                               | moved, from there                      |
 * | the same, and this one waits to receive a running guest                 | moved, from there                      |
 * | a VM with the firmware UUID of one that runs on, or is down for longer  | created: a copy                        |
 * | any other VM                                                            | created                                |
 *
 * A UUID that KubeVirt made from the VM's name (before 1.6) is that of every VM of the name, and identifies nobody.
 */
export function begin(teller: Teller, after: Sighting, circumstance: Circumstance): void {
  const to = after.seen.status
  if (circumstance.adopting) return teller.tell('discovered', [], { origin: 'bootstrap', to })
  const place = cameFrom(teller.record, after, circumstance)
  if (place === null) return teller.tell('created', [], { to, reason: becauseOf(teller.record) })
  const from = vmKey(place)
  // What was not news there is none here.
  const { adopted } = place
  teller.record = { ...teller.record, adopted, descent: { kind: 'move', from, by: '', run: place.uid } }
  teller.tell('moved', [place.uid], { from, to: vmKey(teller.record), reason: 'arrived' })
}

/**
 * The end of a VM.
 *
 * | gone, and                                                   | fact               |
 * |-------------------------------------------------------------|--------------------|
 * | a VM with its firmware UUID is in another cluster, and      |                    |
 * | - came from this one                                        | moved, to there    |
 * | - both ran beside each other, and were seen to (guests.ts)  | deleted: a copy    |
 * | - nothing of that is known                                  | moved, to there    |
 * | otherwise                                                   | deleted            |
 *
 * Nothing may be cleaned up of a guest while it lives anywhere: where a copy and the guest can not be told apart, it is `moved`.
 */
export function end(teller: Teller, circumstance: Circumstance): void {
  const { record } = teller
  const places = (circumstance.guests ?? NO_GUESTS).elsewhere(record, record.seen.firmware_uuid)
  // Whether it ran to the end nobody knows of one that was lost out of sight.
  const last = circumstance.gap ? { ...record, seen: { ...record.seen, phase: '' } } : record
  const place =
    places.find(({ descent }) => descent?.run === record.uid) ??
    places.find(other => !wereTogether(last, other, circumstance.now))
  if (place !== undefined) return teller.tell('moved', [], { from: vmKey(record), to: vmKey(place), reason: 'left' })
  const reason = circumstance.origin === 'live' ? '' : 'not in the list any more'
  teller.tell('deleted', [], { from: record.seen.status, reason })
}

/** Back in the selection: what is known of it is looked at again. */
export function returnToScope(teller: Teller): void {
  const left = teller.record.out_of_scope ?? ''
  if (left === '') return
  teller.record = { ...teller.record, out_of_scope: '' }
  teller.tell('discovered', [left], { to: teller.record.seen.status, reason: 'in scope again' })
}

/** Its cluster left the selection: held as it is, once. */
export function leaveScope(teller: Teller, reason: string): void {
  if ((teller.record.out_of_scope ?? '') !== '') return
  const { last_of, seen } = teller.record
  teller.tell('out_of_scope', [last_of.discovered ?? '', last_of.out_of_scope ?? ''], { from: seen.status, reason })
  teller.record = { ...teller.record, out_of_scope: teller.record.last_event }
}

/** The record of a VM that nobody knew. */
export function newRecord(sighting: Sighting, { now, cluster, adopting }: Circumstance): VmRecord {
  const { vm, seen } = sighting
  return {
    schema: RECORD_SCHEMA,
    cluster: cluster.name,
    hub: cluster.hub,
    cluster_uid: cluster.uid,
    namespace: vm.namespace,
    name: vm.name,
    uid: vm.uid,
    resource_version: vm.resourceVersion,
    adopted: adopting,
    known_since: now,
    seen,
    told: adopting ? standing(seen) : NOTHING_TOLD,
    waiting: [],
    last_event: '',
    last_of: {},
    ...(vm.descent.kind === '' ? {} : { descent: vm.descent }),
    ...served(sighting),
  }
}

/** Services stand beside what makes facts. What is not known of them stays as it was; the field is there once there was one. */
export function served({ services = [] }: Sighting, before?: readonly VmService[]): Pick<VmRecord, 'services'> {
  return services === null || (services.length === 0 && before === undefined) ? {} : { services }
}

const NOTHING_TOLD: Told = {
  boot: '',
  reachable: false,
  address: '',
  paused: false,
  failing: false,
  restart_required: false,
  guest: '',
  claim: '',
  migration: '',
}

/** What counts as told of a VM that is first seen as it is. */
function standing(seen: Seen): Told {
  const runs = isRunning(seen)
  return {
    boot: runs ? seen.boot : '',
    reachable: looksReachable(seen),
    address: seen.address,
    paused: runs && seen.paused,
    failing: (seen.failing ?? '') !== '',
    restart_required: runs && seen.restart_required === true,
    guest: guestWords(seen),
    claim: seen.claim ?? '',
    migration: seen.migration_failed?.uid ?? '',
  }
}

function cameFrom(record: VmRecord, { vm }: Sighting, { guests = NO_GUESTS, now }: Circumstance): VmRecord | null {
  // By its own spec alone: what a VMI is given may be made from its name.
  const places = guests.elsewhere(record, vm.firmwareUuid)
  if (vm.runStrategy === 'WaitAsReceiver') return places[0] ?? null
  return places.find(place => mayHaveLeft(place, guests, now)) ?? null
}

function becauseOf({ descent }: VmRecord): string {
  return descent === undefined ? '' : `${descent.kind} of ${descent.from} by ${descent.by}`
}
