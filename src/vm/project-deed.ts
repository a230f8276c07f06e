import { plainText } from '../event/index.ts'
import type { Deed } from './deed.ts'
import type { ClaimPart } from './part.ts'
import { dict, type Json, list, text } from './raw.ts'

/** A VirtualMachineInstanceMigration (kubevirt.io/v1). It names its VMI, which has the name of its VM. Never throws. */
export function projectMigration(object: unknown): Deed {
  const { base, spec, status } = read(object)
  const state = dict(status['migrationState'])
  const stamps = list(status['phaseTransitionTimestamps']).map(dict)
  const phase = text(status['phase'])
  return {
    ...base,
    kind: 'migration',
    vm: `${namespaceOf(base)}/${text(spec['vmiName'])}`,
    at: time(stamps.at(-1)?.['phaseTransitionTimestamp']) || time(state['endTimestamp']) || base.began,
    outcome: phase === 'Succeeded' ? 'succeeded' : phase === 'Failed' ? 'failed' : '',
    from: plainText(state['sourceNode']),
    to: plainText(state['targetNode']),
    reason: plainText(state['failureReason']) || rejected(list(status['conditions']).map(dict)),
  }
}

/**
 * A VirtualMachineSnapshot (snapshot.kubevirt.io). `Succeeded` comes as soon as there is a creation time, before it can be used: it
 * has succeeded when it is ready as well (KubeVirt pkg/storage/snapshot/snapshot.go). `status.error` may pass; a Failure does not.
 */
export function projectSnapshot(object: unknown): Deed {
  const { base, name, spec, status } = read(object)
  const failure = failed(status)
  const ready = status['phase'] === 'Succeeded' && status['readyToUse'] === true
  const error = dict(status['error'])
  return {
    ...base,
    kind: 'snapshot',
    vm: target(base, dict(spec['source'])),
    vmUid: plainText(status['sourceUID']),
    at: time(status['creationTime']) || time(error['time']) || base.began,
    outcome: ready ? 'succeeded' : status['phase'] === 'Failed' || failure !== null ? 'failed' : '',
    from: '',
    to: name,
    reason: ready ? '' : plainText(error['message']) || plainText(failure?.['message'] ?? failure?.['reason']),
  }
}

/** A VirtualMachineRestore (snapshot.kubevirt.io). It has no phase: `complete`, or a Failure. */
export function projectRestore(object: unknown): Deed {
  const { base, name, spec, status } = read(object)
  const failure = failed(status)
  const complete = status['complete'] === true
  return {
    ...base,
    kind: 'restore',
    vm: target(base, dict(spec['target'])),
    at: time(status['restoreTime']) || base.began,
    outcome: complete ? 'succeeded' : failure === null ? '' : 'failed',
    from: plainText(spec['virtualMachineSnapshotName']),
    to: name,
    reason: complete ? '' : plainText(failure?.['message'] ?? failure?.['reason']),
  }
}

/** A VirtualMachineClone (clone.kubevirt.io): of use for its target, which it names when it chose the name itself. */
export function projectClone(object: unknown): Deed {
  const { base, spec, status } = read(object)
  const name = text(status['targetName']) || text(dict(spec['target'])['name'])
  return {
    ...base,
    kind: 'clone',
    vm: name === '' ? '' : `${namespaceOf(base)}/${name}`,
    at: base.began,
    // Its target is there long before it has succeeded, and comes from it either way.
    outcome: name === '' ? '' : text(status['phase']) === 'Failed' ? 'failed' : 'succeeded',
    from: plainText(`${namespaceOf(base)}/${text(dict(spec['source'])['name'])}`),
    to: '',
    reason: '',
  }
}

/** A PersistentVolumeClaim. Before it is bound it may still be made anew, by importers that fill it elsewhere first. */
export function projectClaim(object: unknown): ClaimPart {
  const meta = dict(dict(object)['metadata'])
  const bound = dict(dict(object)['status'])['phase'] === 'Bound'
  return { key: `${text(meta['namespace'])}/${text(meta['name'])}`, uid: bound ? text(meta['uid']) : '' }
}

interface Base {
  readonly key: string
  readonly uid: string
  readonly vmUid: string
  readonly began: number
  readonly internal: boolean
}

function read(object: unknown): { base: Base; name: string; spec: Json; status: Json } {
  const whole = dict(object)
  const meta = dict(whole['metadata'])
  const name = text(meta['name'])
  const base = {
    key: `${text(meta['namespace'])}/${name}`,
    uid: text(meta['uid']),
    vmUid: '',
    began: time(meta['creationTimestamp']),
    internal: list(meta['ownerReferences']).some(owner => dict(owner)['kind'] === 'VirtualMachineClone'),
  }
  return { base, name: plainText(name), spec: dict(whole['spec']), status: dict(whole['status']) }
}

function target({ key }: Base, reference: Json): string {
  const kind = reference['kind']
  return kind === 'VirtualMachine' ? `${namespaceOf({ key })}/${text(reference['name'])}` : ''
}

function namespaceOf({ key }: Pick<Base, 'key'>): string {
  return key.slice(0, key.indexOf('/'))
}

function failed(status: Json): Json | null {
  const conditions = list(status['conditions']).map(dict)
  return conditions.find(one => one['type'] === 'Failure' && one['status'] === 'True') ?? null
}

/** Why a migration never began. */
function rejected(conditions: readonly Json[]): string {
  const names = ['migrationRejectedByResourceQuota', 'migrationAbortRequested', 'decentralizedMigrationBlocked']
  const found = conditions.find(one => names.includes(text(one['type'])) && one['status'] === 'True')
  return text(found?.['type'])
}

function time(value: unknown): number {
  return Date.parse(text(value)) || 0
}
