import { expect, test } from 'vitest'
import type { VmFact } from '../../src/event/index.ts'
import {
  projectClaim,
  projectMigration,
  projectPlan,
  projectRestore,
  projectSnapshot,
  type VmRecord,
} from '../../src/vm/index.ts'
import { AGENT, AT, fixture, laid, NAME, type Patch, READY, Recording, stamps, UID } from './recording.ts'
import { HOLDS } from './story.ts'

const SOON = '2026-06-01T00:00:00Z'
const FIRMWARE = '5e1f6c3a-9d0b-4a53-8a45-0c6f7a2b1d9e'
const RIVAL = { host: 'web-9.shop.prod-1', uid: 'another', address: '10.0.0.1' }
const TARGET = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: NAME.name }
const snapshot = (status: Patch): Patch =>
  laid(fixture('virtualmachinesnapshot'), {
    status: { creationTime: SOON, sourceUID: UID, conditions: null, ...status },
  })
const restore = (status: Patch): Patch => ({
  metadata: { ...NAME, name: 'back', uid: 'restore-1', creationTimestamp: SOON },
  spec: { target: TARGET, virtualMachineSnapshotName: 'centos7-gray-owl-35-snapshot' },
  status: { restoreTime: SOON, ...status },
})
const imported = (type: string): ReturnType<typeof projectPlan>['imports'][number] => {
  const vms = [{ id: 'vm-1042', completed: SOON, conditions: [{ type, status: 'True' }] }]
  const [deed] = projectPlan({
    metadata: { namespace: 'openshift-mtv', name: 'wave-3', uid: 'plan-1' },
    status: { migration: { vms } },
  }).imports
  return deed as NonNullable<typeof deed>
}

/** A VM that is reachable, and of which all can be read. */
function up(): Recording {
  const deeds = { migration: [], snapshot: [], restore: [], import: [] }
  return new Recording().with({ deeds }).see().wait(HOLDS.reachable)
}

function stopped(): Recording {
  return up()
    .vm({ spec: { runStrategy: 'Halted' }, status: { printableStatus: 'Stopped' } })
    .vmi(null)
    .see()
    .wait(HOLDS.stopped)
}

function claimed(vm: Recording, uid: string): Recording {
  const { key, uid: bound } = projectClaim({ metadata: { ...NAME, uid }, status: { phase: 'Bound' } })
  return vm.with({ claims: { [key.slice(key.indexOf('/') + 1)]: bound } }).see()
}

const conditions = (...all: readonly Patch[]): Patch => ({ status: { conditions: all } })
const paused = { type: 'Paused', status: 'True', reason: 'PausedByUser' }

/** For each fact a VM of which it becomes true last. */
const LIVES: Readonly<Record<VmFact, () => Recording>> = {
  discovered: () => new Recording().see({ adopting: true }),
  created: () => new Recording().vmi(null).see(),
  moved() {
    const there = new Recording()
      .vm({ metadata: { uid: 'there' } })
      .vmi(null)
      .see().record as VmRecord
    const guests = { elsewhere: () => [{ ...there, cluster: 'prod-2', cluster_uid: 'other' }], isSeen: () => true }
    return new Recording()
      .vm({ spec: { template: { spec: { domain: { firmware: { uuid: FIRMWARE } } } } } })
      .vmi(null)
      .see({ guests })
  },
  started: () => new Recording().see(),
  reachable: up,
  unreachable: () => up().vmi(conditions(READY)).see().wait(HOLDS.unreachable),
  stopped,
  restarted: () =>
    up()
      .vmi({ metadata: { uid: 'boot-2' } })
      .vmi(conditions(READY))
      .see(),
  crashed: () =>
    up()
      .vmi({ status: { phase: 'Failed', phaseTransitionTimestamps: stamps('Running', 'Failed') } })
      .see(),
  start_failed: () =>
    stopped()
      .vm({ spec: { runStrategy: 'Always' }, status: { printableStatus: 'ErrorUnschedulable' } })
      .see()
      .wait(HOLDS.stopped),
  paused: () =>
    up()
      .vmi(conditions(READY, AGENT, paused))
      .see(),
  unpaused: () =>
    up()
      .vmi(conditions(READY, AGENT, paused))
      .see()
      .vmi(conditions(READY, AGENT))
      .see(),
  migrated: () =>
    up()
      .vmi({ status: { nodeName: 'n2', migrationState: { migrationUid: 'm', endTimestamp: AT, completed: true } } })
      .see(),
  migration_failed() {
    const migration = laid(fixture('virtualmachineinstancemigration'), {
      metadata: { ...NAME, name: 'move' },
      spec: { vmiName: NAME.name },
    })
    return up()
      .done(projectMigration, migration)
      .done(projectMigration, laid(migration, { status: { phase: 'Failed' } }))
  },
  address_changed: () =>
    up()
      .vmi({ status: { interfaces: [{ name: 'default', ipAddress: '10.9.9.9', infoSource: 'domain' }] } })
      .see()
      .wait(HOLDS.address),
  address_conflict: () => up().with({ rival: RIVAL }).see().wait(HOLDS.address),
  address_conflict_resolved: () =>
    up().with({ rival: RIVAL }).see().wait(HOLDS.address).with({ rival: null }).see().wait(HOLDS.address),
  guest_changed: () =>
    up()
      .vmi({ status: { guestOSInfo: { versionId: '7.9' } } })
      .see(),
  labels_changed: () =>
    up()
      .vm({ metadata: { labels: { 'vm.kubevirt.io/template': null } } })
      .see(),
  restart_required: () =>
    up()
      .vm(conditions({ type: 'RestartRequired', status: 'True' }))
      .see(),
  root_disk_replaced() {
    const own: Patch = {
      spec: { template: { spec: { volumes: [{ name: 'rootdisk', dataVolume: { name: NAME.name } }] } } },
    }
    return claimed(claimed(stopped().vm(own), 'claim-1'), 'claim-2')
  },
  snapshot_succeeded: () =>
    up()
      .done(projectSnapshot, snapshot({ readyToUse: false }))
      .done(projectSnapshot, snapshot({ readyToUse: true })),
  snapshot_failed: () => up().done(projectSnapshot, snapshot({ phase: 'Failed', readyToUse: false })),
  restore_succeeded: () =>
    stopped()
      .done(projectRestore, restore({}))
      .done(projectRestore, restore({ complete: true })),
  restore_failed: () => stopped().done(projectRestore, restore({ conditions: [{ type: 'Failure', status: 'True' }] })),
  imported: () => up().done(() => imported('Succeeded'), {}),
  import_failed: () => up().done(() => imported('Canceled'), {}),
  out_of_scope: () => up().leave(),
  deleted: () => up().look(null),
}

test.each(Object.entries(LIVES))('a recorded life ends with %s, told once and with nothing after it', (fact, live) => {
  const told = live().told
  expect([told.at(-1), told.filter(one => one === fact)]).toEqual([fact, [fact]])
  expect(live().facts.map(({ id }) => id)).toEqual(live().facts.map(({ id }) => id))
})
