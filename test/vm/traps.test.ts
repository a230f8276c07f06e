import { describe, expect, test } from 'vitest'
import { projectVm } from '../../src/vm/index.ts'
import { AGENT, AT, fixture, laid, LATER, NAME, type Patch, READY, Recording, stamps, UID } from './recording.ts'
import { HOLDS } from './story.ts'

function up(): Recording {
  const recording = new Recording().see().wait(HOLDS.reachable)
  expect(recording.told).toEqual(['created', 'started', 'reachable'])
  return recording
}

const conditions = (...all: readonly object[]): Patch => ({ status: { conditions: all } })
const ended = (phase: string, at = AT): Patch => ({
  status: {
    phase,
    phaseTransitionTimestamps: [...stamps('Running'), { phase, phaseTransitionTimestamp: at }],
  },
})

describe('a recorded VM', () => {
  test('loses its agent: the condition is removed, not False', () => {
    const vm = up().vmi(conditions(READY)).see().wait(HOLDS.unreachable)
    expect([vm.since, vm.last.reason]).toEqual(['unreachable', 'no agent'])
    expect(vm.vmi(conditions(READY, AGENT)).see().wait(HOLDS.reachable).since).toBe('unreachable reachable')
  })

  test('that is stopped keeps stale conditions of its last boot: none of them means anything', () => {
    const stale = conditions(AGENT, { type: 'Paused', status: 'True' }, { type: 'RestartRequired', status: 'True' })
    const vm = up()
      .vmi(null)
      .vm(stale)
      .vm({ status: { printableStatus: 'Stopped' } })
      .see()
      .wait(HOLDS.stopped)
    expect(vm.see().wait(HOLDS.unreachable).since).toBe('stopped')
    expect(vm.record?.seen).toMatchObject({ agent_connected: false, paused: false })
  })

  test('whose VMI is final is frozen with its agent and addresses: it is stopped, not reachable', () => {
    expect(up().vmi(ended('Succeeded')).see().wait(HOLDS.stopped).see().wait(HOLDS.reachable).since).toBe('stopped')
  })

  test('has no status subresource on its VMI: its generation counts status writes, and is no change', () => {
    const vm = up()
    for (let generation = 13; generation < 60; generation += 1)
      vm.vmi({ metadata: { generation, resourceVersion: String(generation) } }).see()
    expect(vm.wait(HOLDS.unreachable).since).toBe('')
  })

  test('flaps its addresses to empty with every word of the guest (KubeVirt up to 1.5): no fact', () => {
    const vm = up()
    const { interfaces } = (fixture('virtualmachineinstance') as { status: { interfaces: readonly object[] } }).status
    for (let turn = 0; turn < 5; turn += 1) {
      vm.vmi({ status: { interfaces: [], guestOSInfo: null } })
        .see()
        .wait(HOLDS.address)
      vm.vmi({ status: { interfaces, guestOSInfo: guestOf() } })
        .see()
        .wait(HOLDS.address)
    }
    expect(vm.since).toBe('')
  })

  test('that crashed was not asked to stop, and says why', () => {
    const vm = up()
      .vmi(ended('Failed'))
      .vmi({ status: { reason: 'NodeUnresponsive' } })
      .see()
    expect([vm.since, vm.last.reason]).toEqual(['crashed', 'NodeUnresponsive'])
  })

  test('that is cleaned up in the second in which it crashed has crashed', () => {
    expect(
      up()
        .vmi(ended('Failed'))
        .vmi({ metadata: { deletionTimestamp: AT } })
        .see().since,
    ).toBe('crashed')
  })

  test('that is forced down looks like a crash: deleted first, Failed when its grace period was over', () => {
    const vm = up()
      .vmi({ metadata: { deletionTimestamp: AT } })
      .see()
    vm.vmi(ended('Failed', LATER)).see().vmi(null).see().wait(HOLDS.stopped)
    expect([vm.since, vm.last.reason]).toEqual(['stopped', 'asked'])
  })

  test('of which a shutdown inside the guest ended the boot says so', () => {
    const vm = up().vmi(ended('Succeeded')).see().vmi(null).see().wait(HOLDS.stopped)
    expect([vm.since, vm.last.reason]).toEqual(['stopped', 'guest shut down'])
  })

  test('that was sent to another cluster says so', () => {
    const migrationState = { completed: true, endTimestamp: AT, targetState: { syncAddress: '10.0.0.1:9185' } }
    const vm = up().vmi(ended('Succeeded')).vmi({ status: { migrationState } }).see().wait(HOLDS.stopped)
    expect([vm.since, vm.last.reason]).toEqual(['stopped', 'went to another cluster'])
  })

  test('whose printableStatus lags behind is told by its VMI alone', () => {
    const vm = up()
      .vm({ status: { printableStatus: 'Starting' } })
      .see()
      .vm({ status: { printableStatus: 'Stopped' } })
    expect(vm.see().wait(HOLDS.unreachable).since).toBe('')
    expect(
      vm
        .vm({ status: { printableStatus: 'Running' } })
        .vmi(null)
        .see()
        .wait(HOLDS.stopped).since,
    ).toBe('stopped')
  })

  test('that is deleted and made anew under its name is deleted, then created, then what the new one does', () => {
    const vm = up()
      .vm({ metadata: { uid: 'another' } })
      .vmi({ metadata: { uid: 'boot', ownerReferences: [{ kind: 'VirtualMachine', uid: 'another' }] } })
    expect(vm.see().since).toBe('deleted created started')
    expect(vm.facts.slice(-3).map(fact => fact.about.uid)).toEqual([UID, 'another', 'another'])
  })

  test('that migrates live keeps its boot: migrated, no restart, and the state that stays is told once', () => {
    const migrationState = { migrationUid: 'm', startTimestamp: AT, sourceNode: 'sno-0-0', targetNode: 'n2' }
    const vm = up()
      .vmi({ status: { migrationState } })
      .vm({ status: { printableStatus: 'Migrating' } })
      .see()
    expect(vm.since).toBe('')
    vm.vmi({ status: { nodeName: 'n2', migrationState: { endTimestamp: AT, completed: true } } })
      .see()
      .see()
    expect([vm.wait(HOLDS.stopped).since, vm.last.transition]).toEqual(['migrated', { from: 'sno-0-0', to: 'n2' }])
  })

  test('whose migration failed is told by `failed`: `completed` is true then too', () => {
    const migrationState = {
      migrationUid: 'm',
      startTimestamp: AT,
      endTimestamp: AT,
      completed: true,
      failed: true,
      failureReason: 'no room',
    }
    const vm = up().vmi({ status: { migrationState } }).see().see().restart().see()
    expect([vm.since, vm.last.reason]).toEqual(['migration_failed', 'no room'])
  })

  test('that only waits to receive a guest has not started: the target of a migration between clusters', () => {
    const target = new Recording().vm({ spec: { runStrategy: 'WaitAsReceiver' } }).vmi(conditions(READY))
    target.vmi({
      metadata: { annotations: { 'kubevirt.io/create-migration-target': 'true' } },
      status: { phase: 'WaitingForSync' },
    })
    expect(target.see().wait(HOLDS.stopped).told).toEqual(['created'])
  })

  test('of which boots fail before the guest runs is told by its count, whatever its status says at the moment', () => {
    const startFailure = { consecutiveFailCount: 2, lastFailedVMIUID: 'boot-2' }
    const vm = new Recording()
      .vmi(null)
      .vm({ status: { printableStatus: 'Starting', startFailure } })
      .see()
    expect([vm.told, vm.last.reason]).toEqual([['created', 'start_failed'], 'CrashLoopBackOff'])
  })

  test('that must be restarted is told while it runs', () => {
    expect(
      up()
        .vm(conditions({ type: 'RestartRequired', status: 'True' }))
        .see().since,
    ).toBe('restart_required')
  })

  test('that runs out of storage is paused, and says why; the pause of a migration is no fact', () => {
    const paused = (reason: string): Patch => conditions(READY, AGENT, { type: 'Paused', status: 'True', reason })
    const vm = up().vmi(paused('PausedByMigrationMonitor')).see().vmi(conditions(READY, AGENT)).see()
    vm.vmi(paused('PausedIOError')).see()
    expect([vm.since, vm.last.reason]).toEqual(['paused', 'PausedIOError'])
  })

  test('whose guest was upgraded is told at its next boot', () => {
    const vm = up().vmi({
      metadata: { uid: 'boot-2' },
      status: { guestOSInfo: { kernelRelease: '5.14.0', versionId: '9' } },
    })
    vm.see()
    expect([vm.since, vm.last.changed]).toEqual(['restarted guest_changed', ['os.version', 'kernel']])
  })
})

