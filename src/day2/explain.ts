import type { FleetView } from '../fleet/index.ts'
import { type ProfileWhy, reachableBecause, type Staleness, unreachableReason } from '../inventory/index.ts'
import type { VmRecord } from '../vm/index.ts'
import type { LedgerView } from './ledger.ts'
import { whyNotNow } from './admission.ts'
import { type Policy, whyNotOnboard } from './plan.ts'
import { type Needs, type VerbPolicy, whyNotOurs } from './verb-policy.ts'
import { stepName } from './run-step.ts'
import type { Run, RunStatus, Verb, VerbRecord } from './run.ts'

/** What would come of one verb on a VM now, if somebody asked virtbridge for it. */
export interface Chance {
  readonly verb: Verb
  /** `guest`: it connects to the guest. `vm`: it runs beside it. */
  readonly needs: Needs
  readonly possible: boolean
  readonly because: string
}

/** The run that has a VM now, so that no other may begin there. */
export interface Holding {
  /** Empty, as what else names it, when that run may not be told of to who asks. */
  readonly run: string
  /** Empty for a job of others whose template is not known to do one. */
  readonly verb: Verb
  readonly template: string
  readonly status: RunStatus
  readonly asked_by: string
  /** Its job at the controller; null before there is one. */
  readonly job: number | null
  /** When that status began. */
  readonly since: string
  /** The step that it is at, as `verify (3 of 3)`; absent where the run is one job. */
  readonly step?: string
}

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
  /** Of what connects to the guest, whatever it is. */
  readonly launch: { readonly possible: boolean; readonly because: string }
  /** Of each verb by itself, those beside the guest too, in the order of their names. */
  readonly can: readonly Chance[]
  readonly held_by: Holding | null
  readonly onboard: { readonly due: boolean; readonly because: string }
  /** Which profile it has, and why; null where no profiles are configured. */
  readonly profile: ProfileWhy | null
  readonly verbs: readonly VerbRecord[]
  readonly waiting: readonly { readonly fact: string; readonly until: string }[]
  readonly last_event: string
}

/** What a VM is explained from, beside its record. */
interface Around {
  readonly host: string
  readonly fleet: FleetView
  readonly ledger: LedgerView
  /** Null without a controller. */
  readonly policy: Policy | null
  /** What may be done to VMs; left out: nothing is told of single verbs. */
  readonly verbs?: ReadonlyMap<Verb, VerbPolicy>
  readonly staleness: Staleness
  /** The host with a better claim to its address; empty when there is none. */
  readonly rival?: string
  readonly profile?: ProfileWhy | null
  /** Whether a run may be told of to who asks; left out: all may. */
  readonly tells?: (run: Run) => boolean
}

/** Explains one VM at `now`. Pure. */
export function explain(record: VmRecord, around: Around, now: number): Explanation {
  const { fleet, policy, staleness, rival = '', profile = null } = around
  const cluster = fleet.clusters.get(record.cluster)
  const disabled = unreachableReason(record, staleness, rival !== '')
  const notLaunched = whyNotLaunched(record, around)
  const notOnboarded = policy === null ? NO_CONTROLLER : whyNotOnboard(record, around, policy, now)
  return {
    host: around.host,
    uid: record.uid,
    cluster: { name: record.cluster, status: cluster?.status ?? 'unknown', reason: cluster?.reason ?? '', staleness },
    known_since: new Date(record.known_since).toISOString(),
    adopted: record.adopted,
    inventory: { enabled: disabled === '', because: disabled || reachableBecause(record) },
    launch: { possible: notLaunched === '', because: notLaunched || POSSIBLE.guest },
    can: chances(record, around),
    held_by: holding(record, around),
    onboard: { due: notOnboarded === '', because: notOnboarded || 'it is news, and reachable' },
    profile,
    verbs: verbsOf(record, around),
    waiting: record.waiting.map(waiting => ({ fact: waiting.fact, until: new Date(waiting.due).toISOString() })),
    last_event: record.last_event,
  }
}

const NO_CONTROLLER = 'no controller is configured'
const POSSIBLE = { guest: 'ready, and no run holds it', vm: 'the VM is there, and no run holds it' }

function chances(record: VmRecord, around: Around): readonly Chance[] {
  const verbs = [...(around.verbs ?? [])].sort(([one], [other]) => (one < other ? -1 : 1))
  return verbs.map(([verb, policy]) => {
    const { needs = 'guest' } = policy
    const because = whyNotOurs(verb, policy) || whyNotLaunched(record, around, policy)
    return { verb, needs, possible: because === '', because: because || POSSIBLE[needs] }
  })
}

/** Why nothing would be launched on a VM now by this verb, or by any that connects to the guest; empty when it would. */
function whyNotLaunched(
  record: VmRecord,
  { fleet, ledger, policy, rival = '', tells = () => true }: Around,
  { os, needs = 'guest' }: Partial<Pick<VerbPolicy, 'os' | 'needs'>> = {},
): string {
  const notNow = whyNotNow(record, {
    clusters: fleet.clusters,
    ledger,
    tells,
    needs,
    ...(os === undefined ? {} : { os }),
  })
  if (notNow !== '') return notNow
  if (needs === 'guest' && rival !== '') return `${rival} has the better claim to its address`
  return policy === null ? NO_CONTROLLER : ''
}

function holding({ uid }: VmRecord, { ledger, tells = () => true }: Around): Holding | null {
  const run = ledger.holder(uid)
  if (run === undefined) return null
  const { id, verb, template, status, asked_by, job } = run
  const since = new Date(run.since).toISOString()
  if (!tells(run)) return { run: '', verb: '', template: '', status, asked_by: '', job: null, since }
  const step = run.steps === undefined ? {} : { step: stepName(run) }
  return { run: id, verb, template, status, asked_by, job: job?.id ?? null, since, ...step }
}

/** What verbs did to it; of a run that may not be told of, or that nobody knows any more, not whose it was. */
function verbsOf({ uid }: VmRecord, { ledger, tells }: Around): readonly VerbRecord[] {
  const shown = (record: VerbRecord): VerbRecord => {
    const run = ledger.runs.get(record.run)
    const named =
      tells === undefined || (run !== undefined && tells(run)) ? record : { ...record, run: '', asked_by: '' }
    return named.before === undefined ? named : { ...named, before: shown(named.before) }
  }
  return ledger.verbsOf(uid).map(shown)
}
