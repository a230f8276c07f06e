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
const SNAPSHOTS = ['/apis/snapshot.kubevirt.io/v1beta1', 'virtualmachinesnapshots'] as const
const RESTORES = ['/apis/snapshot.kubevirt.io/v1beta1', 'virtualmachinerestores'] as const
const MIGRATIONS = ['/apis/kubevirt.io/v1', 'virtualmachineinstancemigrations'] as const
const CLAIMS = ['/api/v1', 'persistentvolumeclaims'] as const
const VMS = ['/apis/kubevirt.io/v1', 'virtualmachines'] as const
type Resource = readonly [api: string, plural: string]

let api: KubeApiserver
let virt: VirtController
let token: string
/** Of this try of the test. */
let namespace: string
beforeAll(async () => {
  api = await startKubeApiserver({ crds: CRDS })
  token = await shippedToken(api)
  virt = new VirtController(api.client)
})
afterAll(() => api[Symbol.asyncDispose]())

function pathOf([group, plural]: Resource): string {
  return `${group}/namespaces/${namespace}/${plural}`
}

/** An object of its own about the VM, and then what its controller says of it. */
async function deed(of: Resource, kind: string, name: string, spec: object, status: object): Promise<void> {
  const apiVersion = of[0].replace('/apis/', '')
  await api.client.create(pathOf(of), { apiVersion, kind, metadata: { name, namespace }, spec })
  await api.client.patch(`${pathOf(of)}/${name}/status`, { status })
}

async function claim(name: string): Promise<void> {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
  await api.client.create(pathOf(CLAIMS), { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec })
  await api.client.patch(`${pathOf(CLAIMS)}/${name}/status`, { status: { phase: 'Bound' } })
}

async function bootFrom(claimName: string): Promise<void> {
  const volumes = [{ name: 'root', persistentVolumeClaim: { claimName } }]
  const disks = [{ name: 'root', disk: { bus: 'virtio' } }]
  await api.client.patch(`${pathOf(VMS)}/web`, {
    spec: { template: { spec: { domain: { devices: { disks } }, volumes } } },
  })
}

const vmRef = { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'web' }
const now = (): string => new Date().toISOString()

test('what is done to a VM by objects of their own is told with the rights that ship, while clones are not even installed; what ended while the bridge was down is told as a gap', async () => {
  await using folder = await temporaryFolder()
  await fileIn(folder.path, 'kubeconfig', api.kubeconfig('prod-1', token))
  const config = { clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }] }
  const told = async (bridge: { facts(host: string): Promise<readonly string[]> }): Promise<string> =>
    (await bridge.facts(`web.${namespace}.prod-1`)).join(' ')
  namespace = await virt.freshNamespace('deeds')
  const web = await virt.createVm(namespace, 'web')
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
    await api.client.patch(`${pathOf(SNAPSHOTS)}/new/status`, { status: { readyToUse: true, creationTime: now() } })
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
  const events = (await bridge.events()).filter(event => event.data.vm.namespace === namespace)
  expect(events.at(-1)?.data).toMatchObject({ gap: true, transition: { from: 'new', to: 'back' } })
  expect(new Set(events.map(event => event.id)).size).toBe(events.length)
})
