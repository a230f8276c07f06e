import { kubeTime } from '../kube/clock.ts'
import type { KubeObject } from '../kube/object.ts'
import { CLAIMS, CLONES, RESTORES, SNAPSHOTS, VMS } from '../kube/resource.ts'
import { VM_FINALIZER } from './boot.ts'
import { FAILS_ANNOTATION } from './migration.ts'
import type { Clone, Restore, Snapshot, Vm, Vmi, VolumeSpec } from './objects.ts'
import { hasCondition, runStrategyOf } from './objects.ts'
import type { Step, View, Write } from './view.ts'
import { paced } from './view.ts'

/** How long each takes, in ms. */
const STORAGE_PACE = { bind: 300, snapshot: 1200, ready: 600, restore: 1500, clone: 1500 } as const

/**
 * What happens to the disks of a VM, and to the snapshots, restores and clones that name it; the first line that applies.
 *
 * what                                      | then
 * a DataVolume template without a claim     | its claim is created, then bound
 * a snapshot, new                           | InProgress
 * a snapshot in progress                    | Succeeded, and only then ready to use; or Failed, when its annotation says so
 * a restore that is to stop a VM that runs  | the VM is made to stop, and stays so (targetReadinessPolicy StopTarget)
 * a restore, while the VM is down           | its disks are new claims of new names, the VM's spec names them, complete
 * a restore that is to fail                 | Failure
 * a clone                                   | a VM of the target's name is created; Succeeded
 */
export function nextOfStorage(view: View, now: number): Step | null {
  const { vm } = view
  if (vm === null || vm.metadata.deletionTimestamp !== undefined) return null
  return nextOfClaims(view, vm) ?? nextOfSnapshots(view, now) ?? nextOfRestores(view, vm, now) ?? nextOfClones(view, vm)
}

/** The names of the claims that a VM's DataVolume templates are given. */
export function claimsOf(vm: Vm): readonly string[] {
  return (vm.spec.dataVolumeTemplates ?? []).map(template => (template as KubeObject).metadata.name)
}

function nextOfClaims(view: View, vm: Vm): Step | null {
  const { claims } = view
  if (claims === undefined) return null
  const missing = claimsOf(vm).find(name => !claims.some(({ metadata }) => metadata.name === name))
  if (missing !== undefined) return { stage: `claim ${missing}`, delayMs: 0, writes: [claim(vm, missing)] }
  const loose = claims.find(({ status }) => (status as { phase?: string } | undefined)?.phase !== 'Bound')
  if (loose === undefined) return null
  const object = { ...loose, status: { phase: 'Bound' } }
  const delayMs = paced(view, `bind ${loose.metadata.name}`, STORAGE_PACE.bind)
  return { stage: `bind ${loose.metadata.name}`, delayMs, writes: [update(CLAIMS, object)] }
}

function claim(vm: Vm, name: string): Write {
  const owner = { apiVersion: vm.apiVersion, kind: vm.kind, name: vm.metadata.name, uid: vm.metadata.uid }
  const metadata = { name, namespace: vm.metadata.namespace ?? '', ownerReferences: [owner] }
  return {
    kind: 'create',
    resource: CLAIMS,
    draft: { metadata, spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '30Gi' } } } },
  }
}

function nextOfSnapshots(view: View, now: number): Step | null {
  const open = (view.snapshots ?? []).find(({ status }) => status?.phase !== 'Failed' && status?.readyToUse !== true)
  if (open === undefined || view.vm === null) return null
  const { name, uid } = open.metadata
  const step = (word: string, ms: number, status: Snapshot['status']): Step => {
    const writes = [update(SNAPSHOTS, { ...open, status: { ...open.status, ...status } })]
    return { stage: `snapshot ${uid} ${word}`, delayMs: paced(view, `${name} ${word}`, ms), writes }
  }
  if (open.status?.phase === undefined) {
    const sourceIndications = indicationsOf(view.vmi)
    return step('begin', 0, {
      phase: 'InProgress',
      readyToUse: false,
      sourceUID: view.vm.metadata.uid,
      sourceIndications,
    })
  }
  const why = open.metadata.annotations?.[FAILS_ANNOTATION]
  if (why !== undefined) {
    const conditions = [condition('Failure', why)]
    return step('fail', STORAGE_PACE.snapshot, {
      phase: 'Failed',
      error: { time: kubeTime(now), message: why },
      conditions,
    })
  }
  // The phase comes with the creation time, and the content is ready a moment later.
  return open.status.phase === 'InProgress'
    ? step('taken', STORAGE_PACE.snapshot, { phase: 'Succeeded', creationTime: kubeTime(now) })
    : step('ready', STORAGE_PACE.ready, { readyToUse: true, conditions: [condition('Ready', 'Operation complete')] })
}

