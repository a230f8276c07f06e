import ipaddr from 'ipaddr.js'
import { meets, type Requirement } from '../cluster/label.ts'
import { answers, isAgentless, isRunning, labelsOf, looksReachable, type VmRecord } from '../vm/index.ts'
import { ANY_ADDRESS, type AddressChoice, addressOf, type ChooseAddress, chooserOf } from './address.ts'
import { type Connection, connectionOf, connectionVariables, endpointOf, USUAL_CONNECTION } from './connection.ts'
import type { ConnectionVariable, GivenVariable } from './connection-variable.ts'
import type { Endpoint } from './endpoint.ts'
import { givenVariables } from './given-variable.ts'
import type { Staleness } from './stale.ts'

/** How a view reaches its hosts. */
export interface Approach {
  /** The same for the same approach. */
  readonly key: string
  readonly choose: ChooseAddress
  readonly connection: Connection
  /** Who meets all of these is disabled; empty: nobody. */
  readonly excluded: readonly Requirement[]
  readonly variables: readonly GivenVariable[]
  readonly enabled: Enabled
}

/**
 * Which hosts are enabled. `reachable`: those that automation can reach. `known`: those too that it can not, for work beside the guest
 * that never connects to it (a snapshot of a stopped VM); never one whose cluster can not be seen, or that is excluded.
 */
export type Enabled = 'reachable' | 'known'

/** What is said of one; what is left out is as everywhere. */
export interface ApproachWish {
  readonly addresses?: AddressChoice
  readonly connection?: Connection
  readonly excluded?: readonly Requirement[]
  readonly variables?: readonly GivenVariable[]
  readonly enabled?: Enabled
}

/** The approach that is said. */
export function approachOf(wish: ApproachWish): Approach {
  const { addresses = ANY_ADDRESS, connection = USUAL_CONNECTION, excluded = [], variables = [] } = wish
  const { enabled = 'reachable' } = wish
  const key = JSON.stringify([addresses, connection, excluded, variables, enabled])
  return { key, choose: chooserOf(addresses), connection, excluded, variables, enabled }
}

/** At its own address, as it is used everywhere where nobody says otherwise. */
export const USUAL_APPROACH: Approach = approachOf({})

/** What decides, beside the record, whether a guest can be reached. */
export interface Sight {
  readonly staleness: Staleness
  /** Another has a better claim to the address that is used where nobody says otherwise. */
  readonly conflict?: boolean
  /** The addresses that another has a better claim to; left out: `conflict` alone says. */
  readonly lost?: readonly string[]
  /** Those that another would have a better claim to if its own cluster, and every other, could be seen; left out: the same. */
  readonly lostIfSeen?: readonly string[]
}

/**
 * Why automation can not reach the guest; empty when it can. The first that holds:
 *
 * | reason               | when                                                                                              |
 * |----------------------|---------------------------------------------------------------------------------------------------|
 * | excluded by label    | the view says so                                                                                  |
 * | cluster unreachable  | it was not seen for too long                                                                      |
 * | stopped              | no guest runs                                                                                     |
 * | paused               |                                                                                                   |
 * | conflicting address  | another has a better claim to the address that would be used                                      |
 * | no agent             | it was not told as reachable, and its agent does not answer, though it should have one            |
 * | no service           | it is reached by a Service, and none leads to it                                                  |
 * | only a pod address   | the view takes none of the pod network, and it has no other                                       |
 * | no address           | it has none, or none that the view takes; or a name that no proxy command may hold                |
 * | settling             | it was not told as reachable yet: its agent and its address have just come                        |
 */
export function unreachableReason(
  record: VmRecord,
  sight: Staleness | Sight,
  conflict = false,
  approach: Approach = USUAL_APPROACH,
): string {
  const seen: Sight = typeof sight === 'string' ? { staleness: sight, conflict } : sight
  return reachOf(record, seen, approach).reason
}

/** Why a guest that can be reached is, in one phrase. */
export function reachableBecause({ seen }: Pick<VmRecord, 'seen'>): string {
  if (isAgentless(seen)) return 'it runs and has an address, and a label says that it has no agent'
  return 'it runs, its agent answers and it has an address'
}

/** How a guest is reached. */
export interface Reach {
  /** Why it can not be; empty when it can. */
  readonly reason: string
  /** Why no job may be about it; empty when one may. Of an approach that enables who is reachable the same as `reason`. */
  readonly disabled: string
  /** Its own address that was chosen: a valid one, and not another's by better right. Else empty. */
  readonly address: string
  readonly endpoint: Endpoint
}

/** How a guest is reached by an approach, and why it is not. Pure. */
export function reachOf(record: VmRecord, sight: Sight, approach: Approach): Reach {
  const chosen = approach.choose(record)
  const lost = isLost(record, chosen.address, sight)
  const address = lost || !ipaddr.isValid(chosen.address) ? '' : chosen.address
  const connection = connectionOf(record, approach.connection)
  const endpoint = endpointOf(record, connection, address)
  const { via } = connection
  const barred = barredReason(record, sight, approach)
  const reason = (): string => {
    const { seen, told } = record
    if (barred !== '') return barred
    if (!isRunning(seen)) return 'stopped'
    if (seen.paused) return 'paused'
    if (via === 'address' && lost) return 'conflicting address'
    if (!told.reachable && !answers(seen)) return 'no agent'
    if (via !== 'address') return endpoint.because
    if (chosen.address === '') return chosen.because
    return told.reachable ? '' : 'settling'
  }
  const unreachable = reason()
  return { reason: unreachable, disabled: approach.enabled === 'known' ? barred : unreachable, address, endpoint }
}

/** The variables of the connection to a guest, as `reachOf` reaches it; of several of one name the last counts. Pure. */
export function variablesTo(
  record: VmRecord,
  { connection, variables }: Approach,
  endpoint: Endpoint,
): readonly ConnectionVariable[] {
  const own = connectionVariables(record, connectionOf(record, connection), endpoint)
  return variables.length === 0 ? own : [...own, ...givenVariables(record, variables)]
}

/** Why a host is disabled whether or not anybody would connect to it; empty when it is not. */
function barredReason({ seen }: VmRecord, { staleness }: Sight, { excluded }: Approach): string {
  if (excluded.length > 0 && meets(labelsOf(seen), excluded)) return 'excluded by label'
  return staleness === 'disabled' ? 'cluster unreachable' : ''
}

/** True when another has a better claim to this address of the VM. */
export function isLost(record: VmRecord, address: string, { lost, conflict = false }: Sight): boolean {
  return lost === undefined ? conflict && address === addressOf(record) : lost.includes(address)
}

/** True when a job may run on it now: told as reachable, seen as reachable, and its address has settled. */
export function isReady(record: VmRecord): boolean {
  return record.told.reachable && looksReachable(record.seen) && record.seen.address === record.told.address
}
