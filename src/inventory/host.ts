import { labelsOf, type VmRecord } from '../vm/index.ts'
import { addressesOf } from './address.ts'
import { type Approach, reachOf, type Sight, USUAL_APPROACH, variablesTo } from './approach.ts'
import type { Endpoint } from './endpoint.ts'
import { ansibleVars } from './connection-variable.ts'
import { type GuestProfile, NO_PROFILE } from './profile.ts'
import { isInert, safe } from './safe.ts'
import type { Staleness } from './stale.ts'

/** The last one that a Date can say, in ms. */
const LAST_INSTANT = 8.64e15

/** How much of a VM its variables tell. */
export type Profile = 'slim' | 'standard' | 'full'

export type HostVars = Readonly<Record<string, unknown>>

/** What day 2 knows of a VM, by verb: `ok`, `failed`, `running`, or empty. These two are always told, others once they were done. */
export interface VerbStatus {
  readonly onboard: string
  readonly patch: string
  readonly [verb: string]: string
}

/** What is known of a VM beside its record. */
export interface Standing extends Sight {
  readonly verbs: VerbStatus
  /** When its cluster was seen last, in ms, of one that is not any more; left out or 0: it is, or never was. */
  readonly staleSince?: number
  /** The ManagedClusterSets that its cluster is in; left out: not known. */
  readonly clusterSets?: readonly string[]
  /** What its cluster says is its base domain; left out: not known. */
  readonly baseDomain?: string
  /** Left out: none. */
  readonly profile?: GuestProfile
  /** Keys of labels that decide which profile a VM has. */
  readonly profileLabels?: readonly string[]
}

/**
 * The hostvars of one VM. Byte-stable between changes: no resourceVersion, no clock. `ansible_*` is computed here from validated
 * addresses and names, or given by a label or an annotation that an administrator listed; never copied from the guest or from anything else that users
 * write. An address that is another's by better right is not told.
 */
export function hostVars(
  record: VmRecord,
  standing: Standing,
  profile: Profile = 'standard',
  approach: Approach = USUAL_APPROACH,
): HostVars {
  const { staleness, staleSince = 0, verbs, clusterSets = [], profile: guestProfile = NO_PROFILE } = standing
  const { reason, disabled, address, endpoint } = reachOf(record, standing, approach)
  const told = { staleness, staleSince, reason, disabled, address, endpoint, clusterSets }
  // First, so that none of them ever counts for one of ours.
  const given = { ...guestProfile.variables, ...ansibleVars(variablesTo(record, approach, endpoint)) }
  if (profile === 'slim') return { ...given, ...slim(record, told) }
  const days: Record<string, unknown> = {}
  for (const verb in verbs) days[`day2_${verb}`] = verbs[verb]
  // Last: a verb may be called profile.
  days['day2_profile'] = guestProfile.name
  const annotations = annotationsOf(record)
  const standardVars = { ...given, ...standard(record, told), ...annotations, ...days }
  if (profile === 'standard') return standardVars
  return { ...standardVars, ...(annotations === NO_ANNOTATIONS && { kubevirt_annotations: {} }), ...full(record, told) }
}

interface Told {
  readonly staleness: Staleness
  readonly staleSince: number
  readonly reason: string
  readonly disabled: string
  readonly address: string
  readonly endpoint: Endpoint
  readonly clusterSets: readonly string[]
}

/** Whether a host may be worked on, and how old what is told of it is: the variables of that alone, as every profile has them. Pure. */
export function stateVars(record: VmRecord, standing: Standing, approach: Approach): HostVars {
  const { staleness, staleSince = 0 } = standing
  const { reason, disabled } = reachOf(record, standing, approach)
  return stateOf({ staleness, staleSince, reason, disabled })
}

function stateOf({
  staleness,
  staleSince,
  reason,
  disabled,
}: Pick<Told, 'staleness' | 'staleSince' | 'reason' | 'disabled'>): HostVars {
  return {
    kubevirt_enabled: disabled === '',
    kubevirt_stale: staleness !== 'fresh',
    kubevirt_stale_since: instant(staleSince),
    kubevirt_reachable_reason: reason,
  }
}

