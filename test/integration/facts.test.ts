import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { VirtController } from '../support/virt.ts'

// No clones: a cluster may lack any of what is not required.
const CRDS = [
  'virtualmachines.kubevirt.io',
  'virtualmachineinstances.kubevirt.io',
  'virtualmachineinstancemigrations.kubevirt.io',
  'virtualmachinesnapshots.snapshot.kubevirt.io',
  'virtualmachinerestores.snapshot.kubevirt.io',
]
const PATIENT = { timeout: 60_000, interval: 50 }
const SNAPSHOTS = '/apis/snapshot.kubevirt.io/v1beta1/namespaces/deeds/virtualmachinesnapshots'
const RESTORES = '/apis/snapshot.kubevirt.io/v1beta1/namespaces/deeds/virtualmachinerestores'
const MIGRATIONS = '/apis/kubevirt.io/v1/namespaces/deeds/virtualmachineinstancemigrations'
const CLAIMS = '/api/v1/namespaces/deeds/persistentvolumeclaims'
const VM = '/apis/kubevirt.io/v1/namespaces/deeds/virtualmachines/web'

let api: KubeApiserver
let virt: VirtController
let token: string
beforeAll(async () => {
  api = await startKubeApiserver({ crds: CRDS })
  token = await shippedToken(api)
  virt = new VirtController(api.client)
})
afterAll(() => api[Symbol.asyncDispose]())

/** An object of its own about the VM, and then what its controller says of it. */
async function deed(path: string, kind: string, name: string, spec: object, status: object): Promise<void> {
  const [, group = ''] = /^\/apis\/(.+)\/namespaces/.exec(path) ?? []
  await api.client.create(path, { apiVersion: group, kind, metadata: { name, namespace: 'deeds' }, spec })
  await api.client.patch(`${path}/${name}/status`, { status })
}

async function claim(name: string): Promise<void> {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
  await api.client.create(CLAIMS, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec })
  await api.client.patch(`${CLAIMS}/${name}/status`, { status: { phase: 'Bound' } })
}

async function bootFrom(claimName: string): Promise<void> {
  const volumes = [{ name: 'root', persistentVolumeClaim: { claimName } }]
  const disks = [{ name: 'root', disk: { bus: 'virtio' } }]
  await api.client.patch(VM, { spec: { template: { spec: { domain: { devices: { disks } }, volumes } } } })
}

const vmRef = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'web' }
const now = (): string => new Date().toISOString()

test('what is done to a VM by objects of their own is told with the rights that ship, while clones are not even installed; what ended while the bridge was down is told as a gap', async () => {
  await using folder = await temporaryFolder()
  await fileIn(folder.path, 'kubeconfig', api.kubeconfig('prod-1', token))
  const config = { clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }] }
  const told = async (bridge: { facts(host: string): Promise<readonly string[]> }): Promise<string> =>
    (await bridge.facts('web.deeds.prod-1')).join(' ')
  await virt.createNamespace('deeds')
  const web = await virt.createVm('deeds', 'web')
  await claim('first')
  await bootFrom('first')
  await deed(SNAPSHOTS, 'VirtualMachineSnapshot', 'old', { source: vmRef }, { phase: 'Succeeded', readyToUse: true })

  let expected = 'discovered'
  {
    await using bridge = await startBridge(folder.path, config)
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)
    await virt.boot(web)
    await virt.connectAgent(web, '10.0.0.7')
    expected += ' started reachable'
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)

    await deed(SNAPSHOTS, 'VirtualMachineSnapshot', 'new', { source: vmRef }, { phase: 'Succeeded', readyToUse: false })
    await api.client.patch(`${SNAPSHOTS}/new/status`, { status: { readyToUse: true, creationTime: now() } })
    expected += ' snapshot_succeeded'
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)

    await deed(MIGRATIONS, 'VirtualMachineInstanceMigration', 'no-room', { vmiName: 'web' }, { phase: 'Failed' })
    expected += ' migration_failed'
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)

    await virt.stop(web)
    expected += ' stopped'
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)
    await claim('second')
    await bootFrom('second')
    expected += ' root_disk_replaced'
    await expect.poll(() => told(bridge), PATIENT).toBe(expected)
  }

  const restore = { target: vmRef, virtualMachineSnapshotName: 'new' }
  await deed(RESTORES, 'VirtualMachineRestore', 'back', restore, {
    complete: true,
    restoreTime: now(),
  })
  await using bridge = await startBridge(folder.path, config)
  expected += ' restore_succeeded'
  await expect.poll(() => told(bridge), PATIENT).toBe(expected)
  const events = (await bridge.events()).filter(event => event.data.vm.name === 'web')
  expect(events.at(-1)?.data).toMatchObject({ gap: true, transition: { from: 'new', to: 'back' } })
  expect(new Set(events.map(event => event.id)).size).toBe(events.length)
})
