import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onPlural, type Trouble } from '../../src/simulator/kube/faults.ts'
import type { World } from '../kube/world.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { type Clusters, startClusters } from './clusters.ts'

const SOON = { timeout: 60_000, interval: 10 }

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly reason: string
  readonly hint: string
}

async function ready(bridge: Bridge): Promise<{ status: string; checks: readonly Check[] }> {
  return (await (await fetch(`${bridge.url}/readyz`)).json()) as { status: string; checks: readonly Check[] }
}

/** What /readyz has to say of a cluster, once it has more to say than that it was not read yet. */
async function checkOf(bridge: Bridge, name: string): Promise<Check | undefined> {
  const { checks } = await ready(bridge)
  return checks.find(check => check.name.startsWith(`cluster ${name}`) && !check.ok && check.reason !== 'not read yet')
}

/** Host names of the inventory with whether each is stale, or what the bridge says instead. */
async function inventory(bridge: Bridge): Promise<unknown> {
  const answer = await fetch(`${bridge.url}/api/v1/inventory`, { headers: { authorization: `Bearer ${bridge.token}` } })
  const body = (await answer.json()) as {
    _meta?: { hostvars: Record<string, { kubevirt_stale: boolean; kubevirt_enabled: boolean }> }
    clusters?: string[]
  }
  if (body._meta === undefined) return `${answer.status} ${body.clusters?.join(' ')}`
  return Object.entries(body._meta.hostvars).map(
    ([host, vars]) => `${host}${vars.kubevirt_stale ? ' stale' : ''}${vars.kubevirt_enabled ? '' : ' disabled'}`,
  )
}

const forbid = (world: World): (() => void) => plant(world, { kind: 'forbidden' })

function plant(world: World, trouble: Trouble): () => void {
  return world.server.faults.plant(trouble, onPlural('virtualmachines'))
}

interface Broken {
  readonly name: string
  readonly what: string
  readonly reason: RegExp
  readonly hint: RegExp
}

/** Clusters that are there, and what is done to them. */
const HARMED: readonly (Broken & { readonly harm: (world: World) => unknown })[] = [
  {
    name: 'down-1',
    what: 'can not be reached',
    harm: world => world.server.down(),
    reason: /ECONNREFUSED/,
    hint: /check the URL, the network/,
  },
  {
    name: 'forbidden-1',
    what: 'forbids its VMs',
    harm: forbid,
    reason: /virtualmachines.*forbidden/,
    hint: /ClusterRole/,
  },
  {
    name: 'absent-1',
    what: 'has no KubeVirt',
    harm: world => plant(world, { kind: 'absent' }),
    reason: /404|not find/,
    hint: /install OpenShift Virtualization or KubeVirt/,
  },
  {
    name: 'revoked-1',
    what: 'does not know the token',
    harm: world => world.server.access.revoke('token'),
    reason: /Unauthorized/,
    hint: /renew the credentials/,
  },
  {
    name: 'failing-1',
    what: 'fails',
    harm: world => plant(world, { kind: 'status', code: 500 }),
    reason: /./,
    hint: /look at the API server/,
  },
]

const ONE = (cluster: string, user: string): string => `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"${cluster}}}]
users: [{name: a, user: ${user}}]
contexts: [{name: x, context: {cluster: a, user: a}}]
`

/** Clusters that can not even be tried. */
const MISCONFIGURED: readonly (Broken & { readonly kubeconfig: string | null })[] = [
  { name: 'gone-1', what: 'has no kubeconfig', kubeconfig: null, reason: /can not be read/, hint: /check the path/ },
  {
    name: 'broken-1',
    what: 'has a kubeconfig that is no YAML',
    kubeconfig: 'apiVersion: [',
    reason: /kubeconfig/,
    hint: /./,
  },
  { name: 'pod-1', what: 'has another document', kubeconfig: 'kind: Pod\n', reason: /kubeconfig/, hint: /./ },
  { name: 'empty-1', what: 'has an empty kubeconfig', kubeconfig: '\n', reason: /kubeconfig/, hint: /./ },
  {
    name: 'context-1',
    what: 'lacks its context',
    kubeconfig: ONE('', '{token: x}').replace('name: x', 'name: y'),
    reason: /no context "x"/,
    hint: /it has: y/,
  },
  {
    name: 'ca-1',
    what: 'names a certificate that is not there',
    kubeconfig: ONE(', certificate-authority: /nowhere/ca.pem', '{token: x}'),
    reason: /\/nowhere\/ca\.pem/,
    hint: /./,
  },
  {
    name: 'exec-1',
    what: 'runs a program to log in',
    kubeconfig: ONE('', '{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false}}'),
    reason: /runs a program to log in/,
    hint: /allow_exec/,
  },
  {
    name: 'plain-1',
    what: 'sends its token in the clear',
    kubeconfig: ONE('', '{token: x}').replace('https:', 'http:'),
    reason: /plain http/,
    hint: /https/,
  },
]

