import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { virtbridge } from '../cli/console.ts'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { VirtController } from '../support/virt.ts'

const PATIENT = { timeout: 60_000, interval: 50 }
const OCM = '/apis/cluster.open-cluster-management.io'
const AGENT = { namespace: 'open-cluster-management-agent-addon', name: 'virtbridge-reader' }

/** A hub that manages itself, as every ACM hub does: one real API server is both. */
let api: KubeApiserver
let virt: VirtController
let hubToken: string
let readerToken: string
beforeAll(async () => {
  api = await startKubeApiserver({
    crds: [
      'virtualmachines.kubevirt.io',
      'virtualmachineinstances.kubevirt.io',
      'virtualmachinesnapshots.snapshot.kubevirt.io',
      'managedclusters.cluster.open-cluster-management.io',
      'managedclustersets.cluster.open-cluster-management.io',
      'placementdecisions.cluster.open-cluster-management.io',
    ],
  })
  virt = new VirtController(api.client)
  hubToken = await shippedToken(api, ['hub-rbac', 'hub-secrets-rbac'])
  readerToken = await shippedToken(api, ['managed-rbac', 'managed-account-rbac'], AGENT)
  await virt.createNamespace('local-cluster')
  await virt.createNamespace('ops')
  await virt.createNamespace('shop')
  await virt.boot(await virt.createVm('shop', 'web-1'))
  const spec = {
    hubAcceptsClient: true,
    managedClusterClientConfigs: [{ url: api.url, caBundle: Buffer.from(api.ca).toString('base64') }],
  }
  const meta = { name: 'local-cluster', labels: { 'cluster.open-cluster-management.io/clusterset': 'blue' } }
  const kind = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' }
  await api.client.create(`${OCM}/v1/managedclusters`, { ...kind, metadata: meta, spec })
  const at = { lastTransitionTime: new Date().toISOString(), message: '', status: 'True' }
  const conditions = [{ ...at, type: 'ManagedClusterJoined', reason: 'ManagedClusterJoined' }]
  await api.client.patch(`${OCM}/v1/managedclusters/local-cluster/status`, { status: { conditions } })
  await api.client.create(`${OCM}/v1beta2/managedclustersets`, {
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSet',
    metadata: { name: 'blue' },
    spec: { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } },
  })
  await secret('virtbridge-reader', { token: readerToken, 'ca.crt': api.ca })
  await secret('virtbridge-kubeconfig', { kubeconfig: api.kubeconfig('local-cluster', readerToken) })
})
afterAll(() => api[Symbol.asyncDispose]())

function secret(name: string, stringData: Record<string, string>): Promise<unknown> {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'local-cluster' }, stringData }
  return api.client.create('/api/v1/namespaces/local-cluster/secrets', object)
}

async function decide(...clusters: readonly string[]): Promise<void> {
  const path = `${OCM}/v1beta1/namespaces/ops/placementdecisions`
  await api.client.apply(`${path}/fleet-decision-1`, {
    apiVersion: 'cluster.open-cluster-management.io/v1beta1',
    kind: 'PlacementDecision',
    metadata: {
      name: 'fleet-decision-1',
      namespace: 'ops',
      labels: { 'cluster.open-cluster-management.io/placement': 'fleet' },
    },
  })
  const decisions = clusters.map(clusterName => ({ clusterName, reason: '' }))
  await api.client.patch(`${path}/fleet-decision-1/status`, { status: { decisions } })
}

async function configFor(folder: string, more: object): Promise<Record<string, unknown>> {
  await fileIn(folder, 'hub', api.kubeconfig('hub1', hubToken))
  const aliases = { 'local-cluster': 'hub1-local' }
  return { hubs: [{ name: 'hub1', kubeconfig: 'hub', context: 'hub1', aliases, cluster_set: 'blue', ...more }] }
}

async function statuses(bridge: Bridge): Promise<Record<string, string>> {
  const { clusters } = (await bridge.api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  return Object.fromEntries(clusters.map(({ name, status }) => [name, status]))
}

test('a hub is followed and its cluster watched with the rights that are shipped, and no others', async () => {
  await using folder = await temporaryFolder()
  await decide()
  await using bridge = await startBridge(
    folder.path,
    await configFor(folder.path, { placement: 'ops/fleet', reach: 'direct' }),
  )
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ hub1: 'synced' })

  await decide('local-cluster')
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ hub1: 'synced', 'hub1-local': 'synced' })
  await expect.poll(() => bridge.facts('web-1.shop.hub1-local'), PATIENT).toEqual(['discovered'])

  await decide()
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ hub1: 'synced', 'hub1-local': 'out_of_scope' })
  expect(await bridge.facts('web-1.shop.hub1-local')).not.toContain('deleted')
})

test.each(['direct', 'kubeconfig_secret'])('a cluster that is reached by %s is well, says the check', async reach => {
  await using folder = await temporaryFolder()
  await decide('local-cluster')
  const http = { tokens: [{ name: 'c', token: { env: 'T' } }] }
  const config = { log: { path: 'v.db' }, http, ...(await configFor(folder.path, { reach, placement: 'ops/fleet' })) }
  const { out } = await virtbridge(['check', '-c', await fileIn(folder.path, 'v.yaml', stringify(config))], {
    T: 'a-token-of-sixteen-and-more',
  })
  const lines = out.split('\n').filter(line => /hub1/.test(line))
  expect(lines.filter(line => !line.startsWith('ok'))).toEqual([])
  expect(lines).toContainEqual('ok    hub hub1: selection: 1 cluster: hub1-local')
  expect(lines).toContainEqual(expect.stringContaining(`ok    cluster hub1-local: ${api.url}, Kubernetes v`))
})