function guestOf(): unknown {
  return (fixture('virtualmachineinstance') as { status: { guestOSInfo: object } }).status.guestOSInfo
}

describe('what a recorded VM says of where it comes from', () => {
  const vm = (metadata: object): ReturnType<typeof projectVm> =>
    projectVm(laid(fixture('virtualmachine'), { metadata: { ...NAME, ...metadata } }))
  const tracked = (itself: string): object => ({
    annotations: { 'argocd.argoproj.io/tracking-id': `shop-app:${itself}` },
  })

  test('the application of Argo CD, when the tracking id speaks of itself: a copy keeps the one of the first', () => {
    expect(vm(tracked('kubevirt.io/VirtualMachine:openshift-cnv/centos7-gray-owl-35')).application).toBe('shop-app')
    expect(vm(tracked('kubevirt.io/VirtualMachine:openshift-cnv/another')).application).toBe('')
    expect(vm({ labels: { 'argocd.argoproj.io/instance': 'shop-app' } }).application).toBe('shop-app')
  })

  test('that label which Helm uses too proves no application', () => {
    const recorded = vm({})
    expect([recorded.labels['app.kubernetes.io/instance'], recorded.application]).toEqual(['test3-local-cluster', ''])
  })

  test('the plan, its wave and the id at the source of an import', () => {
    const labels = { plan: 'plan-uid', 'plan-name': 'wave-3', migration: 'run-uid', vmID: 'vm-1042' }
    expect(vm({ labels })).toMatchObject({
      descent: { kind: 'import', from: 'vm-1042', by: 'wave-3', run: 'run-uid' },
      importKey: 'plan-uid/vm-1042',
    })
    expect(vm({ labels: { plan: 'gold' } }).importKey).toBe('')
  })

  test('the disk that the one it boots from was copied from while it ran, of all its volumes that were', () => {
    const from = (name: string, to: string): object => ({
      volumeName: 'any',
      sourcePVCInfo: { claimName: name },
      destinationPVCInfo: { claimName: to },
    })
    const copies = (migratedVolumes: unknown): ReturnType<typeof projectVm> => {
      const volumes = [{ name: 'root', dataVolume: { name: 'root-2' } }]
      const status = { volumeUpdateState: { volumeMigrationState: { migratedVolumes } } }
      return projectVm({ spec: { template: { spec: { volumes } } }, status })
    }
    expect(copies([from('data', 'data-2'), from('root', 'root-2')]).copiedFrom).toBe('root')
    for (const none of [
      [from('data', 'data-2')],
      [{ destinationPVCInfo: { claimName: 'root-2' } }],
      [null],
      'x',
      undefined,
    ])
      expect(copies(none)).not.toHaveProperty('copiedFrom')
  })

  test('the backup that it was restored from', () => {
    const labels = { 'velero.io/restore-name': 'monday', 'velero.io/backup-name': 'sunday' }
    expect(vm({ labels }).descent).toEqual({ kind: 'backup', from: 'sunday', by: 'monday', run: '' })
  })

  test.each([
    [
      'the first disk that has a claim, not the CD-ROM before it',
      [
        { name: 'cd', cdrom: {} },
        { name: 'b', disk: {} },
      ],
      'claim-b',
    ],
    [
      'the one that boots first',
      [
        { name: 'a', bootOrder: 2 },
        { name: 'b', bootOrder: 1 },
      ],
      'claim-b',
    ],
    ['none when only others have disks', [{ name: 'cloudinit' }], ''],
    ['the first volume when no disks are named', [], 'claim-a'],
  ])('the disk it boots from: %s', (_, disks, claim) => {
    const volumes = [
      { name: 'cd', persistentVolumeClaim: { claimName: 'iso' } },
      { name: 'a', dataVolume: { name: 'claim-a' } },
      { name: 'b', persistentVolumeClaim: { claimName: 'claim-b' } },
      { name: 'cloudinit', cloudInitNoCloud: {} },
    ].slice(disks.length === 0 ? 1 : 0)
    const spec = { template: { spec: { domain: { devices: { disks } }, volumes } } }
    expect(projectVm({ metadata: {}, spec }).rootClaim).toBe(claim)
  })
})
