import { kubeTime } from '../kube/clock.ts'
import { VMIS } from '../kube/resource.ts'
import { uuidOf } from '../kube/uuid.ts'
import { VMI_FINALIZER } from './boot.ts'
import { guestOf, interfacesOf, numberOf } from './guest.ts'
import type { Condition, Phase, Vm, Vmi, VmiStatus } from './objects.ts'
import { hasCondition, isFinal, withCondition, withoutCondition } from './objects.ts'
import type { Step, View } from './view.ts'
import { paced } from './view.ts'

/** On a VM's template: no node has room for it. */
export const UNSCHEDULABLE_ANNOTATION = 'simulator.virtbridge.io/unschedulable'

/** How long each stage of a boot and of a shutdown lasts, in ms. */
export const PACE = {
  pending: 400,
  provision: 2500,
  schedule: 700,
  start: 900,
  agentLinux: 5000,
  agentWindows: 10_000,
  agentAfterMigration: 1500,
  shutdown: 2500,
  release: 300,
} as const

/**
 * What happens to a VMI by itself.
 *
 * phase      | deleting | then
 * any        | yes      | Ready False (PodTerminating), Succeeded, gone
 * Succeeded… | no       | stays: the VM decides
 * none       | no       | Pending
 * Pending    | no       | Scheduling, later when disks are made first
 * Scheduling | no       | Scheduled, on a node; or, when none has room, PodScheduled False
 * Scheduled  | no       | Running, with the pod network's address
 * Running    | no       | the agent connects, if the guest has one: AgentConnected, guestOSInfo, all addresses
 */
export function nextOfInstance(view: View, vm: Vm, vmi: Vmi, now: number): Step | null {
  if (vmi.metadata.deletionTimestamp !== undefined) return nextOfShutdown(view, vmi, now)
  switch (vmi.status?.phase) {
    case undefined:
      return { stage: 'pending', delayMs: 0, writes: [status(vmi, pending(vm, vmi, now))] }
    case 'Pending': {
      const first = vmi.status.conditions?.some(({ type, status }) => type === 'DataVolumesReady' && status === 'False')
      const delayMs = paced(view, 'scheduling', first === true ? PACE.provision : PACE.pending)
      return { stage: 'scheduling', delayMs, writes: [status(vmi, scheduling(vmi, now))] }
    }
    case 'Scheduling': {
      if (vm.spec.template.metadata?.annotations?.[UNSCHEDULABLE_ANNOTATION] !== undefined) return stuck(vmi)
      const node = view.nodes[numberOf(`${view.seed}/${vmi.metadata.uid}/node`) % view.nodes.length] ?? 'node-1'
      return { stage: 'scheduled', delayMs: paced(view, 'scheduled', PACE.schedule), writes: [place(vmi, node, now)] }
    }
    case 'Scheduled':
      return {
        stage: 'running',
        delayMs: paced(view, 'running', PACE.start),
        writes: [status(vmi, run(view, vm, vmi, now))],
      }
    case 'Running':
      return nextOfAgent(view, vm, vmi, now)
    default:
      return null
  }
}

/** The address of the pod that runs a VMI now, and with or without the agent what else is known of its network. */
export function networkStatus(view: View, vm: Vm, vmi: Vmi, agent: boolean): VmiStatus {
  const podUid = Object.keys(vmi.status?.activePods ?? {}).at(-1) ?? vmi.metadata.uid
  return { interfaces: interfacesOf(vm, vmi, { podUid, cluster: view.cluster, agent }) }
}

function nextOfAgent(view: View, vm: Vm, vmi: Vmi, now: number): Step | null {
  const guest = guestOf(vm)
  const { conditions, migrationState } = vmi.status ?? {}
  if (!guest.hasAgent || hasCondition(conditions, 'AgentConnected') || hasCondition(conditions, 'Paused')) return null
  const delay = guest.windows ? PACE.agentWindows : PACE.agentLinux
  const delayMs = paced(view, 'agent', migrationState?.completed === true ? PACE.agentAfterMigration : delay)
  const connected = {
    type: 'AgentConnected',
    status: 'True',
    lastProbeTime: kubeTime(now),
    lastTransitionTime: null,
  } as const
  const next: VmiStatus = {
    ...vmi.status,
    conditions: withCondition(conditions, connected),
    guestOSInfo: guest.osInfo,
    ...networkStatus(view, vm, vmi, true),
  }
  return { stage: 'agent', delayMs, writes: [status(vmi, next)] }
}

