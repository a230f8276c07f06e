import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VmEventData } from '../../src/event/index.ts'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { VirtController } from '../support/virt.ts'
import { describeFaults } from './watch-faults.ts'
import { describeAbsence, describeKills, describeRemoval } from './watch-kills.ts'

const CRDS = ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io']
const PATIENT = { timeout: 60_000, interval: 50 }

let api: KubeApiserver
let virt: VirtController
let token: string
beforeAll(async () => {
  api = await startKubeApiserver({ crds: CRDS })
  token = await shippedToken(api)
  virt = new VirtController(api.client)
})
afterAll(() => api[Symbol.asyncDispose]())

async function configFor(folder: string): Promise<Record<string, unknown>> {
  await fileIn(folder, 'kubeconfig', api.kubeconfig('prod-1', token))
  return { clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }] }
}

test('the life of a VM, by ordinary API calls, is exactly its facts in order, across a restart of the bridge and of the API server', async () => {
  await using folder = await temporaryFolder()
  const config = await configFor(folder.path)
  const namespace = await virt.freshNamespace('life')
  const old = await virt.createVm(namespace, 'old')
  await virt.boot(old)
  const [host, oldHost, lateHost] = ['web', 'old', 'late'].map(name => `${name}.${namespace}.prod-1`) as [
    string,
    string,
    string,
  ]
  const facts = async (bridge: { facts(host: string): Promise<readonly string[]> }): Promise<string> =>
    (await bridge.facts(host)).join(' ')
  let expected = 'created started reachable'

  {
    await using bridge = await startBridge(folder.path, config)
    await expect.poll(() => bridge.facts(oldHost), PATIENT).toEqual(['discovered'])
    const web = await virt.createVm(namespace, 'web', { app: 'web' })
    await virt.boot(web)
    await virt.connectAgent(web, '10.0.0.7')
    await expect.poll(() => facts(bridge), PATIENT).toBe(expected)

    await virt.migrate(web, 'node-2')
    expected += ' migrated'
    await expect.poll(() => facts(bridge), PATIENT).toBe(expected)

    await api.restart('SIGKILL')
    await virt.connectAgent(web, '10.0.0.8')
    expected += ' address_changed'
    await expect.poll(() => facts(bridge), PATIENT).toBe(expected)
  }

  // While the bridge is down: a stop, a new VM, and one that goes.
  const web = { namespace, name: 'web', uid: '' }
  await virt.stop(web)
  await virt.createVm(namespace, 'late')
  await virt.delete(old)

  await using bridge = await startBridge(folder.path, config)
  expected += ' stopped'
  await expect.poll(() => facts(bridge), PATIENT).toBe(expected)
  await expect.poll(() => bridge.facts(lateHost), PATIENT).toEqual(['created'])
  await expect.poll(() => bridge.facts(oldHost), PATIENT).toEqual(['discovered', 'deleted'])
  const missed = (await bridge.events())
    .filter(event => event.data.gap)
    .map(event => [event.data.host, event.data.fact, event.data.origin])
  expect(missed).toContainEqual([lateHost, 'created', 'sync'])
  expect(missed).toContainEqual([oldHost, 'deleted', 'sync'])

  await virt.delete(web)
  expected += ' deleted'
  await expect.poll(() => facts(bridge), PATIENT).toBe(expected)
  const all = await bridge.events()
  expect(new Set(all.map(event => event.id)).size).toBe(all.length)
  expect(JSON.stringify(all)).not.toContain('never-to-be-seen')
})

describeFaults(() => api)
describeKills(() => api)
describeRemoval(() => api)

test('1,000 VMs in 50 namespaces are in the inventory within 10 s of the start', async () => {
  await using folder = await temporaryFolder()
  const config = await configFor(folder.path)
  const names = Array.from({ length: 50 }, (_, index) => `many-${index}`)
  const namespaces = await Promise.all(names.map(name => virt.freshNamespace(name)))
  const isOurs = (host: string): boolean => namespaces.includes(host.split('.')[1] ?? '')
  await Promise.all(
    namespaces.map(async namespace => {
      for (let index = 0; index < 20; index += 1)
        await virt.createVm(namespace, `vm-${index}`, { app: `app-${index % 7}` })
    }),
  )

  const began = Date.now()
  await using bridge = await startBridge(folder.path, config)
  const hosts = async (): Promise<number> => {
    const inventory = (await bridge.api.get('/api/v1/inventory').catch(() => ({ _meta: { hostvars: {} } }))) as {
      _meta: { hostvars: object }
    }
    return Object.keys(inventory._meta.hostvars).filter(isOurs).length
  }
  await expect.poll(hosts, { timeout: 60_000, interval: 100 }).toBe(1000)
  console.log(`1,000 VMs in the inventory after ${Date.now() - began} ms`)
})

describeAbsence(() => api)

test('a VM made anew under its name while nobody looked is the end of one and the beginning of another', async () => {
  await using folder = await temporaryFolder()
  const config = await configFor(folder.path)
  const namespace = await virt.freshNamespace('again')
  const host = `db.${namespace}.prod-1`
  const first = await virt.createVm(namespace, 'db')
  {
    await using bridge = await startBridge(folder.path, config)
    await expect.poll(() => bridge.facts(host), PATIENT).toEqual(['discovered'])
  }
  await virt.delete(first)
  const second = await virt.createVm(namespace, 'db')

  await using bridge = await startBridge(folder.path, config)
  await expect.poll(() => bridge.facts(host), PATIENT).toEqual(['discovered', 'deleted', 'created'])
  const uids = (await bridge.events())
    .filter(event => event.data.host === host)
    .map((event: { data: VmEventData }) => event.data.vm.uid)
  expect(uids).toEqual([first.uid, first.uid, second.uid])
})
