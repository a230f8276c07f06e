import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MANAGED_CLUSTERS, PLACEMENT_DECISIONS, VMS } from '../../src/simulator/kube/resource.ts'
import { BRIDGE_USER, type FleetServer } from '../../src/simulator/cast/fleet.ts'
import { userBehindProxy } from '../../src/simulator/kube/hub.ts'
import { virtbridge } from '../cli/console.ts'
import { fileIn, startBridge } from '../support/bridge.ts'
import {
  BOTH,
  changes,
  checked,
  deleted,
  kubeconfig,
  letReadSecrets,
  PATIENT,
  place,
  putSecret,
  records,
  slice,
  started,
  statuses,
  told,
} from './place.ts'

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
  await expect.poll(() => statuses(bridge), { timeout: 60_000, interval: 20 }).toEqual(BOTH)
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

  test('two hubs, each with its local-cluster: the alias of the second tells them apart, and one hub that is away takes nothing of the other', async () => {
    const places = [await place(), await place('of another hub')] as const
    const hubs = await Promise.all(
      places.map(async ({ folder, world }, index) => {
        letReadSecrets(world)
        const metadata = { name: 'local-cluster', labels: { local: 'yes' } }
        const own = world.hub.store.get(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' })
        world.hub.store.create(MANAGED_CLUSTERS, { metadata, spec: own?.spec })
        world.hub.store.patch(
          MANAGED_CLUSTERS,
          { namespace: '', name: 'local-cluster' },
          { status: own?.status },
          'status',
        )
        const content = kubeconfig(world.clusters.get('dev-1') as FleetServer)
        world.hub.store.ensureNamespace('local-cluster')
        putSecret(world, 'local-cluster', 'virtbridge-kubeconfig', { kubeconfig: content })
        const config = { kubeconfig: join(folder, 'hub'), context: 'hub1', reach: 'kubeconfig_secret', labels: 'local' }
        return { name: `hub${index + 1}`, ...config }
      }),
    )
    const [first, second] = hubs
    const aliases = { 'local-cluster': 'hub2-local' }
    const bridge = await started(places[0], { hubs: [first, { ...second, aliases }] })
    const all = { hub1: 'synced', hub2: 'synced', 'local-cluster': 'synced', 'hub2-local': 'synced' }
    await expect.poll(() => statuses(bridge), PATIENT).toEqual(all)
    const known = await records(bridge)
    const own = known.filter(({ kind }) => kind !== 'hub').map(({ name, hub }) => `${name} of ${hub}`)
    expect(own.toSorted()).toEqual(['hub2-local of hub2', 'local-cluster of hub1'])
    expect(new Set(known.map(({ uid }) => uid)).size).toBe(4)
    for (const cluster of ['local-cluster', 'hub2-local'])
      expect(await bridge.facts(`web-1.shop.${cluster}`)).toEqual(['discovered'])

    await places[1].world.hub.server.down()
    await expect.poll(() => statuses(bridge), PATIENT).toEqual({ ...all, hub2: 'unavailable' })
    const web = { namespace: 'shop', name: 'web-1' }
    for (const { world } of places)
      world.clusters.get('dev-1')?.store.patch(VMS, web, { metadata: { labels: { seen: 'meanwhile' } } })
    for (const cluster of ['local-cluster', 'hub2-local'])
      await expect.poll(() => bridge.facts(`web-1.shop.${cluster}`), PATIENT).toContain('labels_changed')
    expect(await deleted(bridge)).toBe(0)
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

test('the set that a cluster is in stands in its record, and follows its hub while it is watched and while it can not be read', async () => {
  const at = await place()
  const put = (name: string, set: string | null): void => {
    const labels = { 'cluster.open-cluster-management.io/clusterset': set }
    at.world.hub.store.patch(MANAGED_CLUSTERS, { namespace: '', name }, { metadata: { labels } })
  }
  put('prod-1', 'production')
  const lab = at.world.clusters.get('dev-1')
  if (lab === undefined) throw new Error('no such cluster')
  await fileIn(at.folder, 'own', kubeconfig({ ...lab, name: 'own' }))
  const own = { name: 'own', kubeconfig: 'own', context: 'own', cluster_sets: ['lab', 'test'] }
  const bridge = await started(at, { ...at.config({ labels: 'name=prod-1' }), clusters: [own] })
  const sets = async (): Promise<unknown> =>
    Object.fromEntries((await records(bridge)).map(({ name, cluster_sets }) => [name, cluster_sets]))
  await expect.poll(() => statuses(bridge), PATIENT).toMatchObject({ 'prod-1': 'synced', own: 'synced' })
  expect(await sets()).toEqual({ hub1: [], 'prod-1': ['production'], own: ['lab', 'test'] })
  put('prod-1', 'other')
  await expect.poll(sets, PATIENT).toMatchObject({ 'prod-1': ['other'] })
  at.world.clusters.get('prod-1')?.server.access.admit({ user: userBehindProxy(BRIDGE_USER), rules: [] })
  put('prod-1', null)
  await expect.poll(sets, PATIENT).toMatchObject({ 'prod-1': [] })
})
