import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { projectManagedCluster } from '../../src/cluster/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import { KubeClient } from '../../src/kube/index.ts'
import { connectionOf, managedConnection } from '../../src/service/watch/reach.ts'
import type { Fleet as World } from '../../src/simulator/cast/fleet.ts'
import { MANAGED_CLUSTERS } from '../../src/simulator/kube/resource.ts'
import {
  BOTH,
  checked,
  deleted,
  kubeconfig,
  letReadSecrets,
  PATIENT,
  place,
  putSecret,
  started,
  statuses,
} from './place.ts'

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
    await expect.poll(() => statuses(bridge), { timeout: 60_000, interval: 20 }).toEqual(BOTH)
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
