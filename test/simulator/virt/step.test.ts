import { describe, expect, test } from 'vitest'
import type { RunStrategy, StateChangeRequest, Vm, Vmi } from '../../../src/simulator/virt/objects.ts'
import { mirroredStatus, printableStatus } from '../../../src/simulator/virt/mirror.ts'
import { nextStep } from '../../../src/simulator/virt/step.ts'
import type { Step, View } from '../../../src/simulator/virt/view.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const AT = '2026-06-01T12:00:00Z'

interface VmTraits {
  strategy?: RunStrategy
  recorded?: RunStrategy
  requests?: StateChangeRequest[]
  deleting?: boolean
  adopted?: boolean
}

function vmWith({ strategy = 'Always', recorded, requests, deleting, adopted = true }: VmTraits): Vm {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: {
      name: 'a',
      namespace: 'shop',
      uid: 'vm-uid',
      resourceVersion: '1',
      creationTimestamp: AT,
      generation: 1,
      ...(adopted ? { finalizers: ['kubevirt.io/virtualMachineControllerFinalize'] } : {}),
      ...(deleting === true ? { deletionTimestamp: AT } : {}),
    },
    spec: {
      runStrategy: strategy,
      template: { spec: { domain: { devices: {}, ...(adopted ? { firmware: { uuid: 'u' } } : {}) } } },
    },
    status: {
      ...(recorded === undefined ? {} : { runStrategy: recorded }),
      ...(requests === undefined ? {} : { stateChangeRequests: requests }),
    },
  }
}

function vmiWith(phase: NonNullable<Vmi['status']>['phase'], { deleting = false, uid = 'vmi-uid' } = {}): Vmi {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name: 'a',
      namespace: 'shop',
      uid,
      resourceVersion: '2',
      creationTimestamp: AT,
      finalizers: ['kubevirt.io/foregroundDeleteVirtualMachine'],
      ...(deleting ? { deletionTimestamp: AT } : {}),
    },
    spec: { domain: { devices: { interfaces: [{ name: 'default', masquerade: {} }] } } },
    status: {
      ...(phase === undefined ? {} : { phase }),
      conditions: phase === 'Running' ? [ready('True')] : [ready('False')],
    },
  }
}

function ready(status: 'True' | 'False') {
  return { type: 'Ready', status, lastProbeTime: null, lastTransitionTime: AT } as const
}

/** The next step once the VM's status tells the truth, so that the table shows decisions and not the mirror. */
function decide(vm: Vm | null, vmi: Vmi | null): Step | null {
  const view: View = { vm, vmi, migrations: [], cluster: 'c', nodes: ['n1', 'n2'], seed: 's' }
  const step = nextStep(view, NOW)
  if (step?.stage !== 'mirror' || vm === null) return step
  return nextStep({ ...view, vm: { ...vm, status: mirroredStatus(vm, vmi, AT) } }, NOW)
}

