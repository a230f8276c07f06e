import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { playTruly } from '../guests/play-truly.ts'
import { faultOf } from '../guests/stage.ts'
import type { KubeObject } from '../servers/kube-client.ts'
import { ClusterPlays, hostOf, restores, snapshots, vms, type VmOfCluster } from './cluster-plays.ts'

/** Looks often; how long is a matter of the machine. */
const fast = { snapshot_interval: 1, snapshot_timeout: 120, restore_interval: 1, restore_timeout: 120 }
const web = hostOf('web-1')
let plays: ClusterPlays

beforeAll(async () => {
  plays = await ClusterPlays.start(['snapshot', 'restore'])
  await Promise.all(['web-1', 'db-1'].map(name => plays.createVm(name)))
  await plays.createVm('old-1', { running: true })
})
// A test that failed may have left something held.
beforeEach(() => plays.virt.hold(null))
afterAll(() => plays[Symbol.asyncDispose]())

describe('snapshot', () => {
  test('takes one of each guest, and waits until it is ready to use; the second time it finds it', async () => {
    const { tried, done, after } = await playTruly(
      'snapshot',
      plays.asking({ on: ['web-1', 'db-1'], vars: fast }),
      objects,
    )
    expect(tried.result[web]).toMatchObject({ outcome: 'ok', check: true, snapshot: 'web-1-run-1', ready: false })
    expect(after.result[web]).toMatchObject({ check: true, snapshot: 'web-1-run-1', ready: true })
    expect(done.result[web]).toMatchObject({
      verb: 'snapshot',
      outcome: 'ok',
      snapshot: 'web-1-run-1',
      ready: true,
      indications: expect.arrayContaining(['Online']) as string[],
      pruned: [],
    })
    expect(await plays.snapshot('db-1-run-1')).toMatchObject({ status: { readyToUse: true } })
    const again = await plays.play('snapshot', { on: ['web-1', 'db-1'], vars: fast })
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0, unreachable: 0 })
    expect(again.stdout).not.toContain('never-to-be-seen')
  })

  test('waits for an API server that is away for a while', async () => {
    const playing = plays.play('snapshot', { on: ['web-1'], run: 'run-2', vars: { ...fast, cluster_delay: 1 } })
    await plays.until(async () => (await plays.snapshot('web-1-run-2')) !== null, 'the snapshot is asked for')
    await plays.api.restart('SIGKILL')
    const ended = await playing
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', ready: true })
  })

  test('keeps as many as it was asked to, and never touches those of others', async () => {
    const theirs = { metadata: { name: 'theirs' }, spec: { source: { ...SOURCE, name: 'web-1' } } }
    await plays.api.client.apply(snapshots('theirs'), { ...SNAPSHOT, ...theirs })
    const before = await snapshotsBut('db-1')
    const asked = { on: ['web-1'], run: 'run-3', vars: { ...fast, snapshot_keep: 2 } }
    const tried = await plays.play('snapshot', { ...asked, check: true })
    expect(await snapshotsBut('db-1')).toEqual(before)
    const ended = await plays.play('snapshot', asked)
    const left = await snapshotsBut('db-1')
    expect(left).toEqual(['theirs', 'web-1-run-2', 'web-1-run-3'])
    const pruned = before.filter(name => !left.includes(name))
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', pruned })
    expect(tried.result[web]).toMatchObject({ check: true, pruned })
    expect(tried.recap[web]).toMatchObject({ changed: 1 + pruned.length })
  })

  test('fails one that never becomes ready, and the second time goes on with it', async () => {
    plays.virt.hold(/snapshot .* ready$/)
    const vars = { ...fast, snapshot_timeout: 4 }
    const run = plays.fresh('run-4')
    const ended = await plays.play('snapshot', { on: ['db-1'], run, vars })
    plays.virt.hold(null)
    expect(ended.result[hostOf('db-1')]).toMatchObject({
      outcome: 'failed',
      ready: false,
      message: expect.stringContaining(', and not ready to use after 4 seconds') as string,
    })
    const again = await plays.play('snapshot', { on: ['db-1'], run, vars: fast })
    expect(again.result[hostOf('db-1')]).toMatchObject({ outcome: 'ok', ready: true })
  })

  test('fails one that KubeVirt could not take, with its reason, and the second time takes another', async () => {
    plays.virt.hold(/snapshot .* taken$/)
    const run = plays.fresh('run-5')
    const name = `db-1-${run}`
    const playing = plays.play('snapshot', { on: ['db-1'], run, vars: fast })
    await plays.until(async () => (await phaseOf(name)) === 'InProgress', 'it is in progress')
    const status = { phase: 'Failed', error: { time: new Date().toISOString(), message: 'snapshot class is gone' } }
    const failed = await plays.api.client.patch(`${snapshots(name)}/status`, { status })
    const ended = await playing
    plays.virt.hold(null)
    expect(ended.result[hostOf('db-1')]).toMatchObject({
      outcome: 'failed',
      error: 'snapshot class is gone',
      message: expect.stringContaining('can not be used: snapshot class is gone') as string,
    })
    const again = await plays.play('snapshot', { on: ['db-1'], run, vars: fast })
    expect(again.result[hostOf('db-1')]).toMatchObject({ outcome: 'ok', ready: true })
    expect((await plays.snapshot(name)).metadata.uid).not.toBe(failed.metadata.uid)
  })

  test('fails one that the guest did not hold still for, when that was asked for, and keeps it', async () => {
    const mute = plays.fresh('mute')
    await plays.createVm(mute)
    const vars = { ...fast, snapshot_require_quiesce: true }
    const ended = await plays.play('snapshot', { on: [mute], run: 'run-6', vars })
    expect(ended.result[hostOf(mute)]).toMatchObject({
      outcome: 'failed',
      ready: true,
      indications: ['Online', 'NoGuestAgent'],
      message: expect.stringContaining('did not hold the file systems still (Online, NoGuestAgent)') as string,
    })
    expect(await phaseOf(`${mute}-run-6`)).toBe('Succeeded')
  })

  test('is refused where it is forbidden, where there is no access, and where there is another', async () => {
    const stranger = await plays.play('snapshot', { on: ['web-1'], env: await plays.strangerEnv() })
    expect(stranger.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/prod-1 forbids it: .*"web-1" is forbidden.*day2-rbac/) as string,
    })
    const nobody = await plays.play('snapshot', { on: ['web-1'], env: { K8S_AUTH_KUBECONFIG: '' } })
    expect(nobody.result[web]).toMatchObject({
      message: expect.stringContaining('no access to the cluster prod-1. Give its template a credential') as string,
    })
    const other = await plays.play('snapshot', { on: ['web-1'], hostvars: { kubevirt_cluster: 'prod-2' } })
    expect(other.result[web]).toMatchObject({ message: expect.stringContaining('has no context prod-2') as string })
  })
})

