import {
  type ClusterRef,
  envelope,
  type Event,
  MAX_EVENT_BYTES,
  type VmEventData,
  type VmInEvent,
} from '../event/index.ts'
import { type Fact, type VmRecord, vmKey } from './record.ts'

/** The name Ansible knows a VM by: read from the right it is never ambiguous, as a namespace and a cluster are DNS labels. */
export function hostName(vm: { cluster: string; namespace: string; name: string }): string {
  return `${vm.name}.${vm.namespace}.${vm.cluster}`
}

/** The CloudEvent of a fact. `now` is when it was seen, in ms since the epoch. */
export function vmEvent(fact: Fact, now: number): Event<VmEventData> {
  const record = fact.about
  const cluster: ClusterRef = { name: record.cluster, hub: record.hub }
  const data: VmEventData = {
    schema_version: 1,
    time_epoch: Math.floor(now / 1000),
    fact: fact.fact,
    origin: fact.origin,
    gap: fact.gap,
    burst: fact.burst,
    previous: fact.previous,
    host: hostName(record),
    cluster,
    vm: vmInEvent(record),
    transition: fact.transition,
    changed: fact.changed,
    reason: fact.reason,
    message: '',
  }
  const event = envelope({ kind: 'vm', id: fact.id, fact: fact.fact, cluster, subject: vmKey(record), at: now, data })
  return fits(event) ? event : trimmed(event)
}

function vmInEvent(record: VmRecord): VmInEvent {
  const { seen } = record
  return {
    name: record.name,
    namespace: record.namespace,
    uid: record.uid,
    resource_version: record.resource_version,
    run_strategy: seen.run_strategy,
    status: seen.status,
    node: seen.node,
    os: seen.os,
    address: seen.address,
    agent_connected: seen.agent_connected,
    labels: seen.labels,
    label_list: Object.entries(seen.labels).map(([key, value]) => `${key}=${value}`),
  }
}

function fits(event: Event<VmEventData>): boolean {
  return Buffer.byteLength(JSON.stringify(event)) <= MAX_EVENT_BYTES
}

/** The stated rule for an event that is too large: it loses its labels and says so, and is never dropped. */
function trimmed(event: Event<VmEventData>): Event<VmEventData> {
  const vm = { ...event.data.vm, labels: {}, label_list: [] }
  const changed = event.data.changed.filter(name => !name.startsWith('labels.'))
  return { ...event, data: { ...event.data, vm, changed, message: 'labels left out: the event would exceed 16 KB' } }
}