function nextOfRestores(view: View, vm: Vm, now: number): Step | null {
  const open = (view.restores ?? []).find(
    ({ status }) => status?.complete !== true && !hasCondition(status?.conditions, 'Failure'),
  )
  if (open === undefined) return null
  const { uid } = open.metadata
  const why = open.metadata.annotations?.[FAILS_ANNOTATION]
  const delayMs = paced(view, `restore ${uid}`, STORAGE_PACE.restore)
  if (why !== undefined) {
    const status = { complete: false, conditions: [condition('Failure', why)] }
    return { stage: `restore ${uid} fail`, delayMs, writes: [update(RESTORES, { ...open, status })] }
  }
  if (view.vmi !== null) {
    // Without that policy it waits for the guest to go down (WaitEventually).
    if (open.spec.targetReadinessPolicy !== 'StopTarget' || runStrategyOf(vm) === 'Halted') return null
    const { running: _older, ...spec } = vm.spec
    const halted = vm.spec.running === undefined ? { ...spec, runStrategy: 'Halted' } : { ...spec, running: false }
    const writes = [{ kind: 'update', resource: VMS, object: { ...vm, spec: halted }, part: 'main' } as const]
    return { stage: `restore ${uid} stop`, delayMs: 0, writes }
  }
  const status: Restore['status'] = {
    complete: true,
    restoreTime: kubeTime(now),
    conditions: [condition('Ready', 'Operation complete')],
  }
  const restored = withNewDisks(vm, uid)
  const writes = [{ kind: 'update', resource: VMS, object: restored, part: 'main' } as const]
  return { stage: `restore ${uid}`, delayMs, writes: [...writes, update(RESTORES, { ...open, status })] }
}

/** How consistent a snapshot is: of what runs, whether the agent held the file systems still. */
function indicationsOf(vmi: Vmi | null): readonly { indication: string; message: string }[] {
  if (vmi === null) return []
  const agent = hasCondition(vmi.status?.conditions, 'AgentConnected') ? 'GuestAgent' : 'NoGuestAgent'
  return ['Online', agent].map(indication => ({ indication, message: '' }))
}

/** KubeVirt gives restored disks names of their own, and notes on the VM which restore it was. */
function withNewDisks(vm: Vm, restore: string): Vm {
  const { template } = vm.spec
  const renamed = (name: string): string =>
    `restore-${restore.slice(0, 8)}-${name.replace(/^restore-[0-9a-f]{8}-/, '')}`
  const volumes = (template.spec.volumes ?? []).map((volume): VolumeSpec =>
    volume.dataVolume === undefined ? volume : { ...volume, dataVolume: { name: renamed(volume.dataVolume.name) } },
  )
  const templates = (vm.spec.dataVolumeTemplates ?? []).map(each => {
    const object = each as KubeObject
    return { ...object, metadata: { ...object.metadata, name: renamed(object.metadata.name) } }
  })
  const annotations = { ...vm.metadata.annotations, 'restore.kubevirt.io/lastRestoreUID': restore }
  return {
    ...vm,
    metadata: { ...vm.metadata, annotations },
    spec: {
      ...vm.spec,
      dataVolumeTemplates: templates,
      template: { ...template, spec: { ...template.spec, volumes } },
    },
  }
}

function nextOfClones(view: View, vm: Vm): Step | null {
  const open = (view.clones ?? []).find(({ status }) => status?.phase !== 'Succeeded')
  if (open === undefined) return null
  const { name, uid } = open.metadata
  const target = open.spec.target?.name ?? `clone-${vm.metadata.name}-${uid.slice(0, 5)}`
  const status: Clone['status'] = { phase: 'Succeeded', targetName: target }
  const writes = [twin(vm, target), update(CLONES, { ...open, status })]
  return { stage: `clone ${uid}`, delayMs: paced(view, `clone ${name}`, STORAGE_PACE.clone), writes }
}

/** A clone is another machine: no firmware UUID of the first, no finalizers, disks of its own. */
function twin(vm: Vm, name: string): Write {
  const { template } = vm.spec
  const { firmware: _other, ...domain } = template.spec.domain
  const { labels, namespace } = vm.metadata
  const renamed = (claim: string): string => `${name}-${claim}`
  const volumes = (template.spec.volumes ?? []).map((volume): VolumeSpec =>
    volume.dataVolume === undefined ? volume : { ...volume, dataVolume: { name: renamed(volume.dataVolume.name) } },
  )
  const templates = (vm.spec.dataVolumeTemplates ?? []).map(each => {
    const object = each as KubeObject
    return { ...object, metadata: { ...object.metadata, name: renamed(object.metadata.name) } }
  })
  const metadata = {
    name,
    namespace: namespace ?? '',
    ...(labels === undefined ? {} : { labels }),
    finalizers: [VM_FINALIZER],
  }
  const spec = {
    ...vm.spec,
    dataVolumeTemplates: templates,
    runStrategy: 'Halted',
    template: { ...template, spec: { ...template.spec, domain, volumes } },
  }
  return { kind: 'create', resource: VMS, draft: { metadata, spec } }
}

function update(resource: typeof CLAIMS, object: KubeObject): Write {
  return { kind: 'update', resource, object, part: 'status' }
}

/** Their conditions put prose into the reason. */
function condition(type: string, reason: string) {
  return { type, status: 'True' as const, reason, lastProbeTime: null, lastTransitionTime: null }
}
