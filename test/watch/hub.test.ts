import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { type ClusterRecord, projectManagedCluster } from '../../src/cluster/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import type { ClusterEventData, Event } from '../../src/event/index.ts'
import { KubeClient } from '../../src/kube/index.ts'
import { connectionOf, managedConnection } from '../../src/reach.ts'
import { type Fleet as World, startSimulatedFleet } from '../../src/simulator/cast/fleet.ts'
import { HUB_SECRETS, HUB_VIEW } from '../../src/simulator/kube/access.ts'
import { MANAGED_CLUSTERS, PLACEMENT_DECISIONS, SECRETS, VMS } from '../../src/simulator/kube/resource.ts'
import { virtbridge } from '../cli/console.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

const PATIENT = { timeout: 10_000, interval: 20 }
const BOTH = { hub1: 'synced', 'dev-1': 'synced', 'prod-1': 'synced' }

interface Place {
  readonly folder: string
  readonly world: World
  /** A configuration of the hub, with more said of it. */
  config(hub?: object): Record<string, unknown>
}

async function place(): Promise<Place> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const world = await startSimulatedFleet({ dir: join(folder.path, 'world') })
  onTestFinished(() => world[Symbol.asyncDispose]())
  await fileIn(folder.path, 'hub', kubeconfig(world.hub))
  return {
    folder: folder.path,
    world,
    config: (more = {}) => {
      return {
        hubs: [{ name: 'hub1', kubeconfig: 'hub', context: 'hub1', proxy: { url: world.hub.proxyUrl }, ...more }],
      }
    },
  }
}

function kubeconfig({ name, url, token }: { name: string; url: string; token: string }): string {
  return stringify({
    'current-context': name,
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}

async function started({ folder }: Place, config: Record<string, unknown>): Promise<Bridge> {
  const bridge = await startBridge(folder, config)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

async function records(bridge: Bridge): Promise<readonly ClusterRecord[]> {
  return ((await bridge.api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }).clusters
}

async function statuses(bridge: Bridge): Promise<Record<string, string>> {
  return Object.fromEntries((await records(bridge)).map(({ name, status }) => [name, status]))
}

async function told(bridge: Bridge): Promise<readonly Event<ClusterEventData>[]> {
  const page = (await bridge.api.get('/api/v1/events?stream=cluster&limit=500')) as {
    events: Event<ClusterEventData>[]
  }
  return page.events
}

async function changes(bridge: Bridge): Promise<readonly object[]> {
  const events = (await told(bridge)).filter(({ data }) => data.fact === 'placement_changed')
  return events.map(({ data: { added, removed } }) => ({ added, removed }))
}

async function deleted(bridge: Bridge): Promise<number> {
  return (await bridge.events()).filter(({ data }) => data.fact === 'deleted').length
}

async function checked({ folder }: Place, config: object): Promise<{ out: string }> {
  const http = { tokens: [{ name: 'c', token: { env: 'T' } }] }
  const file = await fileIn(folder, 'check.yaml', stringify({ log: { path: 'v.db' }, http, ...config }))
  return virtbridge(['check', '-c', file], { T: 'a-token-of-sixteen-and-more' })
}

/** A Secret of the hub, made or written anew. */
function putSecret({ hub }: World, namespace: string, name: string, content: Record<string, string>): void {
  const data = Object.fromEntries(Object.entries(content).map(([key, text]) => [key, btoa(text)]))
  if (hub.store.get(SECRETS, { namespace, name }) === null)
    hub.store.create(SECRETS, { metadata: { namespace, name }, data })
  else hub.store.patch(SECRETS, { namespace, name }, { data })
}

function letReadSecrets({ hub }: World): void {
  hub.server.access.grant(hub.token, { user: 'bridge', rules: [...HUB_VIEW, ...HUB_SECRETS] })
}

function slice({ hub }: World, name: string, ...clusters: readonly string[]): void {
  const labels = { 'cluster.open-cluster-management.io/placement': 'fleet' }
  const status = { decisions: clusters.map(clusterName => ({ clusterName, reason: '' })) }
  const ref = { namespace: 'ops', name }
  hub.store.ensureNamespace('ops')
  if (hub.store.get(PLACEMENT_DECISIONS, ref) === null)
    hub.store.create(PLACEMENT_DECISIONS, { metadata: { ...ref, labels } })
  hub.store.patch(PLACEMENT_DECISIONS, ref, { status }, 'status')
}

describe('a Placement', () => {
  const placed = { placement: 'ops/fleet' }

  test('says which clusters are watched, by all slices of its decision; they come and go at run time, and none of their VMs is deleted', async () => {
    const at = await place()
    const bridge = await started(at, at.config(placed))
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ hub1: 'joining' })
    expect((await records(bridge))[0]?.reason).toBe('there is no decision of the Placement ops/fleet')

    slice(at.world, 'fleet-decision-1')
    slice(at.world, 'fleet-decision-2', 'prod-1')
    await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ hub1: 'synced', 'prod-1': 'synced' })
    slice(at.world, 'fleet-decision-1', 'dev-1')
    await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)
    slice(at.world, 'fleet-decision-2')
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ ...BOTH, 'prod-1': 'out_of_scope' })

    expect(await changes(bridge)).toContainEqual({ added: ['dev-1'], removed: [] })
    expect(await changes(bridge)).toContainEqual({ added: [], removed: ['prod-1'] })
    expect(await deleted(bridge)).toBe(0)
    at.world.hub.store.remove(PLACEMENT_DECISIONS, { namespace: 'ops', name: 'fleet-decision-1' })
    at.world.hub.store.remove(PLACEMENT_DECISIONS, { namespace: 'ops', name: 'fleet-decision-2' })
    await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ hub1: 'unavailable', 'dev-1': 'synced' })
  })

  test('that changed while the bridge was down is told once, as from what was known before', async () => {
    const at = await place()
    slice(at.world, 'fleet-decision-1', 'dev-1')
    {
      await using first = await startBridge(at.folder, at.config(placed))
      await expect.poll(() => statuses(first), PATIENT).toEqual({ hub1: 'synced', 'dev-1': 'synced' })
      expect(await changes(first)).toEqual([])
    }
    slice(at.world, 'fleet-decision-1', 'prod-1')
    const bridge = await started(at, at.config(placed))
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ ...BOTH, 'dev-1': 'out_of_scope' })
    const all = await changes(bridge)
    expect(all).toContainEqual({ added: ['prod-1'], removed: [] })
    expect(all).toContainEqual({ added: [], removed: ['dev-1'] })
    expect(all).toHaveLength(2)
  })
})

