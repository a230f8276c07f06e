import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { playTruly } from '../guests/play-truly.ts'
import { faultOf } from '../guests/stage.ts'
import type { KubeObject } from '../servers/kube-client.ts'
import { startForeman, startNetBox, type NetBox } from '../support/record-servers.ts'
import { ClusterPlays, NAMESPACE, hostOf, vms, type VmOfCluster } from './cluster-plays.ts'

const TOKEN = 'token-of-netbox'
const web = hostOf('web-1')
let plays: ClusterPlays
let netbox: NetBox

beforeAll(async () => {
  plays = await ClusterPlays.start(['repave', 'export', 'offboard'])
  netbox = await startNetBox(TOKEN)
  await plays.createVm('web-1')
})
// A test that failed may have left something held.
beforeEach(() => plays.virt.hold(null))
afterAll(async () => {
  await plays[Symbol.asyncDispose]()
  await netbox[Symbol.asyncDispose]()
})

describe('repave', () => {
  const source = { sourceRef: { kind: 'DataSource', namespace: 'golden-images', name: 'rhel9' } }
  const vars = { repave_source: source, repave_interval: 1, repave_timeout: 120 }
  /** The VM that a test left with its new disk, for the one after it; that one makes its own when it is tried again. */
  let repaved = ''
  const repave = async (name: string): Promise<string> => {
    await plays.createVm(name)
    const ended = await plays.play('repave', { on: [name], vars: { ...vars, repave_confirm: hostOf(name) } })
    expect(faultOf(ended)).toBe('')
    return name
  }

  test('is refused without a plain confirmation', async () => {
    const ended = await plays.play('repave', { on: ['web-1'], vars: { ...vars, repave_confirm: 'yes' } })
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: `The root disk of ${web} is to be replaced: confirm that by its name in repave_confirm.`,
    })
  })

  test('leaves a guest as it is while the new disk is not there, and the second time goes on', async () => {
    const name = plays.fresh('web')
    await plays.createVm(name)
    const before = await plays.vm(name)
    const confirmed = { ...vars, repave_confirm: hostOf(name) }
    plays.virt.hold(/^import /)
    const cut = await plays.play('repave', { on: [name], vars: { ...confirmed, repave_timeout: 3 } })
    plays.virt.hold(null)
    expect(cut.result[hostOf(name)]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/new disk \S+-run-1 can not be used: .* The guest was left as it is/) as string,
    })
    expect((await plays.vm(name)).metadata['generation']).toBe(before.metadata['generation'])

    const asking = plays.asking({ on: [name], vars: confirmed })
    const { tried, done, after: left } = await playTruly('repave', asking, objects)
    const place = { volume: 'rootdisk', disk: `${name}-run-1` }
    expect(tried.result[hostOf(name)]).toMatchObject({ check: true, ...place, replaced: `${name}-root` })
    expect(left.result[hostOf(name)]).toMatchObject({ check: true, ...place, running: true })
    expect(done.result[hostOf(name)]).toMatchObject({
      outcome: 'ok',
      volume: 'rootdisk',
      disk: `${name}-run-1`,
      replaced: `${name}-root`,
      running: true,
    })
    const after = await plays.vm(name)
    expect(after.metadata.uid).toBe(before.metadata.uid)
    expect(after.spec).toMatchObject({ runStrategy: 'Always', dataVolumeTemplates: [] })
    expect(disksOf(after)).toEqual([`${name}-run-1`])
    expect(after.spec.template.spec.volumes.map(({ name: volume }) => volume).sort()).toEqual(['cloudinit', 'rootdisk'])
    expect(done.stdout).not.toContain('never-to-be-seen')

    const again = await plays.play('repave', { on: [name], vars: confirmed })
    expect(again.recap[hostOf(name)]).toMatchObject({ changed: 0, failed: 0 })
    repaved = name
  })

  test('gives the old disk back, whatever else of the VM is written meanwhile', async () => {
    const name = repaved || (await repave(plays.fresh('web')))
    repaved = ''
    const confirmed = { ...vars, repave_confirm: hostOf(name) }
    await using others = writeAllTheTime(name)
    const back = { ...confirmed, repave_state: 'rolled_back' }
    const { done } = await playTruly('repave', plays.asking({ on: [name], run: 'run-2', vars: back }), objects)
    expect(await others.stop()).toBeGreaterThan(5)
    expect(done.result[hostOf(name)]).toMatchObject({
      outcome: 'ok',
      disk: `${name}-root`,
      replaced: `${name}-run-1`,
      running: true,
    })
    expect(disksOf(await plays.vm(name))).toEqual([`${name}-root`])
  })
})

