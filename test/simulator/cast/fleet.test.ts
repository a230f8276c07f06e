import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ClusterName } from '../../../src/simulator/cast/cast.ts'
import type { Fleet, FleetOptions } from '../../../src/simulator/cast/fleet.ts'
import { startSimulatedFleet } from '../../../src/simulator/cast/fleet.ts'
import { CLOUD_INIT_PASSWORD, OUTCOME_FAILED, OUTCOME_LABEL } from '../../../src/simulator/cast/guest-vm.ts'
import { incarnationOf } from '../../../src/simulator/cast/op.ts'
import { VMIS, VMS } from '../../../src/simulator/kube/resource.ts'
import type { Vm, Vmi } from '../../../src/simulator/virt/objects.ts'
import { hasCondition } from '../../../src/simulator/virt/objects.ts'
import { Talk } from '../kube/talk.ts'

let stack: AsyncDisposableStack
let dir: string
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  dir = await mkdtemp(join(tmpdir(), 'virtbridge-fleet-'))
  stack.defer(() => rm(dir, { recursive: true }))
})
afterEach(() => stack.disposeAsync())

async function start(options: Partial<FleetOptions> = {}): Promise<Fleet> {
  return stack.use(await startSimulatedFleet({ dir, speed: 200, ...options }))
}

function clusterOf(fleet: Fleet, name: ClusterName) {
  const cluster = fleet.clusters.get(name)
  if (cluster === undefined) throw new Error(`no cluster ${name}`)
  return cluster
}

function vmsOf(fleet: Fleet, name: ClusterName): Vm[] {
  return clusterOf(fleet, name).store.list(VMS) as Vm[]
}

/** `namespace/name status` of every VM. */
function picture(fleet: Fleet): string[] {
  return [...fleet.clusters.keys()].flatMap(name =>
    vmsOf(fleet, name).map(
      ({ metadata, status }) => `${name} ${metadata.namespace}/${metadata.name} ${status?.printableStatus}`,
    ),
  )
}

const AFTER_THE_STORY = [
  'dev-1 build/meter-1 Running',
  'dev-1 build/runner-1 Running',
  'dev-1 build/runner-2 Stopped',
  'dev-1 desktops/win10-desk Running',
  'dev-1 gitops/dev-fedora Running',
  'dev-1 shop/db-1 Running',
  'dev-1 shop/debian-cache Running',
  'dev-1 shop/web-1 Running',
  'prod-1 files/win2019-files Running',
  'prod-1 gitops/prod-fedora Running',
  'prod-1 shop/db-1 Running',
  'prod-1 shop/rhel9-orders Running',
  'prod-1 shop/rhel9-server Running',
  'prod-1 shop/web-1 Running',
  'prod-1 shop/web-2 Running',
]
const settled = { timeout: 60_000, interval: 10 }

describe('the cast', () => {
  test('has been running for days when a fleet is new, but for the Fedora pair', async () => {
    const fleet = await start()
    expect(picture(fleet).filter(line => !line.endsWith(' Running'))).toEqual([
      'dev-1 gitops/dev-fedora Stopped',
      'prod-1 gitops/prod-fedora Stopped',
    ])
    for (const name of fleet.clusters.keys()) {
      const vms = vmsOf(fleet, name)
      expect(vms.length).toBeGreaterThanOrEqual(6)
      expect(vms.length).toBeLessThanOrEqual(8)
      for (const { metadata } of vms) {
        expect(Date.now() - Date.parse(metadata.creationTimestamp)).toBeGreaterThan(4 * 24 * 3_600_000)
      }
    }
  })

  test('has the guests of this field: a template, a GitOps pair, Windows on a VLAN, a second disk, one without an agent', async () => {
    const fleet = await start()
    const find = (cluster: ClusterName, namespace: string, name: string) => {
      const { store } = clusterOf(fleet, cluster)
      return { vm: store.get(VMS, { namespace, name }) as Vm, vmi: store.get(VMIS, { namespace, name }) as Vmi | null }
    }
    const rhel = find('prod-1', 'shop', 'rhel9-server')
    expect(rhel.vm.metadata.labels).toMatchObject({ 'vm.kubevirt.io/template': 'rhel9-server-small' })
    expect(rhel.vm.spec.instancetype).toBeUndefined()
    expect(JSON.stringify(rhel.vmi?.spec)).toContain(CLOUD_INIT_PASSWORD)

    for (const { vmi, disks, id } of [
      { ...find('dev-1', 'desktops', 'win10-desk'), disks: 1, id: '10' },
      { ...find('prod-1', 'files', 'win2019-files'), disks: 2, id: '2019' },
    ]) {
      expect(vmi?.status?.guestOSInfo).toMatchObject({ id: 'mswindows', versionId: id })
      expect(vmi?.spec.volumes).toHaveLength(disks)
      expect(vmi?.status?.interfaces?.map(({ name }) => name)).toEqual(['default', 'vlan-120'])
      expect(vmi?.spec.networks?.[1]).toMatchObject({
        multus: { networkName: expect.stringContaining('/vlan-120') as unknown },
      })
    }
    const fedora = find('dev-1', 'gitops', 'dev-fedora')
    expect(fedora.vmi).toBeNull()
    expect(fedora.vm.metadata.annotations?.['argocd.argoproj.io/tracking-id']).toBe(
      'fedora-dev:kubevirt.io/VirtualMachine:gitops/dev-fedora',
    )
    expect(hasCondition(find('dev-1', 'build', 'meter-1').vmi?.status?.conditions, 'AgentConnected')).toBe(false)
  })
})