function nextOfShutdown(view: View, vmi: Vmi, now: number): Step | null {
  const { phase, conditions } = vmi.status ?? {}
  if (phase === undefined || isFinal(phase)) {
    const finalizers = (vmi.metadata.finalizers ?? []).filter(name => name !== VMI_FINALIZER)
    if (finalizers.length === (vmi.metadata.finalizers ?? []).length) return null
    const object = { ...vmi, metadata: { ...vmi.metadata, finalizers } }
    const delayMs = paced(view, 'release', PACE.release)
    return { stage: 'release', delayMs, writes: [{ kind: 'update', resource: VMIS, object, part: 'main' }] }
  }
  if (hasCondition(conditions, 'Ready')) {
    const ready = condition('Ready', false, 'PodTerminating', kubeTime(now))
    const next = { ...vmi.status, conditions: withCondition(conditions, ready) }
    return { stage: 'terminating', delayMs: 0, writes: [status(vmi, next)] }
  }
  const delayMs = paced(view, 'shutdown', PACE.shutdown)
  return { stage: 'shutdown', delayMs, writes: [status(vmi, entered(vmi, 'Succeeded', now))] }
}

function status(vmi: Vmi, next: VmiStatus): Step['writes'][number] {
  return { kind: 'update', resource: VMIS, object: { ...vmi, status: next }, part: 'main' }
}

function entered(vmi: Vmi, phase: Phase, now: number): VmiStatus {
  const stamp = { phase, phaseTransitionTimestamp: kubeTime(now) }
  return {
    ...vmi.status,
    phase,
    phaseTransitionTimestamps: [...(vmi.status?.phaseTransitionTimestamps ?? []), stamp],
  }
}

function condition(type: string, holds: boolean, reason: string, at: string | null): Condition {
  return {
    type,
    status: holds ? 'True' : 'False',
    ...(reason === '' ? {} : { reason }),
    lastProbeTime: null,
    lastTransitionTime: at,
  }
}

/** Disks are made at the first boot only; that they were is read off the VM, whose conditions outlive its instances. */
function pending(vm: Vm, vmi: Vmi, now: number): VmiStatus {
  const made =
    (vm.spec.dataVolumeTemplates ?? []).length === 0 || hasCondition(vm.status?.conditions, 'DataVolumesReady')
  return {
    ...entered(vmi, 'Pending', now),
    qosClass: 'Burstable',
    virtualMachineRevisionName: `revision-start-vm-${vm.metadata.uid}-${vm.metadata.generation ?? 1}`,
    guestOSInfo: {},
    conditions: [condition('Ready', false, 'GuestNotRunning', kubeTime(now)), disks(made)],
  }
}

function disks(made: boolean): Condition {
  const message = made ? "All of the VMI's DVs are bound and not running" : "Not all of the VMI's DVs are ready"
  return { ...condition('DataVolumesReady', made, made ? 'AllDVsReady' : 'NotAllDVsReady', null), message }
}

function scheduling(vmi: Vmi, now: number): VmiStatus {
  const next = entered(vmi, 'Scheduling', now)
  return { ...next, conditions: withCondition(next.conditions, disks(true)) }
}

/** The condition is that of its pod, copied. */
function stuck(vmi: Vmi): Step | null {
  if (vmi.status?.conditions?.some(({ type }) => type === 'PodScheduled') === true) return null
  const unschedulable = {
    ...condition('PodScheduled', false, 'Unschedulable', null),
    message: '0/3 nodes are available',
  }
  const next = { ...vmi.status, conditions: withCondition(vmi.status?.conditions, unschedulable) }
  return { stage: 'unschedulable', delayMs: 0, writes: [status(vmi, next)] }
}

function place(vmi: Vmi, node: string, now: number): Step['writes'][number] {
  const { metadata } = vmi
  const volumes = vmi.spec.volumes ?? []
  const object: Vmi = {
    ...vmi,
    metadata: { ...metadata, labels: { ...metadata.labels, 'kubevirt.io/nodeName': node } },
    status: {
      ...entered(vmi, 'Scheduled', now),
      nodeName: node,
      activePods: { [uuidOf(`${metadata.uid}/pod/${node}/0`)]: node },
      machine: { type: vmi.spec.domain.machine?.type ?? '' },
      currentCPUTopology: { cores: 1, sockets: vmi.spec.domain.cpu?.sockets ?? 1, threads: 1 },
      memory: { guestAtBoot: memoryOf(vmi), guestCurrent: memoryOf(vmi), guestRequested: memoryOf(vmi) },
      volumeStatus: volumes.map(({ name }, index) => ({ name, target: `vd${String.fromCharCode(97 + index)}` })),
    },
  }
  return { kind: 'update', resource: VMIS, object, part: 'main' }
}

function memoryOf(vmi: Vmi): string {
  return vmi.spec.domain.memory?.guest ?? '2Gi'
}

function run(view: View, vm: Vm, vmi: Vmi, now: number): VmiStatus {
  const next = entered(vmi, 'Running', now)
  const migratable = [condition('LiveMigratable', true, '', null), condition('StorageLiveMigratable', true, '', null)]
  return {
    ...next,
    ...networkStatus(view, vm, vmi, false),
    migrationMethod: 'LiveMigration',
    migrationTransport: 'Unix',
    conditions: [
      ...withoutCondition(next.conditions, 'Ready'),
      condition('Ready', true, '', kubeTime(now)),
      ...migratable,
    ],
  }
}