describe('export_disk', () => {
  test('serves the disk to the program that makes the image, and leaves neither export nor token', async () => {
    const builder = join(plays.folder, 'builder')
    const told = join(plays.folder, 'told')
    const script = `#!/bin/sh\nenv | grep ^EXPORT_DISK_ > ${told}\ncat "$EXPORT_DISK_HEADER_FILE" "$EXPORT_DISK_CA_FILE" >> ${told}\necho sha256:abc\n`
    await writeFile(builder, script, { mode: 0o755 })
    const image = 'registry.example.com/disks/web-1:golden'
    const vars = { export_disk_image: image, export_disk_builder: [builder], export_disk_interval: 1 }
    const asking = plays.asking({ on: ['web-1'], vars: { ...vars, export_disk_snapshot: 'snap-1' } })
    // What is in the disk may be another each time.
    const { done } = await playTruly('export_disk', asking, objects, 'as before')
    expect(done.result[web]).toMatchObject({
      outcome: 'ok',
      image,
      volume: 'rootdisk',
      format: 'gzip',
      said: 'sha256:abc',
    })
    const heard = await readFile(told, 'utf8')
    expect(heard).toContain('EXPORT_DISK_URL=https://192.0.2.1/virtbridge-web-1-run-1/disk.gzip')
    const token = /x-kubevirt-export-token: (\w{40})authority of exports/.exec(heard)?.[1] ?? 'none'
    expect(token).not.toBe('none')
    expect(done.stdout + done.stderr).not.toContain(token)
    const path = /EXPORT_DISK_HEADER_FILE=(.*)/.exec(heard)?.[1] ?? ''
    await expect(readFile(path)).rejects.toThrow('ENOENT')
    const left = await plays.api.client.get<{ items: unknown[] }>(EXPORTS_OF_SHOP)
    expect(left.items).toEqual([])
  })

  test('tells what the program said when it made none, and leaves nothing then either', async () => {
    const vars = { export_disk_image: 'x', export_disk_builder: ['sh', '-c', 'echo no room >&2; exit 3'] }
    const ended = await plays.play('export_disk', { on: ['web-1'], vars: { ...vars, export_disk_interval: 1 } })
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: 'sh made no image x: it ended with 3: no room',
    })
    const left = await plays.api.client.get<{ items: unknown[] }>(EXPORTS_OF_SHOP)
    expect(left.items).toEqual([])
  })
})