test('a cluster that its hub has no more is detached, held as it was, and watched again when it is back', async () => {
  const at = await place()
  const { store } = at.world.hub
  const bridge = await started(at, at.config({ labels: 'vendor=Kubernetes', cluster_set: '' }))
  await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)
  const ref = { namespace: '', name: 'dev-1' }
  const cluster = store.get(MANAGED_CLUSTERS, ref)
  store.remove(MANAGED_CLUSTERS, ref)
  await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ 'dev-1': 'out_of_scope', 'prod-1': 'synced' })
  expect((await told(bridge)).filter(({ data }) => data.fact === 'detached')).toMatchObject([{ subject: 'dev-1' }])
  expect((await records(bridge)).find(({ name }) => name === 'dev-1')?.left_at).toBeGreaterThan(0)

  const { labels = {} } = cluster?.metadata ?? {}
  store.create(MANAGED_CLUSTERS, { metadata: { name: 'dev-1', labels }, spec: cluster?.spec, status: cluster?.status })
  store.patch(MANAGED_CLUSTERS, ref, { status: cluster?.status }, 'status')
  await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)
  expect(await deleted(bridge)).toBe(0)
})

test('that a hub no longer hears of a cluster is shown, and told by nobody while the cluster can be read', async () => {
  const at = await place()
  const bridge = await started(at, at.config())
  await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)
  const before = await told(bridge)
  const { store } = at.world.hub
  const ref = { namespace: '', name: 'dev-1' }
  const { conditions = [] } = (store.get(MANAGED_CLUSTERS, ref)?.status ?? {}) as {
    conditions?: { type: string; status: string }[]
  }
  const silent = conditions.map(one => {
    return one.type === 'ManagedClusterConditionAvailable' ? { ...one, status: 'Unknown' } : one
  })
  store.patch(MANAGED_CLUSTERS, ref, { status: { conditions: silent } }, 'status')
  const dev = async (): Promise<object | undefined> => (await records(bridge)).find(({ name }) => name === 'dev-1')
  await expect.poll(dev, PATIENT).toMatchObject({ hub_says: 'silent', status: 'synced', reason: '' })
  expect(await told(bridge)).toEqual(before)
  const env = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token }
  expect((await virtbridge(['clusters'], env)).out).toMatch(/dev-1 .*synced.*hub1 has not heard of its agent/)
})