describe('what a VM does next', () => {
  test.each<{ title: string; vm: Vm | null; vmi: Vmi | null; stage: string | null }>([
    { title: 'a VM that nobody minds is taken in charge', vm: vmWith({ adopted: false }), vmi: null, stage: 'adopt' },
    { title: 'Always without an instance starts', vm: vmWith({}), vmi: null, stage: 'create' },
    { title: 'Halted without an instance rests', vm: vmWith({ strategy: 'Halted' }), vmi: null, stage: null },
    {
      title: 'Halted with an instance stops it',
      vm: vmWith({ strategy: 'Halted' }),
      vmi: vmiWith('Running'),
      stage: 'stop',
    },
    { title: 'Manual waits to be asked', vm: vmWith({ strategy: 'Manual' }), vmi: null, stage: null },
    {
      title: 'Manual starts when asked',
      vm: vmWith({ strategy: 'Manual', requests: [{ action: 'Start' }] }),
      vmi: null,
      stage: 'create',
    },
    {
      title: 'Manual stops when asked to stop this very instance',
      vm: vmWith({ strategy: 'Manual', requests: [{ action: 'Stop', uid: 'vmi-uid' }] }),
      vmi: vmiWith('Running'),
      stage: 'stop',
    },
    {
      title: 'Manual ignores a Stop meant for an earlier instance',
      vm: vmWith({ strategy: 'Manual', requests: [{ action: 'Stop', uid: 'earlier' }] }),
      vmi: vmiWith('Running'),
      stage: 'agent',
    },
    {
      title: 'a restart request stops first',
      vm: vmWith({ requests: [{ action: 'Stop', uid: 'vmi-uid' }, { action: 'Start' }] }),
      vmi: vmiWith('Running'),
      stage: 'stop',
    },
    {
      title: 'Manual keeps an instance that is over',
      vm: vmWith({ strategy: 'Manual' }),
      vmi: vmiWith('Succeeded'),
      stage: null,
    },
    { title: 'Always makes way for a new instance', vm: vmWith({}), vmi: vmiWith('Succeeded'), stage: 'stop' },
    { title: 'Always makes way after a crash', vm: vmWith({}), vmi: vmiWith('Failed'), stage: 'stop' },
    {
      title: 'RerunOnFailure starts when it is new',
      vm: vmWith({ strategy: 'RerunOnFailure' }),
      vmi: null,
      stage: 'create',
    },
    {
      title: 'RerunOnFailure rests after the guest went down',
      vm: vmWith({ strategy: 'RerunOnFailure', recorded: 'RerunOnFailure' }),
      vmi: null,
      stage: null,
    },
    { title: 'Once starts once', vm: vmWith({ strategy: 'Once', recorded: 'Once' }), vmi: null, stage: null },
    {
      title: 'a VM being deleted stops its instance',
      vm: vmWith({ deleting: true }),
      vmi: vmiWith('Running'),
      stage: 'stop',
    },
    {
      title: 'a VM being deleted goes once its instance is gone',
      vm: vmWith({ deleting: true }),
      vmi: null,
      stage: 'let go',
    },
    { title: 'an instance without a VM is deleted', vm: null, vmi: vmiWith('Running'), stage: 'orphan' },
    { title: 'an instance begins Pending', vm: vmWith({}), vmi: vmiWith(undefined), stage: 'pending' },
    { title: 'then it is scheduled', vm: vmWith({}), vmi: vmiWith('Pending'), stage: 'scheduling' },
    { title: 'then it has a node', vm: vmWith({}), vmi: vmiWith('Scheduling'), stage: 'scheduled' },
    { title: 'then it runs', vm: vmWith({}), vmi: vmiWith('Scheduled'), stage: 'running' },
    { title: 'then its agent connects', vm: vmWith({}), vmi: vmiWith('Running'), stage: 'agent' },
    {
      title: 'an instance being deleted is not ready any more',
      vm: vmWith({}),
      vmi: vmiWith('Running', { deleting: true }),
      stage: 'terminating',
    },
    {
      title: 'an instance that is down is released',
      vm: vmWith({}),
      vmi: vmiWith('Succeeded', { deleting: true }),
      stage: 'release',
    },
  ])('$title', ({ vm, vmi, stage }) => {
    expect(decide(vm, vmi)?.stage ?? null).toBe(stage)
  })

  test('RerunOnFailure asks itself for a start after a crash, and for none after a shutdown', () => {
    const vm = vmWith({ strategy: 'RerunOnFailure', recorded: 'RerunOnFailure' })
    const asks = (phase: 'Failed' | 'Succeeded') => JSON.stringify(decide(vm, vmiWith(phase))?.writes)
    expect(asks('Failed')).toContain('"stateChangeRequests":[{"action":"Start"}]')
    expect(asks('Succeeded')).not.toContain('stateChangeRequests')
  })
})

describe('what a VM tells of itself', () => {
  const connected = { type: 'AgentConnected', status: 'True', lastProbeTime: AT, lastTransitionTime: null } as const

  test('a stopped VM keeps the conditions of its last instance, but for Ready', () => {
    const running = vmiWith('Running')
    const vm = vmWith({ strategy: 'Halted' })
    const live = { ...running, status: { ...running.status, conditions: [ready('True'), connected] } }
    const during = { ...vm, status: mirroredStatus(vm, live, AT) }
    const after = mirroredStatus(during, null, AT)
    expect(during.status.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      'Ready True',
      'AgentConnected True',
    ])
    expect(after).toMatchObject({ created: false, ready: false, printableStatus: 'Stopped' })
    expect(after.conditions).toEqual([
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'VMINotExists' }),
      connected,
    ])
  })

  test('a condition that an instance loses is gone from the VM too, never False', () => {
    const running = vmiWith('Running')
    const vm = vmWith({})
    const before = { ...vm, status: { ...vm.status, conditions: [ready('True'), connected] } }
    expect(mirroredStatus(before, running, AT).conditions?.map(({ type }) => type)).toEqual(['Ready'])
  })

  const started = {
    migrationUid: 'm',
    mode: 'PreCopy',
    sourceNode: 'n1',
    targetNode: 'n2',
    sourcePod: '',
    targetPod: '',
    startTimestamp: AT,
  } as const
  test.each([
    {
      title: 'Terminating comes before all',
      vm: vmWith({ deleting: true }),
      vmi: vmiWith('Running', { deleting: true }),
      word: 'Terminating',
    },
    {
      title: 'Stopping while the guest goes down',
      vm: vmWith({}),
      vmi: vmiWith('Running', { deleting: true }),
      word: 'Stopping',
    },
    {
      title: 'Migrating between start and end',
      vm: vmWith({}),
      vmi: { ...vmiWith('Running'), status: { phase: 'Running', migrationState: started } },
      word: 'Migrating',
    },
    {
      title: 'Running after a migration',
      vm: vmWith({}),
      vmi: { ...vmiWith('Running'), status: { phase: 'Running', migrationState: { ...started, endTimestamp: AT } } },
      word: 'Running',
    },
    { title: 'Starting before it runs', vm: vmWith({}), vmi: vmiWith('Scheduled'), word: 'Starting' },
    {
      title: 'Stopped with an instance that is over',
      vm: vmWith({ strategy: 'Manual' }),
      vmi: vmiWith('Failed'),
      word: 'Stopped',
    },
    { title: 'Stopped without one', vm: vmWith({}), vmi: null, word: 'Stopped' },
  ] as { title: string; vm: Vm; vmi: Vmi | null; word: string }[])('$title', ({ vm, vmi, word }) => {
    expect(printableStatus(vm, vmi)).toBe(word)
  })
})