describe('the fleet', () => {
  test('is a hub whose token reads every cluster through its proxy, and may change none', async () => {
    const fleet = await start()
    const hub = stack.use(new Talk({ url: fleet.hub.url, token: fleet.hub.token }))
    const { body } = await hub.get('/apis/cluster.open-cluster-management.io/v1/managedclusters')
    expect(body.items.map(({ metadata }) => metadata.name)).toEqual(['dev-1', 'prod-1'])
    const proxied = stack.use(new Talk({ url: `${fleet.hub.proxyUrl}/prod-1`, token: fleet.hub.token }))
    const vms = '/apis/kubevirt.io/v1/virtualmachines'
    expect((await proxied.get(vms)).body.items).toHaveLength(vmsOf(fleet, 'prod-1').length)
    expect((await proxied.get('/api/v1/namespaces/kube-system')).body.metadata.uid).toBe(
      clusterOf(fleet, 'prod-1').store.identity,
    )
    const path = '/apis/kubevirt.io/v1/namespaces/shop/virtualmachines/web-1'
    expect((await proxied.send('DELETE', path)).code).toBe(403)
    const { url, token, adminToken } = clusterOf(fleet, 'dev-1')
    const direct = stack.use(new Talk({ url, token }))
    expect((await direct.get(vms)).code).toBe(200)
    expect((await direct.send('DELETE', path)).code).toBe(403)
    expect((await direct.send('DELETE', path, undefined, { token: adminToken })).code).toBe(200)
  })

  test('keeps tokens and ports from start to start, in a file for nobody else', async () => {
    const first = await start()
    const keys = [...first.clusters.values(), first.hub].map(({ url, token }) => `${url} ${token}`)
    expect((await stat(join(dir, 'fleet.json'))).mode & 0o777).toBe(0o600)
    await first[Symbol.asyncDispose]()
    const second = await start()
    expect([...second.clusters.values(), second.hub].map(({ url, token }) => `${url} ${token}`)).toEqual(keys)
  })

  test('takes another port when the one of last time is taken, but not when it was asked for', async () => {
    const first = await start()
    const { port } = first.hub.server
    await first[Symbol.asyncDispose]()
    const other = createServer().listen(port, '127.0.0.1')
    await once(other, 'listening')
    stack.defer(() => void other.close())
    await expect(startSimulatedFleet({ dir, ports: { hub1: port } })).rejects.toMatchObject({ code: 'port_in_use' })
    const second = await start()
    expect(second.hub.server.port).not.toBe((other.address() as AddressInfo).port)
  })
})

describe('the story', () => {
  test('ends with everybody where it says, whatever was played before it was broken off', async () => {
    let acts = 0
    for (let round = 0; round < 20; round++) {
      const fleet = await start()
      const stop = new AbortController()
      await fleet.story.play({ signal: stop.signal, tell: () => acts++ % 2 === 1 && stop.abort() })
      if (fleet.story.played < fleet.story.length) {
        await fleet[Symbol.asyncDispose]()
        continue
      }
      await expect.poll(() => picture(fleet), settled).toEqual(AFTER_THE_STORY)
      const failing = vmsOf(fleet, 'dev-1').find(({ metadata }) => metadata.name === 'debian-cache')
      expect(failing?.metadata.labels?.[OUTCOME_LABEL]).toBe(OUTCOME_FAILED)
      const again = vmsOf(fleet, 'dev-1').find(({ metadata }) => metadata.name === 'runner-1')
      expect(again === undefined ? 0 : incarnationOf(again)).toBe(2)
      expect(acts).toBeGreaterThan(fleet.story.length)
      return
    }
    expect.unreachable('the story never came to its end')
  })

  test('and the life after it end with the fleet, without an error', async () => {
    const fleet = await start()
    const { signal } = new AbortController()
    await fleet.story.play({ signal, tell: () => fleet.story.played === 2 && void fleet[Symbol.asyncDispose]() })
    await fleet[Symbol.asyncDispose]()
    const again = await start()
    expect(again.story.played).toBe(2)
    const life = again.story.live({ signal }, 100)
    await again[Symbol.asyncDispose]()
    await life
  })

  test('survives kill -9 at any moment: nobody is lost, nobody is invented, nobody is made twice', async () => {
    const program = `
      import { startSimulatedFleet } from '${join(import.meta.dirname, '../../../src/simulator/cast/fleet.ts')}'
      const fleet = await startSimulatedFleet({ dir: process.argv[1], speed: 40 })
      console.log('up')
      await fleet.story.play({ signal: new AbortController().signal, tell: act => console.log(act.tell) })
      console.log('end')
      setInterval(() => {}, 1000)`
    const told: string[] = []
    for (let life = 0; life < 30 && !told.includes('end'); life++) {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program, dir])
      let lines = 0
      let errors = ''
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
      child.stdout.on('data', (chunk: Buffer) => {
        const text = chunk.toString().trim().split('\n')
        told.push(...text)
        lines += text.length
        if (lines > 3 || text.includes('end')) child.kill('SIGKILL')
      })
      await once(child, 'close')
      expect(errors).toBe('')
    }
    expect(told.filter(line => line === 'up').length).toBeGreaterThan(1)
    const fleet = await start()
    await expect.poll(() => picture(fleet), settled).toEqual(AFTER_THE_STORY)
    const uids = [...fleet.clusters.keys()].flatMap(name => vmsOf(fleet, name).map(({ metadata }) => metadata.uid))
    expect(new Set(uids).size).toBe(uids.length)
  })
})