test('an outage of the hub changes nothing about clusters that are reached without it', async () => {
  const at = await place()
  letReadSecrets(at.world)
  for (const [name, { token }] of at.world.clusters) putSecret(at.world, name, 'virtbridge-reader', { token })
  const bridge = await started(at, at.config({ reach: 'direct' }))
  await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)
  const before = (await told(bridge)).length
  await at.world.hub.server.down()
  await expect.poll(() => statuses(bridge), PATIENT).toEqual({ ...BOTH, hub1: 'unavailable' })
  const web = { namespace: 'shop', name: 'web-1' }
  at.world.clusters.get('dev-1')?.store.patch(VMS, web, { metadata: { labels: { seen: 'meanwhile' } } })
  await expect.poll(() => bridge.facts('web-1.shop.dev-1'), PATIENT).toContain('labels_changed')
  expect((await told(bridge)).slice(before)).toEqual([])
  await at.world.hub.server.up()
  await expect.poll(() => statuses(bridge), { timeout: 20_000, interval: 20 }).toEqual(BOTH)
})

/** Every way, what it needs on the hub, and how its token is rotated. */
const WAYS = [
  {
    reach: 'managed_account',
    put: (world: World, name: string, token: string): void => putSecret(world, name, 'virtbridge-reader', { token }),
  },
  {
    reach: 'direct',
    put: (world: World, name: string, token: string): void => putSecret(world, name, 'virtbridge-reader', { token }),
  },
  {
    reach: 'kubeconfig_secret',
    put: (world: World, name: string, token: string): void => {
      const url = world.clusters.get(name as 'dev-1')?.url ?? ''
      putSecret(world, name, 'virtbridge-kubeconfig', { kubeconfig: kubeconfig({ name, url, token }) })
    },
  },
] as const

describe.each(WAYS)('clusters reached by $reach', ({ reach, put }) => {
  const all = (world: World): void => {
    for (const [name, { token }] of world.clusters) put(world, name, token)
  }

  test('are watched; a token that is rotated under us is followed without a person', async () => {
    const at = await place()
    letReadSecrets(at.world)
    all(at.world)
    const bridge = await started(at, at.config({ reach }))
    await expect.poll(() => statuses(bridge), PATIENT).toEqual(BOTH)

    const dev = at.world.clusters.get('dev-1')
    const identity = dev?.server.access.find(dev.token)
    dev?.server.access.revoke(dev.token)
    dev?.server.access.grant('rotated', identity ?? { user: 'nobody', rules: [] })
    put(at.world, 'dev-1', 'rotated')
    await dev?.server.down()
    await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ 'dev-1': 'unavailable' })
    await dev?.server.up()
    await expect.poll(() => statuses(bridge), { timeout: 20_000, interval: 20 }).toEqual(BOTH)
    expect(await deleted(bridge)).toBe(0)
  })

  test('are checked, and what is missing is said with the next step', async () => {
    const at = await place()
    const check = async (): Promise<readonly string[]> => {
      const { out } = await checked(at, at.config({ reach }))
      return out.split('\n').filter(line => /dev-1|hub1: selection|^ {6}/.test(line))
    }
    const secret = reach === 'kubeconfig_secret' ? 'virtbridge-kubeconfig' : 'virtbridge-reader'
    expect(await check()).toEqual([
      'ok    hub hub1: selection: 2 clusters: dev-1, prod-1',
      `FAIL  cluster dev-1: the Secret dev-1/${secret} of hub1 may not be read`,
      expect.stringContaining('deploy/kubernetes/hub-secrets-rbac'),
      expect.stringContaining('deploy/kubernetes/hub-secrets-rbac'),
    ])
    letReadSecrets(at.world)
    expect(await check()).toEqual([
      'ok    hub hub1: selection: 2 clusters: dev-1, prod-1',
      `FAIL  cluster dev-1: the Secret dev-1/${secret} of hub1 is not there`,
      expect.stringContaining('docs/operations/clusters.md'),
      expect.stringContaining('docs/operations/clusters.md'),
    ])
    all(at.world)
    expect(await check()).toEqual([
      'ok    hub hub1: selection: 2 clusters: dev-1, prod-1',
      expect.stringMatching(/^ok {4}cluster dev-1: http:\S+, Kubernetes v\S+, identity \S+$/),
      'ok    cluster dev-1: virtualmachines: may be listed and watched',
      'ok    cluster dev-1: virtualmachineinstances: may be listed and watched',
      expect.stringMatching(/^ok {4}cluster dev-1: optional: virtualmachineinstancemigrations\b.* are read too/),
    ])
  })
})

