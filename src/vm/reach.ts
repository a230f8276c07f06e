import { digestOf } from '../event/index.ts'
import { answers, isRunning, looksReachable, type Seen, type Told, type VmRecord } from './record.ts'
import type { Teller } from './teller.ts'

/**
 * Whether a running guest is held still, answers, and where.
 *
 * | told          | now, of the same boot                                   | fact                                              |
 * |---------------|---------------------------------------------------------|---------------------------------------------------|
 * | not paused    | paused, by a person or an I/O error                     | paused                                            |
 * | paused        | not paused, and runs                                    | unpaused                                          |
 * | not reachable | runs, agent, address, for `holds.reachable`             | reachable                                         |
 * | reachable     | agent or address gone, or paused, for `holds.unreachable` | unreachable                                     |
 * | address       | another one, for `holds.address`                        | address_changed; an empty one is unknown, no change |
 *
 * The agent's condition is removed, never False. The end of a migration pauses for a moment (`PausedByMigrationMonitor`) and may lose
 * the agent's channel: the first is no fact, the second is shorter than its hold. Up to KubeVirt 1.5 any news of the guest emptied its
 * addresses for a moment. Of a VM of which a person says that it has no agent (`isAgentless`) none is waited for.
 */
export function followReach(teller: Teller, before: VmRecord): void {
  followPause(teller)
  followReachable(teller, before)
  followAddress(teller, before)
}

function followPause(teller: Teller): void {
  const { seen, told, last_of } = teller.record
  if (!isRunning(seen) || told.boot !== seen.boot) return
  const paused = seen.paused && seen.paused_because !== 'PausedByMigrationMonitor'
  if (told.paused === undefined) return teller.told({ paused })
  if (told.paused === paused || (told.paused && seen.paused)) return
  teller.told({ paused })
  const fact = paused ? 'paused' : 'unpaused'
  const thing = [seen.boot, last_of[paused ? 'unpaused' : 'paused'] ?? '']
  const states = paused ? { from: 'Running', to: 'Paused' } : { from: 'Paused', to: 'Running' }
  teller.tell(fact, thing, { ...states, changed: ['paused'], reason: paused ? (seen.paused_because ?? '') : '' })
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
  if (!isRunning(seen) || seen.address === told.address) return
  if (seen.address === '') {
    // From here on nobody else knows who gave it.
    if (before.seen.address === told.address) teller.told({ address_source: sourceOf(before.seen) })
    return
  }
  const address_source = sourceOf(seen)
  if (told.address === '') return teller.told({ address: seen.address, address_source })
  const lasted = teller.lasted('address_changed', seen.address, before)
  if (lasted === null) return
  teller.told({ address: seen.address, address_source })
  const thing = [digestOf(told.address, seen.address), teller.record.last_of.address_changed ?? '']
  teller.tell('address_changed', thing, { ...lasted, from: told.address, to: seen.address, changed: ['address'] })
}

function sourceOf({ address, addresses }: Seen): NonNullable<Told['address_source']> {
  const entry = addresses.find(one => one.address === address)
  if (entry === undefined) return 'agent'
  return entry.pod ? 'pod' : entry.source
}

function unreachableBecause(seen: Seen): string {
  if (seen.paused) return 'paused'
  if (!answers(seen)) return 'no agent'
  return 'no address'
}
