import { isDeepStrictEqual } from 'node:util'
import { bootOf } from './boot.ts'
import type { Condition, MachineSpec, StateChangeRequest, Vm, Vmi, VmStatus } from './objects.ts'
import { hasCondition, isFinal, runStrategyOf } from './objects.ts'

const RESTART = 'RestartRequired'

/** Conditions that are the VM's own; every other one is a copy of its VMI's. */
const OWN = new Set(['Ready', 'Failure', 'RestartRequired', 'ManualRecoveryRequired'])

/**
 * The status that KubeVirt gives a VM, from its instance.
 *
 * With the trap of the real one: when there is no VMI, only Ready is told anew. Every other condition stays as it was last
 * copied, so a stopped VM still claims AgentConnected. `now` is an RFC 3339 time.
 */
export function mirroredStatus(vm: Vm, vmi: Vmi | null, now: string): VmStatus {
  const before = vm.status ?? {}
  const ready = readyCondition(vmi)
  const copied =
    vmi === null
      ? (before.conditions ?? []).filter(({ type }) => type !== 'Ready' && type !== RESTART)
      : [
          ...(before.conditions ?? []).filter(({ type }) => OWN.has(type) && type !== 'Ready' && type !== RESTART),
          ...(vmi.status?.conditions ?? []).filter(({ type }) => !OWN.has(type)),
        ]
  const { stateChangeRequests: _requests, ...kept } = before
  const requests = openRequests(vm, vmi)
  return {
    ...kept,
    ...(requests.length === 0 ? {} : { stateChangeRequests: requests }),
    conditions: [keepTime(ready, before.conditions, now), ...restart(vm, vmi), ...copied],
    created: vmi !== null,
    ready: ready.status === 'True',
    printableStatus: printableStatus(vm, vmi),
    runStrategy: runStrategyOf(vm),
    desiredGeneration: vm.metadata.generation ?? 1,
    observedGeneration: vm.metadata.generation ?? 1,
  }
}

/** The requests that are still to be fulfilled: a Stop until its VMI is gone, a Start until there is a VMI that is to stay. */
export function openRequests(vm: Vm, vmi: Vmi | null): StateChangeRequest[] {
  const requests = vm.status?.stateChangeRequests ?? []
  const stops = requests.filter(({ action, uid }) => action === 'Stop' && vmi !== null && uid === vmi.metadata.uid)
  const started = vmi !== null && stops.length === 0 && vmi.metadata.deletionTimestamp === undefined
  return [...stops, ...(started ? [] : requests.filter(({ action }) => action === 'Start'))]
}

/** The word that `kubectl get vm` shows. KubeVirt's order of precedence: the first that matches. */
export function printableStatus(vm: Vm, vmi: Vmi | null): string {
  const { phase, migrationState, conditions } = vmi?.status ?? {}
  const deleting = vmi?.metadata.deletionTimestamp !== undefined
  if (vm.metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (vmi !== null && deleting && !isFinal(phase)) return 'Stopping'
  if (migrationState?.startTimestamp !== undefined && migrationState.endTimestamp === undefined && !isFinal(phase)) {
    return 'Migrating'
  }
  if (phase === 'Running') return hasCondition(conditions, 'Paused') ? 'Paused' : 'Running'
  if (conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') === true) {
    return 'ErrorUnschedulable'
  }
  if (conditions?.some(({ type, status }) => type === 'DataVolumesReady' && status === 'False') === true) {
    return 'Provisioning'
  }
  if (vmi !== null && !isFinal(phase)) return 'Starting'
  return 'Stopped'
}

/** A boot that has not the size that its VM was given since must be restarted for it. */
function restart(vm: Vm, vmi: Vmi | null): readonly Condition[] {
  if (vmi?.status?.phase !== 'Running') return []
  const wanted = (bootOf(vm).spec as MachineSpec).domain
  const { cpu, memory } = vmi.spec.domain
  if (isDeepStrictEqual([wanted.cpu, wanted.memory], [cpu, memory])) return []
  const message = 'a non-live-updatable field was changed in the template spec'
  return [{ type: RESTART, status: 'True', message, lastProbeTime: null, lastTransitionTime: null }]
}

function readyCondition(vmi: Vmi | null): Condition {
  const times = { lastProbeTime: null, lastTransitionTime: null }
  if (vmi === null) {
    return { type: 'Ready', status: 'False', reason: 'VMINotExists', message: 'VMI does not exist', ...times }
  }
  const own = vmi.status?.conditions?.find(({ type }) => type === 'Ready')
  if (own !== undefined) return own
  const message = 'VMI is missing the Ready condition'
  return { type: 'Ready', status: 'False', reason: 'VMIConditionMissing', message, ...times }
}

/** A condition keeps its time, and even its message, until its status or its reason changes. */
function keepTime(next: Condition, before: readonly Condition[] | undefined, now: string): Condition {
  const old = before?.find(({ type }) => type === next.type)
  if (old !== undefined && old.status === next.status && old.reason === next.reason) return old
  return { ...next, lastTransitionTime: next.lastTransitionTime ?? now }
}
