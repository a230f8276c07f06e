import { newCluster } from '../../src/cluster/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { assemble, change, projectVm, projectVmi, type VmRecord, vmKey } from '../../src/vm/index.ts'

/** A running, reachable guest as the watch would have recorded it. `number` makes it one of many. */
export function runningRecord(number: number, cluster = 'prod-1'): VmRecord {
  const namespace = `ns-${number % 50}`
  const name = `vm-${number}`
  const vm = projectVm({
    metadata: {
      namespace,
      name,
      uid: `vm-uid-${number}`,
      resourceVersion: '1',
      labels: { app: `app-${number % 7}`, tier: 'web' },
    },
    spec: { runStrategy: 'Always', template: { metadata: { annotations: { 'vm.kubevirt.io/os': 'rhel9' } } } },
    status: { printableStatus: 'Running' },
  })
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
  const vmi = projectVmi({
    metadata: {
      namespace,
      name,
      uid: `vmi-uid-${number}`,
      ownerReferences: [{ kind: 'VirtualMachine', uid: `vm-uid-${number}` }],
    },
    spec: { networks: [{ name: 'default', pod: {} }] },
    status: {
      phase: 'Running',
      nodeName: `node-${number % 20}`,
      conditions: [{ type: 'AgentConnected', status: 'True' }],
      guestOSInfo: { id: 'rhel', name: 'Red Hat Enterprise Linux', versionId: '9.4' },
      interfaces: [{ name: 'default', interfaceName: 'eth0', ipAddress: address, infoSource: 'domain, guest-agent' }],
    },
  })
  const circumstance = {
    now: 0,
    cluster: { name: cluster, hub: '', uid: `uid-of-${cluster}` },
    adopting: true,
    origin: 'bootstrap',
    gap: false,
    burst: false,
    holds: { stopped: 0, reachable: 0, unreachable: 0, address: 0 },
  } as const
  const { record } = change(null, { vm, seen: assemble(vm, vmi, null) }, circumstance)
  if (record === null) throw new Error('a VM without a record')
  return record
}

/** A fleet of `size` running guests on one synced cluster, as followed from the log. */
export function fleetOf(size: number, now: number, cluster = 'prod-1'): Fleet {
  const fleet = new Fleet()
  const synced = {
    ...newCluster(cluster, ''),
    status: 'synced',
    adopted_at: 1,
    heartbeat: now,
    uid: `uid-of-${cluster}`,
  } as const
  fleet.apply({ key: cluster, value: synced })
  for (let number = 0; number < size; number += 1) {
    const record = runningRecord(number, cluster)
    fleet.apply({ key: vmKey(record), value: record })
  }
  return fleet
}
