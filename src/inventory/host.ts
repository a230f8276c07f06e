import ipaddr from 'ipaddr.js'
import { isRunning, looksReachable, type VmRecord } from '../vm/index.ts'
import { isInert, safe } from './safe.ts'
import type { Staleness } from './stale.ts'

/** The last one that a Date can say, in ms. */
const LAST_INSTANT = 8.64e15

/** How much of a VM its variables tell. */
export type Profile = 'slim' | 'standard' | 'full'

export type HostVars = Readonly<Record<string, unknown>>

/** What day 2 knows of a VM, by verb: `ok`, `failed`, `running`, or empty. */
export interface VerbStatus {
  readonly onboard: string
  readonly patch: string
}

/**
 * The address automation must use now, or empty. What is seen wins over what was told (an old address may belong to another VM by
 * now); while the guest agent flaps an empty one, the last told one holds.
 */
export function addressOf(record: VmRecord): string {
  if (!isRunning(record.seen)) return ''
  return record.seen.address || (record.told.reachable ? record.told.address : '')
}

/** Why automation can not reach the guest; empty when it can. `conflict`: another has a better claim to its address. */
export function unreachableReason(record: VmRecord, staleness: Staleness, conflict = false): string {
  const { seen, told } = record
  if (staleness === 'disabled') return 'cluster unreachable'
  if (!isRunning(seen)) return 'stopped'
  if (seen.paused) return 'paused'
  if (conflict) return 'conflicting address'
  if (told.reachable) return ''
  if (!seen.agent_connected) return 'no agent'
  return seen.address === '' ? 'no address' : 'settling'
}

/** True when a job may run on it now: told as reachable, seen as reachable, and its address has settled. */
export function isReady(record: VmRecord): boolean {
  return record.told.reachable && looksReachable(record.seen) && record.seen.address === record.told.address
}

/** What is known of a VM beside its record. */
export interface Standing {
  readonly staleness: Staleness
  readonly verbs: VerbStatus
  /** Another has a better claim to its address. */
  readonly conflict?: boolean
}

/**
 * The hostvars of one VM. Byte-stable between changes: no resourceVersion, no clock. `ansible_*` is computed here from a validated
 * address, never copied from the guest, a label or an annotation; an address that is another's by better right is not told.
 */
export function hostVars(record: VmRecord, standing: Standing, profile: Profile = 'standard'): HostVars {
  const { staleness, verbs, conflict = false } = standing
  const reason = unreachableReason(record, staleness, conflict)
  const address = conflict ? '' : addressOf(record)
  const told = { staleness, reason, address }
  const host = connection(address, record.seen.os.family)
  if (profile === 'slim') return { ...host, ...slim(record, told) }
  const days = { day2_onboard: verbs.onboard, day2_patch: verbs.patch }
  const standardVars = { ...host, ...standard(record, told), ...days }
  return profile === 'full' ? { ...standardVars, ...full(record) } : standardVars
}

interface Told {
  readonly staleness: Staleness
  readonly reason: string
  readonly address: string
}

/** Who it is, and whether it may be worked on: what AAP and the first task of every play need. */
function slim(record: VmRecord, { staleness, reason }: Told): HostVars {
  return {
    kubevirt_cluster: record.cluster,
    kubevirt_namespace: record.namespace,
    kubevirt_name: record.name,
    kubevirt_uid: safe(record.uid),
    kubevirt_firmware_uuid: safe(record.seen.firmware_uuid),
    kubevirt_status: safe(record.seen.status),
    kubevirt_enabled: reason === '',
    kubevirt_stale: staleness !== 'fresh',
    kubevirt_reachable_reason: reason,
  }
}

function standard(record: VmRecord, { staleness, reason, address }: Told): HostVars {
  const { seen } = record
  return {
    kubevirt_cluster: record.cluster,
    kubevirt_namespace: record.namespace,
    kubevirt_name: record.name,
    kubevirt_uid: safe(record.uid),
    kubevirt_firmware_uuid: safe(seen.firmware_uuid),
    kubevirt_status: safe(seen.status),
    kubevirt_enabled: reason === '',
    kubevirt_stale: staleness !== 'fresh',
    kubevirt_node: safe(seen.node),
    kubevirt_instancetype: safe(seen.instancetype),
    kubevirt_os: {
      family: seen.os.family,
      id: safe(seen.os.id),
      name: safe(seen.os.name),
      version: safe(seen.os.version),
    },
    kubevirt_addresses: seen.addresses.map(entry => ({
      address: safe(entry.address),
      network: safe(entry.network),
      interface: safe(entry.interface),
      source: entry.source,
    })),
    kubevirt_address_source: seen.addresses.find(entry => entry.address === address)?.source ?? '',
    kubevirt_agent_connected: seen.agent_connected,
    kubevirt_reachable: reason === '',
    kubevirt_reachable_reason: reason,
    kubevirt_labels: labels(seen.labels),
    kubevirt_adopted: record.adopted,
    kubevirt_application: safe(seen.application ?? ''),
    kubevirt_descent: {
      kind: record.descent?.kind ?? '',
      from: safe(record.descent?.from ?? ''),
      by: safe(record.descent?.by ?? ''),
      run: safe(record.descent?.run ?? ''),
    },
  }
}

/** What else is kept of it. What an older record lacks is empty. */
function full({ hub, cluster_uid, seen }: VmRecord): HostVars {
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
function labels(of: VmRecord['seen']['labels']): HostVars {
  const entries = Object.entries(of).filter(([key]) => isInert(key))
  return Object.fromEntries(entries.map(([key, value]) => [key, safe(value)]))
}

function instant(at: number): string {
  return at > 0 && at <= LAST_INSTANT ? new Date(at).toISOString() : ''
}

/** Windows is reached by PSRP over HTTPS; Linux by Ansible's default, ssh. */
function connection(address: string, family: string): HostVars {
  const host = ipaddr.isValid(address) ? { ansible_host: address } : {}
  return family === 'windows' ? { ...host, ansible_connection: 'psrp', ansible_port: 5986 } : host
}
