import { stringify } from 'yaml'
import { expect, onTestFinished, test } from 'vitest'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { type Fleet as World, startSimulatedFleet } from '../../src/simulator/cast/fleet.ts'
import { MANAGED_CLUSTERS } from '../../src/simulator/kube/resource.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

const PATIENT = { timeout: 60_000, interval: 20 }

async function world(folder: string): Promise<World> {
  const fleet = await startSimulatedFleet({ dir: folder })
  onTestFinished(() => fleet[Symbol.asyncDispose]())
  return fleet
}

function kubeconfig({ name, url, token }: { name: string; url: string; token: string }): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}

async function statuses(bridge: Bridge): Promise<Record<string, string>> {
  const { clusters } = (await bridge.api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  return Object.fromEntries(clusters.map(cluster => [cluster.name, cluster.status]))
}

async function hosts(bridge: Bridge): Promise<readonly string[]> {
  const { vms } = (await bridge.api.get('/api/v1/vms')) as { vms: { host: string }[] }
  return vms.map(vm => vm.host)
}

test('a cluster that the configuration no longer names is out of scope: its VMs stay, none is deleted, and no job may run there', async () => {
  await using folder = await temporaryFolder()
  const { clusters } = await world(folder.path)
  const direct = []
  for (const cluster of clusters.values()) {
    await fileIn(folder.path, cluster.name, kubeconfig(cluster))
    direct.push({ name: cluster.name, kubeconfig: cluster.name, context: cluster.name })
  }
  let known: readonly string[]
  {
    await using bridge = await startBridge(folder.path, { clusters: direct })
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ 'dev-1': 'synced', 'prod-1': 'synced' })
    known = await hosts(bridge)
  }

  await using bridge = await startBridge(folder.path, { clusters: direct.slice(1) })
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ 'dev-1': 'out_of_scope', 'prod-1': 'synced' })
  expect(await hosts(bridge)).toEqual(known)
  expect((await bridge.events()).filter(event => event.data.fact === 'deleted')).toEqual([])
  await expect.poll(async () => (await bridge.facts('web-1.shop.dev-1')).at(-1), PATIENT).toBe('out_of_scope')
  const explained = (await bridge.api.get('/api/v1/explain/web-1.shop.dev-1')) as { launch: object }
  expect(explained.launch).toEqual({ possible: false, because: 'its cluster is out_of_scope' })
  await bridge.api.get('/api/v1/inventory')
})

test('a cluster that its hub gives up is out of scope, and is watched again when the hub takes it back', async () => {
  await using folder = await temporaryFolder()
  const { hub } = await world(folder.path)
  await fileIn(folder.path, 'hub', kubeconfig(hub))
  const config = { hubs: [{ name: 'hub1', kubeconfig: 'hub', context: 'hub1', proxy: { url: hub.proxyUrl } }] }
  await using bridge = await startBridge(folder.path, config)
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ hub1: 'synced', 'dev-1': 'synced', 'prod-1': 'synced' })
  const known = await hosts(bridge)
  const accept = (yes: boolean): unknown =>
    hub.store.patch(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' }, { spec: { hubAcceptsClient: yes } })

  accept(false)
  await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ 'dev-1': 'out_of_scope', 'prod-1': 'synced' })
  await expect.poll(async () => (await bridge.facts('web-1.shop.dev-1')).at(-1), PATIENT).toBe('out_of_scope')
  accept(true)
  await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ 'dev-1': 'synced', 'prod-1': 'synced' })

  await expect.poll(async () => (await bridge.facts('web-1.shop.dev-1')).at(-1), PATIENT).toBe('discovered')
  expect(await hosts(bridge)).toEqual(known)
  expect((await bridge.events()).filter(event => event.data.fact === 'deleted')).toEqual([])
})

test('a cluster that its hub gave up while the bridge was down is out of scope from the first look', async () => {
  await using folder = await temporaryFolder()
  const { hub } = await world(folder.path)
  await fileIn(folder.path, 'hub', kubeconfig(hub))
  const config = { hubs: [{ name: 'hub1', kubeconfig: 'hub', context: 'hub1', proxy: { url: hub.proxyUrl } }] }
  {
    await using bridge = await startBridge(folder.path, config)
    await expect
      .poll(() => statuses(bridge), PATIENT)
      .toEqual({ hub1: 'synced', 'dev-1': 'synced', 'prod-1': 'synced' })
  }
  hub.store.patch(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' }, { spec: { hubAcceptsClient: false } })

  await using bridge = await startBridge(folder.path, config)
  await expect
    .poll(() => statuses(bridge), PATIENT)
    .toEqual({ hub1: 'synced', 'dev-1': 'out_of_scope', 'prod-1': 'synced' })
})
