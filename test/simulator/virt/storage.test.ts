import { describe, expect, test } from 'vitest'
import type { Restore, RunStrategy, Snapshot, Vm, Vmi } from '../../../src/simulator/virt/objects.ts'
import { nextOfStorage } from '../../../src/simulator/virt/storage.ts'
import type { View } from '../../../src/simulator/virt/view.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const metadata = (name: string) => ({
  name,
  namespace: 'shop',
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-06-01T12:00:00Z',
})
const devices = { domain: { devices: {} } }

function vmWith(how: { runStrategy: RunStrategy } | { running: boolean }): Vm {
  const spec = { ...how, template: { spec: devices } }
  return { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: metadata('a'), spec }
}

function vmiWith(agent: boolean): Vmi {
  const connected = { type: 'AgentConnected', status: 'True', lastProbeTime: null, lastTransitionTime: null } as const
  const status = { phase: 'Running', conditions: agent ? [connected] : [] } as const
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: metadata('a'),
    spec: devices,
    status,
  }
}

function viewOf(vm: Vm, vmi: Vmi | null, beside: Pick<View, 'snapshots' | 'restores'>): View {
  return { vm, vmi, migrations: [], ...beside, cluster: 'c', nodes: ['n1'], seed: 's' }
}

function restoreBy(targetReadinessPolicy: string): Restore {
  const spec = { target: { name: 'a' }, virtualMachineSnapshotName: 's', targetReadinessPolicy }
  return { apiVersion: 'snapshot.kubevirt.io/v1beta1', kind: 'VirtualMachineRestore', metadata: metadata('r'), spec }
}

describe('a restore of a VM that runs', () => {
  test.each([
    ['StopTarget', { runStrategy: 'Always' } as const, { runStrategy: 'Halted' }],
    ['StopTarget', { running: true }, { running: false }],
  ])('by %s makes it stop, in the field that it is run by', (policy, how, halted) => {
    const step = nextOfStorage(viewOf(vmWith(how), vmiWith(true), { restores: [restoreBy(policy)] }), NOW)
    expect(step?.writes).toMatchObject([{ kind: 'update', part: 'main', object: { spec: halted } }])
  })

  test.each([
    ['WaitEventually', 'Always'],
    ['StopTarget', 'Halted'],
  ] as const)('by %s of a VM that is %s waits until the guest is down', (policy, runStrategy) => {
    const view = viewOf(vmWith({ runStrategy }), vmiWith(true), { restores: [restoreBy(policy)] })
    expect(nextOfStorage(view, NOW)).toBeNull()
  })
})

describe('a snapshot', () => {
  const snapshot: Snapshot = {
    apiVersion: 'snapshot.kubevirt.io/v1beta1',
    kind: 'VirtualMachineSnapshot',
    metadata: metadata('s'),
    spec: { source: { name: 'a' } },
  }

  test.each([
    ['of a guest whose agent answers', vmiWith(true), ['Online', 'GuestAgent']],
    ['of a guest without an agent', vmiWith(false), ['Online', 'NoGuestAgent']],
    ['of a VM that is stopped', null, []],
  ])('%s says how consistent it is', (_, vmi, indications) => {
    const view = viewOf(vmWith({ runStrategy: 'Always' }), vmi, { snapshots: [snapshot] })
    const [write] = nextOfStorage(view, NOW)?.writes ?? []
    const { status } = (write as { object: Snapshot }).object
    expect(status?.sourceIndications?.map(({ indication }) => indication)).toEqual(indications)
  })
})