describe('clusters in trouble are one line each on /readyz, and the rest of the fleet goes on', () => {
  let stack: AsyncDisposableStack
  let clusters: Clusters
  let bridge: Bridge
  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    const { path } = stack.use(await temporaryFolder())
    clusters = stack.use(await startClusters(path, 'prod-1', ...HARMED.map(({ name }) => name)))
    for (const { name, harm } of HARMED) await harm(clusters.worlds[name] ?? raise(name))
    for (const { name, kubeconfig } of MISCONFIGURED) if (kubeconfig !== null) await fileIn(path, name, kubeconfig)
    const misconfigured = MISCONFIGURED.map(({ name }) => ({ name, kubeconfig: name, context: 'x' }))
    bridge = stack.use(await startBridge(path, { clusters: [...misconfigured, ...clusters.config] }))
  })
  afterAll(() => stack.disposeAsync())

  test.each([...HARMED, ...MISCONFIGURED])('$name, which $what', async ({ name, reason, hint }) => {
    await expect.poll(async () => (await checkOf(bridge, name))?.reason, SOON).toMatch(reason)
    const check = await checkOf(bridge, name)
    expect(check?.hint).toMatch(hint)
    expect(`${check?.reason} ${check?.hint}`).not.toContain('\n')
  })

  test('the others are watched, it is degraded and not down, and the inventory says for whom it waits', async () => {
    await expect.poll(() => bridge.facts('web-1.shop.prod-1'), SOON).toEqual(['discovered'])
    clusters.worlds['prod-1']?.addVm('web-2')
    await expect.poll(() => bridge.facts('web-2.shop.prod-1'), SOON).toEqual(['created'])
    const { status, checks } = await ready(bridge)
    expect(status).toBe('degraded')
    expect(checks.map(check => check.name.split(' ')[1] ?? 'log').sort()).toEqual(
      ['log', 'prod-1', ...[...HARMED, ...MISCONFIGURED].map(({ name }) => name)].sort(),
    )
    expect(checks.find(check => check.name === 'cluster prod-1')).toMatchObject({ ok: true })
    expect(await inventory(bridge)).toBe(
      `503 ${[...HARMED, ...MISCONFIGURED]
        .map(({ name }) => name)
        .sort()
        .join(' ')}`,
    )
  })
})

function raise(name: string): never {
  throw new Error(`no cluster ${name}`)
}

test('a hub whose proxy has no certificate to trust is one line, and the clusters beside it go on', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1')
  const hubs = [{ name: 'hub1', kubeconfig: 'nowhere', proxy: { url: 'https://127.0.0.1:1', ca_file: 'nowhere.pem' } }]
  await using bridge = await startBridge(folder.path, { clusters: clusters.config, hubs })
  await expect.poll(() => bridge.facts('web-1.shop.prod-1'), SOON).toEqual(['discovered'])
  await expect
    .poll(
      async () =>
        (await ready(bridge)).checks
          .filter(check => check.name.includes('hub1'))
          .map(check => check.reason)
          .join(' '),
      SOON,
    )
    .toContain(join(folder.path, 'nowhere'))
})

test('the inventory opens when each cluster was read once, stays open when one goes away, and marks its hosts stale, then disabled', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1', 'dev-1')
  const dev = clusters.worlds['dev-1']
  if (dev === undefined) throw new Error('no cluster')
  const allowed = forbid(dev)
  const limits = (disabled: number): Record<string, unknown> => ({
    clusters: clusters.config,
    watch: { ...HOLDS, heartbeat_seconds: 0.1 },
    inventory: { stale_after_seconds: 0.6, disable_stale_after_seconds: disabled },
  })
  const both = ['web-1.shop.dev-1', 'web-1.shop.prod-1']
  {
    // What is in between lasts as long as it takes to see it.
    await using bridge = await startBridge(folder.path, limits(3_600))
    await expect.poll(() => inventory(bridge), SOON).toBe('503 dev-1')
    allowed()
    await expect.poll(() => inventory(bridge), SOON).toEqual(both)
    await dev.server.down()
    await expect.poll(() => inventory(bridge), SOON).toEqual(['web-1.shop.dev-1 stale', 'web-1.shop.prod-1'])
  }
  // Started again while it is away: what is known of it stands, and the inventory is open from the first answer.
  await using bridge = await startBridge(folder.path, limits(1.5))
  expect(await hosts(bridge)).toEqual(both)
  await expect.poll(() => inventory(bridge), SOON).toEqual(['web-1.shop.dev-1 stale disabled', 'web-1.shop.prod-1'])
  expect(await bridge.facts('web-1.shop.dev-1')).toEqual(['discovered'])
})

test('a cluster that was never read and is taken out of the configuration keeps the inventory closed no longer', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1', 'typo-1')
  await clusters.worlds['typo-1']?.server.down()
  {
    await using bridge = await startBridge(folder.path, { clusters: clusters.config })
    await expect.poll(() => inventory(bridge), SOON).toBe('503 typo-1')
  }
  await using bridge = await startBridge(folder.path, { clusters: clusters.config.slice(0, 1) })
  await expect.poll(() => inventory(bridge), SOON).toEqual(['web-1.shop.prod-1'])
  await expect.poll(async () => (await ready(bridge)).status, SOON).toBe('ready')
})

const HOLDS = {
  stopped_hold_seconds: 0.2,
  reachable_hold_seconds: 0.05,
  unreachable_hold_seconds: 0.2,
  address_hold_seconds: 0.05,
}

async function hosts(bridge: Bridge): Promise<readonly string[]> {
  return ((await inventory(bridge)) as string[]).map(line => line.split(' ')[0] ?? '')
}
