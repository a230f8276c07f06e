import type { KubeObject } from '../kube/object.ts'

/** A condition as KubeVirt writes it; many carry no time at all. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastProbeTime: string | null
  lastTransitionTime: string | null
}

/** What runs when: the ways to say that a VM should run. */
export type RunStrategy = 'Always' | 'Halted' | 'Manual' | 'RerunOnFailure' | 'Once'

/** What somebody asked for through `status.stateChangeRequests`. */
export interface StateChangeRequest {
  action: 'Start' | 'Stop'
  /** The VMI that a Stop means. */
  uid?: string
}

/** A network interface in the spec of a VM. */
export interface InterfaceSpec {
  name: string
  macAddress?: string
  masquerade?: object
  bridge?: object
  model?: string
}

/** A network in the spec of a VM: the pod's, or one of multus. */
export interface NetworkSpec {
  name: string
  pod?: object
  multus?: { networkName: string }
}

/** A volume in the spec of a VM. */
export interface VolumeSpec {
  name: string
  dataVolume?: { name: string }
  [source: string]: unknown
}

/** What a VM and its instance both say of the machine. */
export interface MachineSpec {
  domain: {
    cpu?: { cores?: number; sockets?: number; threads?: number }
    memory?: { guest?: string }
    machine?: { type?: string }
    firmware?: { uuid?: string; [field: string]: unknown }
    devices: { interfaces?: readonly InterfaceSpec[]; [field: string]: unknown }
    [field: string]: unknown
  }
  networks?: readonly NetworkSpec[]
  volumes?: readonly VolumeSpec[]
  [field: string]: unknown
}

/** A VirtualMachine. */
export interface Vm extends KubeObject {
  spec: {
    running?: boolean
    runStrategy?: RunStrategy
    instancetype?: { name: string; kind?: string }
    preference?: { name: string; kind?: string }
    dataVolumeTemplates?: readonly unknown[]
    template: {
      metadata?: { labels?: Readonly<Record<string, string>>; annotations?: Readonly<Record<string, string>> }
      spec: MachineSpec
    }
  }
  status?: VmStatus
}

/** What the virt-controller says of a VM. */
export interface VmStatus {
  created?: boolean
  ready?: boolean
  printableStatus?: string
  runStrategy?: RunStrategy
  conditions?: readonly Condition[]
  stateChangeRequests?: readonly StateChangeRequest[]
  desiredGeneration?: number
  observedGeneration?: number
  volumeSnapshotStatuses?: readonly unknown[]
}

export type Phase = 'Pending' | 'Scheduling' | 'Scheduled' | 'Running' | 'Succeeded' | 'Failed'

/** A network interface as reported. */
export interface InterfaceStatus {
  name?: string
  interfaceName?: string
  mac: string
  ipAddress?: string
  ipAddresses?: readonly string[]
  infoSource: string
  queueCount?: number
}

/** A live migration as its VMI tells it; it stays there after its end. */
export interface MigrationState {
  migrationUid: string
  mode: 'PreCopy'
  sourceNode: string
  targetNode: string
  sourcePod: string
  targetPod: string
  startTimestamp?: string
  endTimestamp?: string
  completed?: boolean
  failed?: boolean
  failureReason?: string
}

/** What KubeVirt says of a running instance. */
export interface VmiStatus {
  phase?: Phase
  phaseTransitionTimestamps?: readonly { phase: Phase; phaseTransitionTimestamp: string }[]
  nodeName?: string
  activePods?: Readonly<Record<string, string>>
  conditions?: readonly Condition[]
  interfaces?: readonly InterfaceStatus[]
  guestOSInfo?: Readonly<Record<string, string>>
  migrationState?: MigrationState
  [field: string]: unknown
}

/** A VirtualMachineInstance: one boot of a VM. */
export interface Vmi extends KubeObject {
  spec: MachineSpec
  status?: VmiStatus
}

export type MigrationPhase =
  'Pending' | 'Scheduling' | 'Scheduled' | 'PreparingTarget' | 'TargetReady' | 'Running' | 'Succeeded' | 'Failed'

/** A VirtualMachineInstanceMigration: somebody wants a VMI to move. */
export interface Migration extends KubeObject {
  spec: { vmiName: string }
  status?: {
    phase?: MigrationPhase
    phaseTransitionTimestamps?: readonly { phase: MigrationPhase; phaseTransitionTimestamp: string }[]
    migrationState?: MigrationState
  }
}

/** A VirtualMachineSnapshot. */
export interface Snapshot extends KubeObject {
  spec: { source: { name: string; kind?: string } }
  status?: {
    phase?: 'InProgress' | 'Succeeded' | 'Failed'
    readyToUse?: boolean
    sourceUID?: string
    creationTime?: string
    sourceIndications?: readonly { indication: string; message: string }[]
    error?: { time: string; message: string }
    conditions?: readonly Condition[]
  }
}

/** A VirtualMachineRestore: it has no phase. */
export interface Restore extends KubeObject {
  spec: {
    target: { name: string; kind?: string }
    virtualMachineSnapshotName: string
    targetReadinessPolicy?: string
  }
  status?: { complete?: boolean; restoreTime?: string; conditions?: readonly Condition[] }
}

/** A VirtualMachineClone. */
export interface Clone extends KubeObject {
  spec: { source: { name: string; kind?: string }; target?: { name: string } }
  status?: { phase?: 'Succeeded'; targetName?: string }
}

/** Is this condition there and True? KubeVirt removes AgentConnected and Paused rather than turning them False. */
export function hasCondition(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some(condition => condition.type === type && condition.status === 'True') === true
}

/** The conditions with one of them replaced or added. */
export function withCondition(conditions: readonly Condition[] | undefined, condition: Condition): Condition[] {
  return [...withoutCondition(conditions, condition.type), condition]
}

/** The conditions without one. */
export function withoutCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  return (conditions ?? []).filter(condition => condition.type !== type)
}

/** Over for good: the guest went down, or crashed. */
export function isFinal(phase: Phase | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/** What a VM should do, by `runStrategy` or the older `running`; Halted when it says neither. */
export function runStrategyOf(vm: Vm): RunStrategy {
  return vm.spec.runStrategy ?? (vm.spec.running === true ? 'Always' : 'Halted')
}