describe('offboard', () => {
  const env = (): Record<string, string> => ({ NETBOX_API: netbox.url, NETBOX_TOKEN: TOKEN })
  const since = '2026-01-01T00:00:00Z'
  const vars = { offboard_from: ['ipam'] }

  test('takes nothing from a guest that may live, and says why', async () => {
    const gone = { offboard_since: since, kubevirt_firmware_uuid: 'one' }
    const names = ['moved-1', 'burst-1', 'stale-1', 'young-1', 'twin-1', 'twin-2', 'unknown-1', 'web-1']
    const ended = await plays.play('offboard', {
      on: names,
      vars,
      env: env(),
      per: {
        'moved-1': { ...gone, kubevirt_firmware_uuid: 'moved', offboard_fact: 'moved' },
        'burst-1': { ...gone, kubevirt_firmware_uuid: 'burst', offboard_burst: true },
        'stale-1': { ...gone, kubevirt_firmware_uuid: 'stale', kubevirt_stale: true },
        'young-1': { ...gone, kubevirt_firmware_uuid: 'young', offboard_since: justNow() },
        'twin-1': gone,
        'twin-2': gone,
        'unknown-1': { ...gone, kubevirt_firmware_uuid: '' },
        'web-1': { ...gone, kubevirt_firmware_uuid: 'web' },
      },
    })
    const messages = names.map(name => (ended.result[hostOf(name)] as { message: string }).message)
    expect(messages).toEqual([
      expect.stringContaining('It moved: the same guest lives on another cluster'),
      expect.stringContaining('in a burst of deletions'),
      expect.stringContaining('Its cluster can not be seen'),
      expect.stringMatching(/offboard_grace asks for 86[0-9]{3} seconds more/),
      expect.stringContaining(`firmware UUID one is ${hostOf('twin-2')}`),
      expect.stringContaining(`firmware UUID one is ${hostOf('twin-1')}`),
      expect.stringContaining('does not know its firmware UUID'),
      'Its VM is Running: stop it first.',
    ])
    expect(netbox.asked).toEqual([])
  })

  test('takes a guest that is gone, and one that is stopped, out of what is around it, and marks the VM; the second time changes nothing', async () => {
    const old = plays.fresh('old')
    const { uid } = (await plays.createVm(old, { runStrategy: 'Halted' })).metadata
    const taken = { description: '', status: 'active' }
    netbox.fill('ip-addresses', [
      { ...taken, id: 1, address: '10.1.2.1/30', custom_fields: { virtbridge_vm_uid: uid } },
      { ...taken, id: 2, address: '10.1.2.2/30', custom_fields: { virtbridge_vm_uid: 'uid-of-another' } },
    ])
    const password = 'password-of-foreman'
    const authorization = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`
    await using foreman = await startForeman(authorization, new Map([['gone-1.example.com', 'no-such-uid']]))
    const hostvars = {
      offboard_since: since,
      foreman_unregister_url: foreman.url,
      foreman_unregister_username: 'ada',
      foreman_unregister_password: password,
    }
    const per = {
      [old]: { kubevirt_firmware_uuid: 'old', foreman_unregister_name: 'old-1.example.com' },
      'gone-1': { kubevirt_firmware_uuid: 'gone', foreman_unregister_name: 'gone-1.example.com' },
    }
    const both = { offboard_from: ['ipam', 'foreman_unregister'] }
    const asked = { on: [old, 'gone-1'], vars: both, env: env(), hostvars, per }
    const kept = async (): Promise<unknown> => [await objects(), structuredClone(netbox.rows('ip-addresses'))]
    const { tried, done } = await playTruly('offboard', plays.asking(asked), kept)
    expect(tried.result[hostOf(old)]).toMatchObject({ vm: 'stopped', marked: false, deleted: false })
    expect(done.result).toMatchObject({
      [hostOf(old)]: {
        outcome: 'ok',
        removed_from: ['foreman_unregister', 'ipam'],
        vm: 'stopped',
        marked: true,
        deleted: false,
      },
      [hostOf('gone-1')]: {
        outcome: 'ok',
        removed_from: ['foreman_unregister', 'ipam'],
        vm: 'gone',
        marked: false,
        deleted: false,
      },
    })
    expect(netbox.rows('ip-addresses').map(({ id }) => id)).toEqual([2])
    const changed = foreman.asked.filter(asked => !asked.startsWith('GET'))
    expect(changed).toEqual(['PUT /api/hosts/9/disassociate', 'DELETE /api/hosts/9'])
    expect((await plays.vm(old)).metadata['annotations']).toMatchObject({ 'virtbridge.io/offboarded': since })
    const again = await plays.play('offboard', asked)
    expect(again.recap[hostOf(old)]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('of a host that a person wrote down takes one that is gone, and nothing where its name has another VM, or where nobody can be asked', async () => {
    netbox.fill('ip-addresses', [
      {
        id: 1,
        description: '',
        status: 'active',
        address: '10.1.2.1/30',
        custom_fields: { virtbridge_vm_uid: 'gone' },
      },
      {
        id: 2,
        description: '',
        status: 'active',
        address: '10.1.2.2/30',
        custom_fields: { virtbridge_vm_uid: 'late' },
      },
    ])
    const glass = { virtbridge_run_id: '', virtbridge_break_glass_reason: 'deleted by hand' }
    const asked = {
      on: ['gone-2', 'web-1'],
      vars: { ...vars, ...glass, offboard_unknown_uuid: true, guard_require_identity: true },
      hostvars: { offboard_since: since },
      per: { 'gone-2': { kubevirt_uid: 'gone' }, 'web-1': { kubevirt_uid: 'late' } },
      env: env(),
    }
    const unasked = await plays.play('offboard', { ...asked, env: { ...env(), K8S_AUTH_KUBECONFIG: '' } })
    for (const name of asked.on)
      expect(unasked.result[hostOf(name)], name).toMatchObject({
        message: expect.stringContaining('nobody knows whether the VM is still the one') as string,
      })
    expect(netbox.rows('ip-addresses').map(({ id }) => id)).toEqual([1, 2])
    const ended = await plays.play('offboard', asked)
    expect(ended.result[hostOf('web-1')]).toMatchObject({
      message: expect.stringContaining('It was deleted, and another one has its name') as string,
    })
    expect(ended.result[hostOf('gone-2')]).toMatchObject({ outcome: 'ok', removed_from: ['ipam'], vm: 'gone' })
    expect(netbox.rows('ip-addresses').map(({ id }) => id)).toEqual([2])
  })

  test('deletes a VM only when it is asked to by its name', async () => {
    const name = plays.fresh('doomed')
    const host = hostOf(name)
    await plays.createVm(name, { runStrategy: 'Halted' })
    const hostvars = { offboard_since: since, kubevirt_firmware_uuid: 'old' }
    const unsaid = await plays.play('offboard', { on: [name], vars: { offboard_delete_vm: true }, hostvars })
    expect(unsaid.result[host]).toMatchObject({
      message: `To delete the VM of ${host}, give that name as offboard_confirm too, one host a run.`,
    })
    const confirmed = { offboard_delete_vm: true, offboard_confirm: host }
    const tried = await plays.play('offboard', { on: [name], vars: confirmed, hostvars, check: true })
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', vm: 'stopped', deleted: false })
    expect(tried.recap[host]).toMatchObject({ changed: 1 })
    const ended = await plays.play('offboard', { on: [name], vars: confirmed, hostvars })
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', deleted: true })
    const gone = async (): Promise<boolean> => (await plays.api.client.request('GET', vms(name))).status === 404
    await plays.until(gone, `${name} is gone`)
  })
})

const EXPORTS_OF_SHOP = `/apis/export.kubevirt.io/v1beta1/namespaces/${NAMESPACE}/virtualmachineexports`

/** All that these verbs could write, by its name, and how often it was written; a VM with its marks. */
async function objects(): Promise<unknown> {
  const datavolumes = `/apis/cdi.kubevirt.io/v1beta1/namespaces/${NAMESPACE}/datavolumes`
  const kinds = [vms(), EXPORTS_OF_SHOP, datavolumes].map(async path => {
    const { items } = await plays.api.client.get<{ items: KubeObject[] }>(path)
    return items.map(({ metadata: { name, uid, generation, annotations } }) => {
      const marks = (annotations ?? {}) as Record<string, string>
      return [name, uid, generation, marks['virtbridge.io/offboarded'], marks['virtbridge.io/repave']]
    })
  })
  return Promise.all(kinds)
}

function disksOf(vm: VmOfCluster): readonly string[] {
  return vm.spec.template.spec.volumes.flatMap(({ dataVolume }) => (dataVolume === undefined ? [] : [dataVolume.name]))
}

function justNow(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}

/** Somebody who writes what is no business of a play, five times a second, until it is stopped; `stop` tells how often it was. */
function writeAllTheTime(name: string): AsyncDisposable & { stop(): Promise<number> } {
  const over = new AbortController()
  const write = async (): Promise<number> => {
    let written = 0
    while (!over.signal.aborted) {
      await plays.api.client.patch(vms(name), { metadata: { annotations: { 'example.com/beat': String(written++) } } })
      await sleep(200)
    }
    return written
  }
  const ended = write()
  const stop = (): Promise<number> => {
    over.abort()
    return ended
  }
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
