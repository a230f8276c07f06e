import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Deed,
  projectClaim,
  projectClone,
  projectMigration,
  projectPlan,
  projectRestore,
  projectSnapshot,
} from '../../src/vm/index.ts'

function fixture(name: string): object {
  const file = new URL(`../fixtures/kubernetes/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as object
}
const meta = { namespace: 'shop', name: 'it', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' }
const T = (iso: string): number => Date.parse(iso)
const holds = (type: string, more: object = {}): object => ({ type, status: 'True', ...more })

describe('a migration', () => {
  test('as a cluster sends it belongs to the VM of its VMI’s name, and is under way', () => {
    expect(projectMigration(fixture('virtualmachineinstancemigration'))).toEqual({
      kind: 'migration',
      key: 'ugo/rhel-10-crimson-eagle-72-migration-j9h6b',
      uid: '0d403109-153b-4ac4-8cf2-3398c13fe8ba',
      vm: 'ugo/rhel-10-crimson-eagle-72',
      vmUid: '',
      began: T('2025-07-11T14:42:32Z'),
      at: T('2025-07-11T14:42:32Z'),
      outcome: '',
      from: 'node-1',
      to: 'node-2',
      reason: '',
      internal: false,
    } satisfies Deed)
  })

  test.each([
    ['Succeeded', {}, 'succeeded', ''],
    ['Failed', { migrationState: { failureReason: 'no room' } }, 'failed', 'no room'],
    [
      'Failed',
      { conditions: [holds('migrationRejectedByResourceQuota')] },
      'failed',
      'migrationRejectedByResourceQuota',
    ],
    ['Running', { migrationState: { completed: true } }, '', ''],
    ['WaitingForSync', {}, '', ''],
  ])('in phase %s with %j has the outcome "%s" (%s)', (phase, more, outcome, reason) => {
    expect(projectMigration({ metadata: meta, status: { phase, ...more } })).toMatchObject({ outcome, reason })
  })
})

describe('a snapshot', () => {
  test('as a cluster sends it is ready, and of the VM it names', () => {
    expect(projectSnapshot(fixture('virtualmachinesnapshot'))).toMatchObject({
      kind: 'snapshot',
      vm: 'openshift-cnv/centos7-gray-owl-35',
      outcome: 'succeeded',
      to: 'centos7-gray-owl-35-snapshot',
      at: T('2025-03-25T17:10:58Z'),
    })
  })

  test.each([
    ['that says Succeeded before it is ready has not succeeded yet', { phase: 'Succeeded', readyToUse: false }, '', ''],
    ['that is ready in another phase neither', { phase: 'InProgress', readyToUse: true }, '', ''],
    ['that is both has', { phase: 'Succeeded', readyToUse: true }, 'succeeded', ''],
    [
      'with an error that may pass is under way',
      { phase: 'InProgress', error: { message: 'try again' } },
      '',
      'try again',
    ],
    ['whose phase is Failed has failed', { phase: 'Failed', error: { message: 'deadline' } }, 'failed', 'deadline'],
    [
      'with the condition Failure has failed',
      { phase: 'InProgress', conditions: [holds('Failure', { reason: 'In error state' })] },
      'failed',
      'In error state',
    ],
  ])('%s', (_, status, outcome, reason) => {
    expect(projectSnapshot({ metadata: meta, spec: {}, status })).toMatchObject({ outcome, reason })
  })

  test('that a clone makes for itself is internal, and one of something else is of no VM', () => {
    const owned = { ...meta, ownerReferences: [{ kind: 'VirtualMachineClone' }] }
    expect(projectSnapshot({ metadata: owned }).internal).toBe(true)
    expect(projectSnapshot({ metadata: meta, spec: { source: { kind: 'Pool', name: 'a' } } }).vm).toBe('')
  })
})

describe('a restore, which has no phase', () => {
  const spec = { target: { kind: 'VirtualMachine', name: 'db' }, virtualMachineSnapshotName: 'before' }
  test.each([
    ['that is complete has succeeded', { complete: true, restoreTime: '2026-01-02T00:00:00Z' }, 'succeeded'],
    ['with Ready alone is under way', { complete: false, conditions: [holds('Ready')] }, ''],
    ['with Failure has failed', { conditions: [holds('Failure')] }, 'failed'],
    ['that is complete after a Failure has succeeded', { complete: true, conditions: [holds('Failure')] }, 'succeeded'],
  ])('%s', (_, status, outcome) => {
    expect(projectRestore({ metadata: meta, spec, status })).toMatchObject({
      vm: 'shop/db',
      from: 'before',
      to: 'it',
      outcome,
    })
  })
})

describe('a clone', () => {
  test.each([
    ['with a target that it was given', { target: { name: 'copy' } }, {}, 'shop/copy'],
    ['with a target that it chose', {}, { targetName: 'clone-db-1' }, 'shop/clone-db-1'],
    ['without one yet', {}, { phase: 'SnapshotInProgress' }, ''],
  ])('%s is of that VM', (_, spec, status, vm) => {
    expect(projectClone({ metadata: meta, spec: { source: { name: 'db' }, ...spec }, status })).toMatchObject({
      vm,
      from: 'shop/db',
      outcome: vm === '' ? '' : 'succeeded',
    })
  })
})

describe('a claim', () => {
  test('counts when it is bound: before that it may be made anew', () => {
    expect(projectClaim({ metadata: meta, status: { phase: 'Pending' } })).toEqual({ key: 'shop/it', uid: '' })
    expect(projectClaim({ metadata: meta, status: { phase: 'Bound' } })).toEqual({ key: 'shop/it', uid: 'u' })
  })
})

describe('a plan', () => {
  const planOf = (...vms: readonly object[]): ReturnType<typeof projectPlan> =>
    projectPlan({ metadata: meta, status: { migration: { vms } } })
  const completed = '2026-01-02T00:00:00Z'

  test.each([
    ['Succeeded', { conditions: [holds('Succeeded')] }, ['succeeded', '']],
    [
      'Failed, in the phase Completed',
      {
        phase: 'Completed',
        conditions: [holds('Failed')],
        error: { phase: 'ConvertGuest', reasons: ['no driver', 'gave up'] },
      },
      ['failed', 'ConvertGuest: no driver; gave up'],
    ],
    ['Canceled, with nothing but a time', { conditions: [holds('Canceled')] }, ['failed', 'cancelled']],
  ])('says of a VM that is %s that it has ended', (_, more, [outcome, reason]) => {
    const { imports } = planOf({ id: 'vm-1', completed, ...more })
    expect(imports).toMatchObject([
      { kind: 'import', vm: 'u/vm-1', uid: `u/vm-1/${completed}`, outcome, reason, to: 'shop/it', at: T(completed) },
    ])
  })

  test('says nothing of one that is on its way, whatever its phase', () => {
    expect(
      planOf({ id: 'vm-1', phase: 'Completed', completed }, { id: 'vm-2', conditions: [holds('Running')] }).imports,
    ).toEqual([])
  })

  test('is small, however much it says of its progress', () => {
    const pipeline = Array.from({ length: 1000 }, (_, index) => ({
      name: `step ${index}`,
      progress: { completed: index },
    }))
    const { imports } = planOf({ id: 'vm-1', completed, pipeline, conditions: [holds('Succeeded')] })
    expect(JSON.stringify(imports).length).toBeLessThan(400)
  })
})

test('no object whatever makes a projection throw, and what it keeps is JSON', () => {
  const wild = fc.anything({ withNullPrototype: true, withObjectString: true })
  const object = fc.oneof(wild, fc.record({ metadata: wild, spec: wild, status: wild }, { requiredKeys: [] }))
  const all = [projectMigration, projectSnapshot, projectRestore, projectClone, projectClaim, projectPlan]
  fc.assert(
    fc.property(object, one => {
      for (const project of all) expect(JSON.parse(JSON.stringify(project(one)))).toEqual(project(one))
    }),
    { numRuns: 150 },
  )
})
