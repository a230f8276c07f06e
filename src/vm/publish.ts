import { type ClusterRef, envelope, type Event, type VmEventData, type VmInEvent } from '../event/index.ts'
import { NO_DESCENT } from './part.ts'
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
  return envelope({ kind: 'vm', id: fact.id, fact: fact.fact, cluster, subject: vmKey(record), at: now, data })
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
    application: seen.application ?? '',
    descent: record.descent ?? NO_DESCENT,
    adopted: record.adopted,
  }
}