test('a cluster that is reached directly is followed to another URL; one without https on another machine is not trusted with a token', async () => {
  const at = await place()
  letReadSecrets(at.world)
  for (const [name, { token }] of at.world.clusters) putSecret(at.world, name, 'virtbridge-reader', { token })
  const moveTo = (url: string): unknown =>
    at.world.hub.store.patch(
      MANAGED_CLUSTERS,
      { namespace: '', name: 'dev-1' },
      { spec: { managedClusterClientConfigs: [{ url }] } },
    )
  moveTo('http://api.dev-1.example.com:6443')
  const { out } = await checked(at, at.config({ reach: 'direct' }))
  const [, wrong, hint] = out.split('\n').filter(line => /dev-1|spec\.managed/.test(line))
  expect([wrong, hint]).toEqual([
    'FAIL  cluster dev-1: the ManagedCluster dev-1 says that its API server is at http://api.dev-1.example.com:6443',
    expect.stringContaining('must have an https URL and its caBundle'),
  ])

  const { hub, clusters } = at.world
  const hubs = at.config({ reach: 'direct' })['hubs']
  const [config] = parseConfig(stringify({ hubs }), join(at.folder, 'virtbridge.yaml')).hubs
  if (config === undefined) throw new Error('no hub')
  const connection = connectionOf(config)
  await using client = new KubeClient({ connection, userAgent: 'test' })
  const signal = AbortSignal.timeout(10_000)
  const managed = { ...projectManagedCluster(hub.store.get(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' })) }
  let url = 'http://127.0.0.1:9'
  const dev = managedConnection({ hub: config, connection, client, signal }, () => ({ ...managed, url }))
  await using kube = new KubeClient({ connection: dev, userAgent: 'test' })
  await expect(kube.identity(signal)).rejects.toMatchObject({ kind: 'unreachable' })
  url = clusters.get('dev-1')?.url ?? ''
  expect(await kube.identity(signal)).toBe(clusters.get('dev-1')?.store.identity)
})

describe('names and identities', () => {
  test('two hubs with clusters of one name: the second is told that it needs an alias, and takes the name when it is free', async () => {
    const at = await place()
    slice(at.world, 'fleet-decision-1', 'dev-1', 'prod-1')
    const [hub] = at.config()['hubs'] as object[]
    const bridge = await started(at, {
      hubs: [
        { ...hub, placement: 'ops/fleet' },
        { ...hub, name: 'hub2', labels: 'second' },
      ],
    })
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ ...BOTH, hub2: 'synced' })
    const ref = { namespace: '', name: 'dev-1' }
    at.world.hub.store.patch(MANAGED_CLUSTERS, ref, { metadata: { labels: { second: 'yes' } } })

    const refused = async (): Promise<readonly object[]> => {
      const { checks } = (await (await fetch(`${bridge.url}/readyz`)).json()) as { checks: { name: string }[] }
      return checks.filter(({ name }) => name.includes('(configuration)'))
    }
    const hint = 'give it a name of its own: hubs[].aliases of hub2, as dev-1: hub2-dev-1'
    const name = 'cluster hub2/dev-1 (configuration)'
    await expect.poll(refused, PATIENT).toMatchObject([{ name, hint }])
    slice(at.world, 'fleet-decision-1', 'prod-1')
    const dev = async (): Promise<object | undefined> => (await records(bridge)).find(({ name }) => name === 'dev-1')
    await expect.poll(dev, PATIENT).toMatchObject({ hub: 'hub2', status: 'synced' })
    expect([await refused(), await deleted(bridge)]).toEqual([[], 0])
  })

  test('the check tells both: a name that is taken, and a cluster that is there twice', async () => {
    const at = await place()
    const [hub] = at.config()['hubs'] as object[]
    const { out } = await checked(at, {
      hubs: [hub, { ...hub, name: 'hub2', aliases: { 'prod-1': 'prod-2' } }],
    })
    const wrong = out.split('\n').filter(line => /^(FAIL|warn)/.test(line))
    expect(wrong).toEqual([
      'FAIL  cluster dev-1 of hub2: "dev-1" is the name of another one here, of hub1: it would not be watched',
      'warn  cluster prod-2: it is the same cluster as prod-1: only one of the two is watched',
      expect.stringContaining('controller'),
    ])
  })

  test('one cluster under two names is watched once, and the other name says which', async () => {
    const at = await place()
    const [hub] = at.config()['hubs'] as object[]
    const aliases = { 'dev-1': 'dev-2', 'prod-1': 'prod-2' }
    const bridge = await started(at, { hubs: [hub, { ...hub, name: 'hub2', aliases }] })
    const counts = async (): Promise<Record<string, number>> => {
      const all = (await records(bridge)).filter(({ kind }) => kind === 'cluster')
      return Object.fromEntries(
        ['synced', 'out_of_scope'].map(is => [is, all.filter(({ status }) => status === is).length]),
      )
    }
    await expect.poll(counts, PATIENT).toEqual({ synced: 2, out_of_scope: 2 })
    const parked = (await records(bridge)).filter(({ status }) => status === 'out_of_scope')
    for (const { reason } of parked)
      expect(reason).toMatch(/^it is the same cluster as (dev|prod)-[12], which is watched already$/)
    await bridge.api.get('/api/v1/inventory')
  })
})
