import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Explanation } from '../../src/day2/index.ts'
import { VMIS } from '../../src/simulator/kube/resource.ts'
import type { World } from '../kube/world.ts'
import { virtbridge } from '../cli/console.ts'
import { type Clusters, startClusters } from '../service/clusters.ts'
import { type Bridge, SHORT_HOLDS, startBridge, temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 20 }

/** What is made of a VM, and what must be told of it: on the inventory, and on launching. */
const STATES: readonly {
  readonly name: string
  readonly make: (world: World) => unknown
  readonly enabled: RegExp
  readonly launch: RegExp
}[] = [
  {
    name: 'well',
    make: world => world.boot('well', { address: '10.0.0.2' }),
    enabled: /it runs, its agent answers and it has an address/,
    launch: /./,
  },
  { name: 'off', make: () => undefined, enabled: /^stopped$/, launch: /./ },
  {
    name: 'starting',
    make: world => world.boot('starting', { phase: 'Scheduling' }),
    enabled: /^stopped$/,
    launch: /./,
  },
  { name: 'mute', make: world => without(world, 'mute', { conditions: [] }), enabled: /^no agent$/, launch: /./ },
  {
    name: 'nowhere',
    make: world => without(world, 'nowhere', { interfaces: [] }),
    enabled: /^no address$/,
    launch: /./,
  },
  {
    name: 'paused',
    make: world =>
      without(world, 'paused', {
        conditions: [
          { type: 'AgentConnected', status: 'True' },
          { type: 'Paused', status: 'True' },
        ],
      }),
    enabled: /^paused$/,
    launch: /./,
  },
]

function without(world: World, name: string, status: object): void {
  world.boot(name, { address: '10.0.0.9' })
  world.store.patch(VMIS, { namespace: 'shop', name }, { status })
}

describe('Everything can say why.', () => {
  let stack: AsyncDisposableStack
  let clusters: Clusters
  let bridge: Bridge
  let hostvars: Record<string, Record<string, unknown>>

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    const { path } = stack.use(await temporaryFolder())
    clusters = stack.use(await startClusters(path, 'prod-1', 'dev-1'))
    const world = clusters.worlds['prod-1']
    if (world === undefined) throw new Error('no cluster')
    for (const { name, make } of STATES) {
      world.addVm(name)
      make(world)
    }
    bridge = stack.use(
      await startBridge(path, {
        clusters: clusters.config,
        watch: { ...SHORT_HOLDS, heartbeat_seconds: 0.1 },
        inventory: { stale_after_seconds: 0.5, disable_stale_after_seconds: 1 },
      }),
    )
    await vi.waitFor(async () => {
      hostvars = await varsOfAll()
      if (hostvars['well.shop.prod-1']?.['kubevirt_enabled'] !== true) throw new Error('not yet')
    }, SOON)
  })
  afterAll(() => stack.disposeAsync())

  async function varsOfAll(): Promise<typeof hostvars> {
    return ((await bridge.api.get('/api/v1/inventory')) as { _meta: { hostvars: typeof hostvars } })._meta.hostvars
  }

  async function explain(host: string): Promise<Explanation> {
    return (await bridge.api.get(`/api/v1/explain/${host}`)) as Explanation
  }

  test.each(STATES)(
    'why a VM that is $name is or is not enabled, launched on and onboarded: by API, by CLI, and as the inventory has it',
    async ({ name, enabled, launch }) => {
      const host = `${name}.shop.prod-1`
      // On a machine that is busy its cluster may seem stale for a moment: its limits are short here.
      await vi.waitFor(async () => {
        const why = await explain(host)
        const vars = (await varsOfAll())[host]
        expect(why.inventory.because).toMatch(enabled)
        expect(why.launch.because).toMatch(launch)
        expect(why.onboard).toEqual({ due: false, because: expect.stringMatching(/./) as string })
        expect(why.inventory.enabled).toBe(vars?.['kubevirt_enabled'])
        expect(why.inventory.enabled ? '' : why.inventory.because).toBe(vars?.['kubevirt_reachable_reason'])
        expect(why).toMatchObject({
          host,
          adopted: true,
          cluster: { name: 'prod-1', status: 'synced', staleness: 'fresh' },
        })

        const { out } = await virtbridge(['explain', host], {
          VIRTBRIDGE_URL: bridge.url,
          VIRTBRIDGE_TOKEN: bridge.token,
        })
        for (const said of [why.inventory.because, why.launch.because, why.onboard.because]) expect(out).toContain(said)
      }, SOON)
    },
  )

  test('why it is in its groups: each group of a VM is something that its hostvars say', async () => {
    const inventory = (await bridge.api.get('/api/v1/inventory')) as Record<string, { hosts?: string[] }>
    const groups = Object.keys(inventory).filter(group => inventory[group]?.hosts?.includes('well.shop.prod-1'))
    const vars = JSON.stringify(hostvars['well.shop.prod-1'])
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '_')
    expect(groups).toEqual(expect.arrayContaining(['cluster_prod_1', 'namespace_shop', 'os_linux', 'os_rhel']))
    for (const group of groups) expect(vars).toContain(group.slice(group.indexOf('_') + 1))
  })

  test('why a VM is not there: it was deleted, or never was, and both are told', async () => {
    clusters.worlds['prod-1']?.addVm('short-lived')
    await expect.poll(() => bridge.facts('short-lived.shop.prod-1'), SOON).toEqual(['created'])
    clusters.worlds['prod-1']?.removeVm('short-lived')
    await expect.poll(() => bridge.facts('short-lived.shop.prod-1'), SOON).toEqual(['created', 'deleted'])
    await expect(explain('short-lived.shop.prod-1')).rejects.toMatchObject({
      code: 'no_host',
      message: 'no VM is called "short-lived.shop.prod-1"',
    })
  })

  test('why it may not be launched on, when its cluster can not be seen any more: with the reason of the cluster', async () => {
    await clusters.worlds['dev-1']?.server.down()
    // Short limits make it seem stale for a moment on a busy machine, before it can not be seen.
    await expect
      .poll(async () => (await explain('web-1.shop.dev-1')).cluster, SOON)
      .toMatchObject({
        staleness: 'disabled',
        status: 'unavailable',
        reason: expect.stringContaining('ECONNREFUSED') as string,
      })
    const why = await explain('web-1.shop.dev-1')
    expect(why.inventory).toEqual({ enabled: false, because: 'cluster unreachable' })
    expect(why.launch).toEqual({
      possible: false,
      because: expect.stringMatching(/cluster|unavailable|dev-1/) as string,
    })
  })

  test('whatever is refused says why, and what to do', async () => {
    const asked: [string, RequestInit][] = [
      ['/api/v1/inventory', { headers: {} }],
      ['/api/v1/vms/nobody', {}],
      ['/api/v1/runs', { method: 'POST', body: '{"verb":"patch","hosts":["well.shop.prod-1"]}' }],
      ['/api/v1/clusters/prod-1/confirm-deletions', { method: 'POST', body: '{"digest":"x"}' }],
      ['/api/v1/events?after=never', {}],
    ]
    for (const [path, init] of asked) {
      const headers = { authorization: `Bearer ${bridge.token}`, 'content-type': 'application/json' }
      const answer = await fetch(`${bridge.url}${path}`, { headers, ...init })
      const error = (await answer.json()) as { code: string; detail: string; hint: string }
      expect(error).toMatchObject({
        status: answer.status,
        code: expect.stringMatching(/^[a-z_]+$/) as string,
        detail: expect.stringMatching(/.{8,}/) as string,
        hint: expect.stringMatching(/.{8,}/) as string,
      })
    }
  })
})