/** Who it is, and whether it may be worked on: what AAP and the first task of every play need. */
function slim(record: VmRecord, told: Told): HostVars {
  return {
    kubevirt_cluster: record.cluster,
    kubevirt_namespace: record.namespace,
    kubevirt_name: record.name,
    kubevirt_uid: safe(record.uid),
    kubevirt_firmware_uuid: safe(record.seen.firmware_uuid),
    kubevirt_status: safe(record.seen.status),
    ...stateOf(told),
  }
}

/** What playbooks read most. Flat, and no more: each value of each host costs every sync and every start of a job. */
function standard(record: VmRecord, told: Told): HostVars {
  const { seen } = record
  const { reason, address } = told
  return {
    ...slim(record, told),
    kubevirt_node: safe(seen.node),
    kubevirt_instancetype: safe(seen.instancetype),
    kubevirt_os_family: seen.os.family,
    kubevirt_os_id: safe(seen.os.id),
    kubevirt_os_version: safe(seen.os.version),
    kubevirt_address: address,
    kubevirt_address_source: addressesOf(record).find(entry => entry.address === address)?.source ?? '',
    kubevirt_agent_connected: seen.agent_connected,
    kubevirt_reachable: reason === '',
    kubevirt_labels: texts(labelsOf(seen)),
  }
}

const NO_ANNOTATIONS: HostVars = {}

/** Where none is named there are none, of any VM: those of the profile full say so. */
function annotationsOf({ seen: { annotations = {} } }: VmRecord): HostVars {
  return Object.keys(annotations).length === 0 ? NO_ANNOTATIONS : { kubevirt_annotations: texts(annotations) }
}

/** What else is kept of it. What an older record lacks is empty. */
function full(record: VmRecord, told: Told): HostVars {
  return { ...described(record, told), ...history(record) }
}

/** What it is, as closely as it is known. */
function described({ seen, adopted, descent }: VmRecord, { endpoint, clusterSets }: Told): HostVars {
  const { os } = seen
  return {
    kubevirt_cluster_sets: clusterSets.map(safe),
    kubevirt_os: { family: os.family, id: safe(os.id), name: safe(os.name), version: safe(os.version) },
    kubevirt_addresses: seen.addresses.map(entry => ({
      address: safe(entry.address),
      network: safe(entry.network),
      interface: safe(entry.interface),
      source: entry.source,
    })),
    kubevirt_via: safe(endpoint.via),
    kubevirt_adopted: adopted,
    kubevirt_application: safe(seen.application ?? ''),
    kubevirt_descent: {
      kind: descent?.kind ?? '',
      from: safe(descent?.from ?? ''),
      by: safe(descent?.by ?? ''),
      run: safe(descent?.run ?? ''),
    },
  }
}

/** How it is run, and what became of it. */
function history({ hub, cluster_uid, seen }: VmRecord): HostVars {
  return {
    kubevirt_hub: hub,
    kubevirt_cluster_uid: safe(cluster_uid),
    kubevirt_created: instant(seen.created_at),
    kubevirt_run_strategy: safe(seen.run_strategy),
    kubevirt_boot: safe(seen.boot),
    kubevirt_phase: safe(seen.phase),
    kubevirt_paused: seen.paused,
    kubevirt_paused_because: safe(seen.paused_because ?? ''),
    kubevirt_failing: safe(seen.failing ?? ''),
    kubevirt_restart_required: seen.restart_required ?? false,
    kubevirt_root_claim: safe(seen.claim ?? ''),
    kubevirt_ended: {
      because: safe(seen.ended?.because ?? ''),
      detail: safe(seen.ended?.detail ?? ''),
    },
    kubevirt_migration_failed: {
      from: safe(seen.migration_failed?.from ?? ''),
      to: safe(seen.migration_failed?.to ?? ''),
      reason: safe(seen.migration_failed?.reason ?? ''),
    },
  }
}

/** Keys can not be marked, so those that Kubernetes would never allow are left out. */
function texts(of: Readonly<Record<string, string>>): HostVars {
  const entries = Object.entries(of).filter(([key]) => isInert(key))
  return Object.fromEntries(entries.map(([key, value]) => [key, safe(value)]))
}

function instant(at: number): string {
  return at > 0 && at <= LAST_INSTANT ? new Date(at).toISOString() : ''
}
