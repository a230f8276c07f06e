import { digestOf, factId, type Origin, type VmFact } from '../event/index.ts'
import type { VmPart } from './part.ts'
import {
  type Fact,
  isRunning,
  looksReachable,
  RECORD_SCHEMA,
  type Seen,
  type VmRecord,
  type Waiting,
} from './record.ts'

/** A VM as it is now. */
export interface Sighting {
  readonly vm: VmPart
  readonly seen: Seen
}

/** How long a value must last before it is told, in ms. */
export interface Holds {
  readonly stopped: number
  readonly reachable: number
  readonly unreachable: number
  readonly address: number
}

/** Under which circumstances a change is looked at. */
export interface Circumstance {
  readonly now: number
  readonly cluster: { readonly name: string; readonly hub: string; readonly uid: string }
  /** The cluster is being read for the first time: what is found was there before. */
  readonly adopting: boolean
  readonly origin: Origin
  /** Changes in between may have been missed. */
  readonly gap: boolean
  /** One of very many deletions at once. */
  readonly burst: boolean
  readonly holds: Holds
}

export interface Change {
  readonly facts: readonly Fact[]
  readonly record: VmRecord | null
}

/**
 * Which facts became true between the record and what is seen now, and what waits. Pure; time is `now`.
 *
 * | before | now                                    | fact                                                        |
 * |--------|----------------------------------------|-------------------------------------------------------------|
 * | -      | a VM, its cluster being adopted        | discovered; all it is counts as told                        |
 * | -      | a VM                                   | created, then as below from nothing                         |
 * | a VM   | -                                      | deleted                                                     |
 * | a VM   | another uid under its name             | deleted of the old, created of the new                      |
 * | labels | other labels                           | labels_changed                                              |
 * | no told boot | a VMI runs                       | started                                                     |
 * | told boot    | another VMI runs                 | restarted                                                   |
 * | told boot    | none runs, for `holds.stopped`   | stopped (ends reachable without a word of its own)          |
 * | same boot    | runs on another node             | migrated                                                    |
 * | not reachable| runs, agent, address, for `holds.reachable`      | reachable                                   |
 * | reachable    | agent or address gone, paused, for `holds.unreachable` | unreachable                           |
 * | told address | another one, for `holds.address` | address_changed; an empty one is unknown, not a change      |
 *
 * A held fact whose value changes while it waits begins to wait anew. Sources: KubeVirt types.go and virt-handler, see docs/events.md.
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

/** The same VM looked at later: tells what has waited long enough. */
export function mature(record: VmRecord, circumstance: Circumstance): Change {
  const teller = new Teller({ ...record, waiting: [] }, circumstance)
  follow(teller, record)
  return teller.change()
}

/** When the first waiting fact is due, or null. */
export function nextDue(record: VmRecord): number | null {
  return record.waiting.length === 0 ? null : Math.min(...record.waiting.map(waiting => waiting.due))
}

function appear(after: Sighting, circumstance: Circumstance): Change {
  const { now, cluster, adopting } = circumstance
  const record: VmRecord = {
    schema: RECORD_SCHEMA,
    cluster: cluster.name,
    hub: cluster.hub,
    cluster_uid: cluster.uid,
    namespace: after.vm.namespace,
    name: after.vm.name,
    uid: after.vm.uid,
    resource_version: after.vm.resourceVersion,
    adopted: adopting,
    known_since: now,
    seen: after.seen,
    told: adopting ? standing(after.seen) : { boot: '', reachable: false, address: '' },
    waiting: [],
    last_event: '',
    last_of: {},
  }
  const teller = new Teller(record, circumstance)
  if (adopting) {
    teller.tell('discovered', [], { origin: 'bootstrap', to: after.seen.status })
    return teller.change()
  }
  teller.tell('created', [], { to: after.seen.status })
  follow(teller, record)
  return teller.change()
}

/** What counts as told of a VM that is first seen as it is. */
function standing(seen: Seen): VmRecord['told'] {
  return { boot: isRunning(seen) ? seen.boot : '', reachable: looksReachable(seen), address: seen.address }
}

function vanish(before: VmRecord, circumstance: Circumstance): Change {
  const teller = new Teller(before, circumstance)
  teller.tell('deleted', [], {
    from: before.seen.status,
    reason: circumstance.origin === 'live' ? '' : 'not in the list any more',
  })
  return { facts: teller.change().facts, record: null }
}

function compare(before: VmRecord, after: Sighting, circumstance: Circumstance): Change {
  const record = { ...before, resource_version: after.vm.resourceVersion, seen: after.seen, waiting: [] }
  const teller = new Teller(record, circumstance)
  const labels = changedKeys(before.seen.labels, after.seen.labels)
  if (labels.length > 0) {
    const digest = digestOf(before.seen.labels, after.seen.labels)
    teller.tell('labels_changed', [digest, before.last_of.labels_changed ?? ''], {
      changed: labels.map(key => `labels.${key}`),
    })
  }
  follow(teller, before)
  return teller.change()
}