describe('restore', () => {
  test('puts a guest that runs back to the snapshot of a run, and lets it run again; the second time changes nothing', async () => {
    const vars = { ...fast, restore_run: 'run-2' }
    const run = plays.fresh('run-7')
    const { tried, done, after } = await playTruly('restore', plays.asking({ on: ['web-1'], run, vars }), objects)
    expect(tried.result[web]).toMatchObject({ check: true, snapshot: 'web-1-run-2', complete: false })
    expect(after.result[web]).toMatchObject({ check: true, complete: true, running: true })
    expect(done.result[web]).toMatchObject({
      verb: 'restore',
      outcome: 'ok',
      restore: `web-1-${run}`,
      snapshot: 'web-1-run-2',
      complete: true,
      was_to_run: 'Always',
      running: true,
    })
    const vm = await plays.vm('web-1')
    expect(vm.spec.runStrategy).toBe('Always')
    expect(diskOf(vm)).toMatch(/^restore-/)
    const again = await plays.play('restore', { on: ['web-1'], run, vars })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ outcome: 'ok', complete: true, running: true })
  })

  test('goes on where it was cut off, and lets the guest run as it did', async () => {
    const vars = { ...fast, restore_run: 'run-8', restore_timeout: 3 }
    const old = hostOf('old-1')
    const run = plays.fresh('run-9')
    expect(faultOf(await plays.play('snapshot', { on: ['old-1'], run: 'run-8', vars: fast }))).toBe('')
    plays.virt.hold(/restore [-0-9a-f]+$/)
    const ended = await plays.play('restore', { on: ['old-1'], run, vars })
    expect(ended.result[old]).toMatchObject({
      outcome: 'failed',
      complete: false,
      message: expect.stringContaining('it is not complete after 3 seconds') as string,
    })
    expect((await plays.vm('old-1')).spec.running).toBe(false)
    const left = await plays.play('restore', { on: ['old-1'], run, vars, check: true })
    plays.virt.hold(null)
    expect(left.recap[old]?.['changed']).toBeGreaterThan(0)
    const again = await plays.play('restore', { on: ['old-1'], run, vars: { ...vars, ...fast } })
    expect(faultOf(again)).toBe('')
    expect(again.result[old]).toMatchObject({ outcome: 'ok', complete: true, was_to_run: true, running: true })
    expect((await plays.vm('old-1')).spec).toMatchObject({ running: true })
  })

  test('refuses a snapshot that is not there, and that of another guest', async () => {
    const before = await namesAt(restores())
    const none = await plays.play('restore', { on: ['db-1'], vars: { ...fast, restore_snapshot: 'no-such' } })
    expect(none.result[hostOf('db-1')]).toMatchObject({
      message: expect.stringContaining('no snapshot no-such in shop') as string,
    })
    const others = await plays.play('restore', { on: ['db-1'], vars: { ...fast, restore_snapshot: 'web-1-run-3' } })
    expect(others.result[hostOf('db-1')]).toMatchObject({
      message: expect.stringMatching(/is of the VM with the uid .*, and not of this one/) as string,
    })
    expect(await namesAt(restores())).toEqual(before)
  })
})

