import type { FleetView } from '../fleet/index.ts'
import { isReady, type ProfileWhy, type Staleness, unreachableReason } from '../inventory/index.ts'
import type { VmRecord } from '../vm/index.ts'
import type { LedgerView } from './ledger.ts'
import { type Policy, whyNotNow, whyNotOnboard } from './plan.ts'
import type { VerbRecord } from './run.ts'

/** Why a VM is as it is in the inventory and in day 2, from recorded data alone. */
export interface Explanation {
  readonly host: string
  readonly uid: string
  readonly cluster: {
    readonly name: string
    readonly status: string
    readonly reason: string
    readonly staleness: Staleness
  }
  readonly known_since: string
  readonly adopted: boolean
  readonly inventory: { readonly enabled: boolean; readonly because: string }
  readonly launch: { readonly possible: boolean; readonly because: string }
  readonly onboard: { readonly due: boolean; readonly because: string }
  /** Which profile it has, and why; null where no profiles are configured. */
  readonly profile: ProfileWhy | null
  readonly verbs: readonly VerbRecord[]
  readonly waiting: readonly { readonly fact: string; readonly until: string }[]
  readonly last_event: string
}

/** Explains one VM at `now`. Pure. */
export function explain(
  record: VmRecord,
  world: {
    host: string
    fleet: FleetView
    ledger: LedgerView
    policy: Policy | null
    staleness: Staleness
    /** The host with a better claim to its address; empty when there is none. */
    rival?: string
    profile?: ProfileWhy | null
  },
  now: number,
): Explanation {
  const { fleet, ledger, policy, staleness, rival = '', profile = null } = world
  const cluster = fleet.clusters.get(record.cluster)
  const disabled = unreachableReason(record, staleness, rival !== '')
  const notNow = whyNotNow(record, { clusters: fleet.clusters, ledger })
  const notOnboarded =
    policy === null ? 'no controller is configured' : whyNotOnboard(record, { fleet, ledger }, policy, now)
  return {
    host: world.host,
    uid: record.uid,
    cluster: { name: record.cluster, status: cluster?.status ?? 'unknown', reason: cluster?.reason ?? '', staleness },
    known_since: new Date(record.known_since).toISOString(),
    adopted: record.adopted,
    inventory: { enabled: disabled === '', because: disabled || 'it runs, its agent answers and it has an address' },
    launch: {
      possible: notNow === '' && isReady(record) && rival === '',
      because: notNow || (rival === '' ? 'ready, and no run holds it' : `${rival} has the better claim to its address`),
    },
    onboard: { due: notOnboarded === '', because: notOnboarded || 'it is news, and reachable' },
    profile,
    verbs: ledger.verbsOf(record.uid),
    waiting: record.waiting.map(waiting => ({ fact: waiting.fact, until: new Date(waiting.due).toISOString() })),
    last_event: record.last_event,
  }
}