/** Boot, node, reachability and address: each in turn, on what the teller has told so far. */
function follow(teller: Teller, before: VmRecord): void {
  followBoot(teller, before)
  followNode(teller, before)
  followReachable(teller, before)
  followAddress(teller, before)
}

function followBoot(teller: Teller, before: VmRecord): void {
  const { seen, told } = teller.record
  const from = before.seen.status === 'Running' ? 'Starting' : before.seen.status
  if (isRunning(seen)) {
    if (told.boot === seen.boot) return
    const fact = told.boot === '' ? 'started' : 'restarted'
    teller.told({ boot: seen.boot, reachable: false })
    // printableStatus follows the VMI a moment later: the fact itself says what it is now.
    teller.tell(fact, [seen.boot], { from, to: 'Running', changed: ['boot'] })
    return
  }
  if (told.boot === '') return
  const lasted = teller.lasted('stopped', told.boot, before)
  if (lasted === null) return
  teller.told({ boot: '', reachable: false })
  teller.tell('stopped', [told.boot], {
    ...lasted,
    from: 'Running',
    to: seen.status,
    changed: ['boot'],
    reason: seen.phase === 'Failed' ? 'Failed' : '',
  })
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

function followReachable(teller: Teller, before: VmRecord): void {
  const { seen, told, last_of } = teller.record
  if (!isRunning(seen) || told.boot !== seen.boot || looksReachable(seen) === told.reachable) return
  const fact = told.reachable ? 'unreachable' : 'reachable'
  const lasted = teller.lasted(fact, seen.boot, before)
  if (lasted === null) return
  teller.told({ reachable: !told.reachable })
  const other = last_of[told.reachable ? 'reachable' : 'unreachable'] ?? ''
  teller.tell(fact, [seen.boot, other], {
    ...lasted,
    reason: told.reachable ? unreachableBecause(seen) : '',
    changed: ['reachable'],
  })
}

function followAddress(teller: Teller, before: VmRecord): void {
  const { seen, told } = teller.record
  if (!isRunning(seen) || seen.address === '' || seen.address === told.address) return
  if (told.address === '') {
    teller.told({ address: seen.address })
    return
  }
  const lasted = teller.lasted('address_changed', seen.address, before)
  if (lasted === null) return
  teller.told({ address: seen.address })
  const thing = [digestOf(told.address, seen.address), teller.record.last_of.address_changed ?? '']
  teller.tell('address_changed', thing, { ...lasted, from: told.address, to: seen.address, changed: ['address'] })
}

function unreachableBecause(seen: Seen): string {
  if (seen.paused) return 'paused'
  if (!seen.agent_connected) return 'no agent'
  return 'no address'
}

function changedKeys(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].filter(key => before[key] !== after[key]).sort()
}

interface Details {
  readonly from?: string
  readonly to?: string
  readonly changed?: readonly string[]
  readonly reason?: string
  readonly origin?: Origin
  readonly gap?: boolean
}

/** Collects the facts of one look, and the record as it becomes with each. */
class Teller {
  record: VmRecord
  readonly #circumstance: Circumstance
  readonly #facts: Fact[] = []

  constructor(record: VmRecord, circumstance: Circumstance) {
    this.record = record
    this.#circumstance = circumstance
  }

  change(): Change {
    return { facts: this.#facts, record: this.record }
  }

  told(values: Partial<VmRecord['told']>): void {
    this.record = { ...this.record, told: { ...this.record.told, ...values } }
  }

  /** How `value` came to be known when it has waited long enough; else null, and it goes on (or begins) to wait. */
  lasted(
    fact: Waiting['fact'] & keyof typeof HELD,
    value: string,
    before: VmRecord,
  ): Pick<Fact, 'origin' | 'gap'> | null {
    const { now, holds, origin, gap } = this.#circumstance
    const known = before.waiting.find(waiting => waiting.fact === fact && waiting.value === value)
    const waiting = known ?? { fact, value, since: now, due: now + holds[HELD[fact]], gap }
    if (waiting.due > now) {
      this.record = { ...this.record, waiting: [...this.record.waiting, waiting] }
      return null
    }
    return waiting.gap ? { origin: 'sync', gap: true } : { origin, gap }
  }

  tell(fact: VmFact, thing: readonly string[], details: Details): void {
    const { cluster, origin, gap, burst } = this.#circumstance
    const id = factId(cluster.uid, this.record.uid, fact, thing)
    const previous = this.record.last_event
    this.record = { ...this.record, last_event: id, last_of: { ...this.record.last_of, [fact]: id } }
    this.#facts.push({
      id,
      fact,
      previous,
      origin: details.origin ?? origin,
      gap: details.gap ?? gap,
      burst,
      transition: { from: details.from ?? '', to: details.to ?? '' },
      changed: details.changed ?? [],
      reason: details.reason ?? '',
      about: this.record,
    })
  }
}

const HELD = {
  stopped: 'stopped',
  reachable: 'reachable',
  unreachable: 'unreachable',
  address_changed: 'address',
} as const
