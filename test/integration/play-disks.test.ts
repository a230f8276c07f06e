import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultOf } from '../guests/stage.ts'
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
  await plays.createVm('old-1', { runStrategy: 'Halted' })
}, 300_000)
afterAll(async () => {
  await plays[Symbol.asyncDispose]()
  await netbox[Symbol.asyncDispose]()
})

describe('repave', { timeout: 300_000 }, () => {
  const source = { sourceRef: { kind: 'DataSource', namespace: 'golden-images', name: 'rhel9' } }
  const vars = { repave_confirm: web, repave_source: source, repave_interval: 1, repave_timeout: 120 }

  test('is refused without a plain confirmation', async () => {
    const ended = await plays.play('repave', { on: ['web-1'], vars: { ...vars, repave_confirm: 'yes' } })
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: `The root disk of ${web} is to be replaced: confirm that by its name in repave_confirm.`,
    })
  })

  test('leaves a guest as it is while the new disk is not there, and the second time goes on', async () => {
    const before = await plays.vm('web-1')
    plays.virt.hold(/^import /)
    const cut = await plays.play('repave', { on: ['web-1'], vars: { ...vars, repave_timeout: 3 } })
    plays.virt.hold(null)
    expect(cut.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/new disk web-1-run-1 can not be used: .* The guest was left as it is/) as string,
    })
    expect((await plays.vm('web-1')).metadata['generation']).toBe(before.metadata['generation'])

    const ended = await plays.play('repave', { on: ['web-1'], vars })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({
      outcome: 'ok',
      volume: 'rootdisk',
      disk: 'web-1-run-1',
      replaced: 'web-1-root',
      running: true,
    })
    const after = await plays.vm('web-1')
    expect(after.metadata.uid).toBe(before.metadata.uid)
    expect(after.spec).toMatchObject({ runStrategy: 'Always', dataVolumeTemplates: [] })
    expect(disksOf(after)).toEqual(['web-1-run-1'])
    expect(after.spec.template.spec.volumes.map(({ name }) => name).sort()).toEqual(['cloudinit', 'rootdisk'])
    expect(ended.stdout).not.toContain('never-to-be-seen')

    const again = await plays.play('repave', { on: ['web-1'], vars })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('gives the old disk back, whatever else of the VM is written meanwhile', async () => {
    const others = writeAllTheTime('web-1')
    const ended = await plays.play('repave', {
      on: ['web-1'],
      run: 'run-2',
      vars: { ...vars, repave_state: 'rolled_back' },
    })
    expect(await others.stop()).toBeGreaterThan(5)
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({
      outcome: 'ok',
      disk: 'web-1-root',
      replaced: 'web-1-run-1',
      running: true,
    })
    expect(disksOf(await plays.vm('web-1'))).toEqual(['web-1-root'])
  })
})

describe('export_disk', { timeout: 300_000 }, () => {
  test('serves the disk to the program that makes the image, and leaves neither export nor token', async () => {
    const builder = join(plays.folder, 'builder')
    const told = join(plays.folder, 'told')
    const script = `#!/bin/sh\nenv | grep ^EXPORT_DISK_ > ${told}\ncat "$EXPORT_DISK_HEADER_FILE" "$EXPORT_DISK_CA_FILE" >> ${told}\necho sha256:abc\n`
    await writeFile(builder, script, { mode: 0o755 })
    const image = 'registry.example.com/disks/web-1:golden'
    const vars = { export_disk_image: image, export_disk_builder: [builder], export_disk_interval: 1 }
    const ended = await plays.play('export_disk', { on: ['web-1'], vars: { ...vars, export_disk_snapshot: 'snap-1' } })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({
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
    expect(ended.stdout + ended.stderr).not.toContain(token)
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

describe('offboard', { timeout: 300_000 }, () => {
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
    const { uid } = (await plays.vm('old-1')).metadata
    const taken = { description: '', status: 'active' }
    netbox
      .rows('ip-addresses')
      .push(
        { ...taken, id: 1, address: '10.1.2.1/30', custom_fields: { virtbridge_vm_uid: uid } },
        { ...taken, id: 2, address: '10.1.2.2/30', custom_fields: { virtbridge_vm_uid: 'uid-of-another' } },
      )
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
      'old-1': { kubevirt_firmware_uuid: 'old', foreman_unregister_name: 'old-1.example.com' },
      'gone-1': { kubevirt_firmware_uuid: 'gone', foreman_unregister_name: 'gone-1.example.com' },
    }
    const both = { offboard_from: ['ipam', 'foreman_unregister'] }
    const asked = { on: ['old-1', 'gone-1'], vars: both, env: env(), hostvars, per }
    const ended = await plays.play('offboard', asked)
    expect(faultOf(ended)).toBe('')
    expect(ended.result).toMatchObject({
      [hostOf('old-1')]: {
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
    expect((await plays.vm('old-1')).metadata['annotations']).toMatchObject({ 'virtbridge.io/offboarded': since })
    const again = await plays.play('offboard', asked)
    expect(again.recap[hostOf('old-1')]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('deletes a VM only when it is asked to by its name', async () => {
    const hostvars = { offboard_since: since, kubevirt_firmware_uuid: 'old' }
    const unsaid = await plays.play('offboard', { on: ['old-1'], vars: { offboard_delete_vm: true }, hostvars })
    expect(unsaid.result[hostOf('old-1')]).toMatchObject({
      message: `To delete the VM of ${hostOf('old-1')}, give that name as offboard_confirm too, one host a run.`,
    })
    const confirmed = { offboard_delete_vm: true, offboard_confirm: hostOf('old-1') }
    const ended = await plays.play('offboard', { on: ['old-1'], vars: confirmed, hostvars })
    expect(ended.result[hostOf('old-1')]).toMatchObject({ outcome: 'ok', deleted: true })
    const gone = async (): Promise<boolean> => (await plays.api.client.request('GET', vms('old-1'))).status === 404
    await plays.until(gone, 'old-1 is gone')
  })
})

const EXPORTS_OF_SHOP = `/apis/export.kubevirt.io/v1beta1/namespaces/${NAMESPACE}/virtualmachineexports`

function disksOf(vm: VmOfCluster): readonly string[] {
  return vm.spec.template.spec.volumes.flatMap(({ dataVolume }) => (dataVolume === undefined ? [] : [dataVolume.name]))
}

function justNow(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}

/** Somebody who writes what is no business of a play, five times a second; `stop` tells how often it was. */
function writeAllTheTime(name: string): { stop(): Promise<number> } {
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
  return {
    stop() {
      over.abort()
      return ended
    },
  }
}
