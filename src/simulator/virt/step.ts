import { isDeepStrictEqual } from 'node:util'
import { kubeTime } from '../kube/clock.ts'
import type { KubeObject } from '../kube/object.ts'
import { CLAIMS, MIGRATIONS, VMIS, VMS } from '../kube/resource.ts'
import { uuidOf } from '../kube/uuid.ts'
import { nextOfInstance } from './instance.ts'
import { nextOfMigrations } from './migration.ts'
import { mirroredStatus, openRequests } from './mirror.ts'
import type { Vm, Vmi } from './objects.ts'
import { isFinal, runStrategyOf } from './objects.ts'
import { nextOfStorage } from './storage.ts'
import type { Step, View, Write } from './view.ts'
import { VM_FINALIZER, bootOf } from './boot.ts'

/**
 * What KubeVirt would do next for one VM name; null when all is as it should be. The first line that applies:
 *
 * VM       | VMI                 | then
 * -        | any                 | delete the VMI, nobody owns it
 * deleting | -                   | let the VM go
 * new      | -                   | take it in charge: finalizer, firmware uuid
 * to run   | -                   | create the VMI
 * any      | without a phase     | nextOfInstance
 * any      | any                 | tell the VM's status, when it differs
 * to stop  | any, not deleting   | delete the VMI
 * any      | with migrations     | nextOfMigrations
 * any      | any                 | nextOfInstance: boot, agent, shutdown; and disks, snapshots, restores, clones beside it
 */
export function nextStep(view: View, now: number): Step | null {
  const { vm, vmi } = view
  if (vm === null) return nextWithoutVm(view)
  const deleting = vm.metadata.deletionTimestamp !== undefined
  if (deleting && vmi === null) return nextOfMigrations(view, now) ?? letGo(vm, view.claims ?? [])
  if (!deleting && !inCharge(vm)) return { stage: 'adopt', delayMs: 0, writes: [takeCharge(vm)] }
  if (vmi === null && wantsStart(vm)) {
    return { stage: 'create', delayMs: 0, writes: [{ kind: 'create', resource: VMIS, draft: bootOf(vm) }] }
  }
  // Before the mirror, which would wipe from the VM what a new instance reads there of the last one.
  if (vmi !== null && vmi.status?.phase === undefined) return nextOfInstance(view, vm, vmi, now)
  const status = mirroredStatus(vm, vmi, kubeTime(now))
  if (!isDeepStrictEqual(plain(status), plain(vm.status))) {
    const object = { ...vm, status }
    return { stage: 'mirror', delayMs: 0, writes: [{ kind: 'update', resource: VMS, object, part: 'status' }] }
  }
  if (vmi !== null && vmi.metadata.deletionTimestamp === undefined && wantsStop(vm, vmi)) {
    return { stage: 'stop', delayMs: 0, writes: [...rerun(vm, vmi), { kind: 'remove', resource: VMIS, object: vmi }] }
  }
  const instance = vmi === null ? null : nextOfInstance(view, vm, vmi, now)
  return nextOfMigrations(view, now) ?? sooner(nextOfStorage(view, now), instance)
}

/** Of two things that happen side by side the one that is over first. */
function sooner(one: Step | null, other: Step | null): Step | null {
  if (one === null || other === null) return one ?? other
  return other.delayMs < one.delayMs ? other : one
}

function nextWithoutVm({ vmi, migrations }: View): Step | null {
  const left = migrations.map(object => ({ kind: 'remove' as const, resource: MIGRATIONS, object }))
  if (vmi !== null) {
    const { finalizers: _held, ...metadata } = vmi.metadata
    const released = { kind: 'update' as const, resource: VMIS, object: { ...vmi, metadata }, part: 'main' as const }
    const remove = { kind: 'remove' as const, resource: VMIS, object: vmi }
    return { stage: 'orphan', delayMs: 0, writes: vmi.metadata.deletionTimestamp === undefined ? [remove] : [released] }
  }
  return left.length === 0 ? null : { stage: 'orphan', delayMs: 0, writes: left }
}

/** Its disks go with it. */
function letGo(vm: Vm, claims: readonly KubeObject[]): Step | null {
  const finalizers = (vm.metadata.finalizers ?? []).filter(name => name !== VM_FINALIZER)
  if (finalizers.length === (vm.metadata.finalizers ?? []).length) return null
  const object = { ...vm, metadata: { ...vm.metadata, finalizers } }
  const disks = claims.map(claim => ({ kind: 'remove', resource: CLAIMS, object: claim }) as const)
  const writes = [...disks, { kind: 'update', resource: VMS, object, part: 'main' } as const]
  return { stage: 'let go', delayMs: 0, writes }
}

function inCharge(vm: Vm): boolean {
  const uuid = vm.spec.template.spec.domain.firmware?.uuid ?? ''
  return uuid !== '' && (vm.metadata.finalizers ?? []).includes(VM_FINALIZER)
}

/** The firmware uuid is kept on the VM, so that the guest sees the same machine at every boot. */
function takeCharge(vm: Vm): Write {
  const { template } = vm.spec
  const { domain } = template.spec
  const firmware = { ...domain.firmware, uuid: domain.firmware?.uuid ?? uuidOf(`${vm.metadata.uid}/firmware`) }
  const object = {
    ...vm,
    metadata: { ...vm.metadata, finalizers: [...new Set([...(vm.metadata.finalizers ?? []), VM_FINALIZER])] },
    spec: { ...vm.spec, template: { ...template, spec: { ...template.spec, domain: { ...domain, firmware } } } },
  }
  return { kind: 'update', resource: VMS, object, part: 'main' }
}

/**
 * strategy       | starts when there is no VMI and
 * Always         | always
 * Manual         | a Start was asked for
 * RerunOnFailure | the strategy is new, or a Start was asked for (by a person, or by us after a failure)
 * Once           | the strategy is new
 * Halted         | never
 */
function wantsStart(vm: Vm): boolean {
  const strategy = runStrategyOf(vm)
  const asked = openRequests(vm, null).length > 0
  const fresh = vm.status?.runStrategy !== strategy
  if (strategy === 'Always') return true
  if (strategy === 'Once') return fresh
  if (strategy === 'RerunOnFailure') return fresh || asked
  return strategy === 'Manual' && asked
}

/** A VMI that is over stays with Manual and Once, and makes way with the others. */
function wantsStop(vm: Vm, vmi: Vmi): boolean {
  if (vm.metadata.deletionTimestamp !== undefined) return true
  if (openRequests(vm, vmi).some(({ action }) => action === 'Stop')) return true
  const strategy = runStrategyOf(vm)
  if (strategy === 'Halted') return true
  return isFinal(vmi.status?.phase) && (strategy === 'Always' || strategy === 'RerunOnFailure')
}

/** RerunOnFailure starts again after a crash, but not after the guest went down by itself. */
function rerun(vm: Vm, vmi: Vmi): Write[] {
  if (runStrategyOf(vm) !== 'RerunOnFailure' || vmi.status?.phase !== 'Failed') return []
  const status = { ...vm.status, stateChangeRequests: [{ action: 'Start' }] }
  return [{ kind: 'update', resource: VMS, object: { ...vm, status }, part: 'status' }]
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
