import { hostName, isRunning, looksReachable, type VmRecord } from '../vm/index.ts'
import { safe } from './safe.ts'
import type { Staleness } from './stale.ts'

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

/** Why automation can not reach the guest; empty when it can. */
export function unreachableReason(record: VmRecord, staleness: Staleness): string {
  const { seen, told } = record
  if (staleness === 'disabled') return 'cluster unreachable'
  if (!isRunning(seen)) return 'stopped'
  if (seen.paused) return 'paused'
  if (told.reachable) return ''
  if (!seen.agent_connected) return 'no agent'
  return seen.address === '' ? 'no address' : 'settling'
}

/** True when a job may run on it now: told as reachable, seen as reachable, and its address has settled. */
export function isReady(record: VmRecord): boolean {
  return record.told.reachable && looksReachable(record.seen) && record.seen.address === record.told.address
}

/**
 * The hostvars of one VM. Byte-stable between changes: no resourceVersion, no time. `ansible_*` is computed here from a validated
 * address, never copied from the guest, a label or an annotation.
 */
export function hostVars(record: VmRecord, staleness: Staleness, verbs: VerbStatus): HostVars {
  const { seen } = record
  const reason = unreachableReason(record, staleness)
  const address = addressOf(record)
  return {
    ...connection(address, seen.os.family),
    kubevirt_cluster: record.cluster,
    kubevirt_namespace: record.namespace,
    kubevirt_name: record.name,
    kubevirt_uid: record.uid,
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
      address: entry.address,
      network: safe(entry.network),
      interface: safe(entry.interface),
      source: entry.source,
    })),
    kubevirt_address_source: seen.addresses.find(entry => entry.address === address)?.source ?? '',
    kubevirt_agent_connected: seen.agent_connected,
    kubevirt_reachable: reason === '',
    kubevirt_reachable_reason: reason,
    kubevirt_labels: Object.fromEntries(Object.entries(seen.labels).map(([key, value]) => [key, safe(value)])),
    kubevirt_adopted: record.adopted,
    kubevirt_application: safe(seen.application ?? ''),
    kubevirt_descent: {
      kind: record.descent?.kind ?? '',
      from: safe(record.descent?.from ?? ''),
      by: safe(record.descent?.by ?? ''),
      run: safe(record.descent?.run ?? ''),
    },
    day2_onboard: verbs.onboard,
    day2_patch: verbs.patch,
  }
}

/** Windows is reached by PSRP over HTTPS; Linux by Ansible's default, ssh. */
function connection(address: string, family: string): HostVars {
  const host = address === '' ? {} : { ansible_host: address }
  return family === 'windows' ? { ...host, ansible_connection: 'psrp', ansible_port: 5986 } : host
}

/** The groups of one VM. Names are from `[A-Za-z0-9_]` alone. */
export function groupsOf(record: VmRecord, labelGroups: readonly string[]): readonly string[] {
  const { seen } = record
  const groups = [
    groupName('cluster', record.cluster),
    groupName('namespace', record.namespace),
    groupName('status', seen.status),
  ]
  if (seen.os.family !== '') groups.push(groupName('os', seen.os.family))
  if (seen.os.id !== '') groups.push(groupName('os', seen.os.id))
  for (const key of labelGroups) {
    // A label may be called like a member of every object.
    const value = Object.hasOwn(seen.labels, key) ? (seen.labels[key] ?? '') : ''
    if (value !== '') groups.push(groupName(labelPrefix(key), value))
  }
  return [...new Set(groups)]
}

/** What the names of the groups of one label begin with. */
export function labelPrefix(key: string): string {
  return groupName('label', key)
}

function groupName(prefix: string, value: string): string {
  return `${prefix}_${value}`.replace(/[^A-Za-z0-9_]/g, '_').toLowerCase()
}

export { hostName }