describe('a VM that is deleted meanwhile', () => {
  test('ends its snapshot with what happened; one that has its name then is refused', async () => {
    const name = plays.fresh('brief')
    const host = hostOf(name)
    await plays.createVm(name)
    plays.virt.hold(/snapshot .* taken$/)
    const vars = { ...fast, snapshot_timeout: 8 }
    const playing = plays.play('snapshot', { on: [name], run: 'run-10', vars })
    await plays.until(async () => (await phaseOf(`${name}-run-10`)) === 'InProgress', 'it is in progress')
    await plays.api.client.delete(vms(name))
    const ended = await playing
    plays.virt.hold(null)
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: `The VM shop/${name} was deleted while its snapshot ${name}-run-10 was taken.`,
    })
    await plays.recreateVm(name)
    const refused = await plays.play('snapshot', { on: [name, 'web-1'], run: 'run-11', vars: fast })
    expect(refused.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('It was deleted, and another one has its name') as string,
    })
    expect(refused.result[web]).toMatchObject({ outcome: 'ok' })
    expect((await plays.api.client.request('GET', snapshots(`${name}-run-11`))).status).toBe(404)
  })

  test('and a cluster that does not answer at all ends with that', async () => {
    await plays.api.kill('SIGKILL')
    const vars = { ...fast, cluster_retries: 1, cluster_delay: 1 }
    const ended = await plays.play('snapshot', { on: ['web-1'], run: 'run-12', vars })
    await plays.api.start()
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/prod-1 does not answer at https:.*refused.*asked 2 times/) as string,
    })
  })
})

const SNAPSHOT = { apiVersion: 'snapshot.kubevirt.io/v1beta1', kind: 'VirtualMachineSnapshot' }
const SOURCE = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine' }

/** All that these verbs could write, by its name, and how often it was written. */
async function objects(): Promise<unknown> {
  const kinds = [vms(), snapshots(), restores()].map(async path => {
    const { items } = await plays.api.client.get<{ items: KubeObject[] }>(path)
    return items.map(({ metadata }) => [metadata.name, metadata.uid, metadata['generation']])
  })
  return Promise.all(kinds)
}

async function namesAt(path: string): Promise<readonly string[]> {
  const { items } = await plays.api.client.get<{ items: { metadata: { name: string } }[] }>(path)
  return items.map(({ metadata }) => metadata.name).sort()
}

/** The names of all snapshots but those of one VM. */
async function snapshotsBut(vm: string): Promise<readonly string[]> {
  return (await namesAt(snapshots())).filter(name => !name.startsWith(vm))
}

async function phaseOf(name: string): Promise<string | undefined> {
  const { status } = (await plays.snapshot(name)) as { status?: { phase?: string } }
  return status?.phase
}

function diskOf(vm: VmOfCluster): string {
  return vm.spec.template.spec.volumes.find(({ dataVolume }) => dataVolume !== undefined)?.dataVolume?.name ?? ''
}
