import { describe, expect, test } from 'vitest'
import { viewOfAll } from '../../src/inventory/view.ts'
import { onPlural } from '../../src/simulator/kube/faults.ts'
import { bearer, NOW, openDesk, TOKENS } from '../http/desk.ts'
import { guest } from '../day2/guest.ts'
import { startClusters } from '../service/clusters.ts'
import { type Bridge, SHORT_HOLDS, startBridge, temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 10 }

interface Answer {
  readonly status: number
  readonly hosts: readonly string[]
  readonly clusters: readonly string[]
}

async function ask(bridge: Bridge): Promise<Answer> {
  const answer = await fetch(`${bridge.url}/api/v1/inventory`, { headers: bearer(bridge.token) })
  const body = (await answer.json()) as { _meta?: { hostvars: object }; clusters?: string[] }
  return { status: answer.status, hosts: Object.keys(body._meta?.hostvars ?? {}), clusters: body.clusters ?? [] }
}

interface Body {
  readonly _meta: {
    readonly hostvars: Readonly<Record<string, { kubevirt_stale: boolean; kubevirt_enabled: boolean }>>
  }
}

describe('Closed, not open.', () => {
  test('a view is closed by the clusters that it could contain and by no other, and what can not be seen makes none shorter', async () => {
    const groups = { builtin: true, labels: [], maxPerLabel: 10 }
    const views = [
      { ...viewOfAll('dev', groups), clusters: ['dev-1'], reachable: true, status: ['Running'] },
      { ...viewOfAll('careful', groups), clusters: ['dev-1'], onStale: 'fail' as const },
      viewOfAll('both', groups),
    ]
    await using desk = await openDesk({}, views)
    desk.put(guest('web-1'), guest('web-3', { cluster: 'dev-1' }))
    const told = async (): Promise<readonly string[]> => {
      const answers = ['dev', 'careful', 'both'].map(async view => {
        const answer = await desk.get(`/api/v1/inventory/${view}`)
        const hosts = answer.statusCode === 200 ? Object.values(answer.json<Body>()._meta.hostvars) : []
        return `${view} ${answer.statusCode} ${hosts.map(vars => vars.kubevirt_enabled).join()}`
      })
      return Promise.all(answers)
    }
    expect(await told()).toEqual(['dev 503 ', 'careful 503 ', 'both 503 '])
    desk.cluster('dev-1', { status: 'unavailable', adopted_at: 0 })
    expect(await told()).toEqual(['dev 503 ', 'careful 503 ', 'both 503 '])
    desk.cluster('dev-1')
    expect(await told()).toEqual(['dev 200 true', 'careful 200 true', 'both 503 '])
    desk.cluster('prod-1')
    expect(await told()).toEqual(['dev 200 true', 'careful 200 true', 'both 200 true,true'])
    desk.clock = NOW + 60_001
    desk.cluster('dev-1', { status: 'unavailable' })
    expect(await told()).toEqual(['dev 200 true', 'careful 503 ', 'both 200 true,true'])
    desk.clock = NOW + 3_600_001
    expect(await told()).toEqual(['dev 200 false', 'careful 503 ', 'both 200 false,false'])
  })

  test('before every cluster was read as a whole once, not one host is listed, and it is said for whom is waited', async () => {
    await using folder = await temporaryFolder()
    await using clusters = await startClusters(folder.path, 'prod-1', 'dev-1')
    const dev = clusters.worlds['dev-1']
    if (dev === undefined) throw new Error('no cluster')
    for (let n = 0; n < 40; n += 1) dev.addVm(`vm-${n}`)
    // Its VMs are listed, its VMIs are not: half of what is known of a VM is nothing that an inventory may say.
    const allow = dev.server.faults.plant({ kind: 'forbidden' }, onPlural('virtualmachineinstances'))
    await using bridge = await startBridge(folder.path, { clusters: clusters.config })
    const seen: Answer[] = []
    await expect
      .poll(async () => {
        seen.push(await ask(bridge))
        return bridge.facts('web-1.shop.prod-1')
      }, SOON)
      .toEqual(['discovered'])
    await expect.poll(async () => (await ask(bridge)).clusters, SOON).toEqual(['dev-1'])
    allow()
    await expect
      .poll(async () => {
        seen.push(await ask(bridge))
        return seen.at(-1)?.status
      }, SOON)
      .toBe(200)
    expect(seen.at(-1)?.hosts).toHaveLength(42)
    for (const answer of seen.slice(0, -1)) expect(answer).toMatchObject({ status: 503, hosts: [] })
  })

  test('a cluster once read stays in it when it can no longer be seen, across a restart: marked, then disabled, never fewer hosts', async () => {
    await using folder = await temporaryFolder()
    await using clusters = await startClusters(folder.path, 'prod-1', 'dev-1')
    const dev = clusters.worlds['dev-1']
    const config = {
      clusters: clusters.config,
      watch: { ...SHORT_HOLDS, heartbeat_seconds: 0.1 },
      inventory: { stale_after_seconds: 0.4, disable_stale_after_seconds: 0.8 },
    }
    const hosts = ['web-1.shop.dev-1', 'web-1.shop.prod-1']
    const vars = async (bridge: Bridge): Promise<unknown> => {
      const inventory = (await bridge.api.get('/api/v1/inventory')) as {
        _meta: { hostvars: Record<string, Record<string, unknown>> }
      }
      expect(Object.keys(inventory._meta.hostvars)).toEqual(hosts)
      const { kubevirt_stale, kubevirt_enabled } = inventory._meta.hostvars['web-1.shop.dev-1'] ?? {}
      return { kubevirt_stale, kubevirt_enabled }
    }
    {
      await using bridge = await startBridge(folder.path, config)
      await expect.poll(async () => (await ask(bridge)).status, SOON).toBe(200)
      await dev?.server.down()
      await expect.poll(() => vars(bridge), SOON).toEqual({ kubevirt_stale: true, kubevirt_enabled: false })
    }
    await using bridge = await startBridge(folder.path, config)
    await expect.poll(() => vars(bridge), SOON).toEqual({ kubevirt_stale: true, kubevirt_enabled: false })
    expect(await bridge.facts('web-1.shop.dev-1')).toEqual(['discovered'])
  })

  test('whatever a cluster is said to be, the list is closed or complete, and what is not known to be gone is in it', async () => {
    const said = [
      { status: 'joining', adopted_at: 0 },
      { status: 'unavailable', adopted_at: 0 },
      { status: 'unavailable' },
      { status: 'held', missing: 3 },
      { status: 'joining' },
      { status: 'synced', heartbeat: 0 },
      { status: 'synced' },
    ] as const
    await using desk = await openDesk()
    desk.put(guest('web-1'), guest('web-2'), guest('web-3', { cluster: 'dev-1' }))
    desk.cluster('dev-1')
    const told: string[] = []
    for (const wish of said) {
      desk.cluster('prod-1', wish)
      for (const age of [0, 60_001, 3_600_001]) {
        desk.clock = NOW + age
        const answer = await desk.get('/api/v1/inventory', bearer(TOKENS.reader))
        const hosts = answer.statusCode === 200 ? answer.json<Body>()._meta.hostvars : {}
        told.push(
          [
            answer.statusCode,
            ...Object.values(hosts).map(vars => `${vars.kubevirt_stale} ${vars.kubevirt_enabled}`),
          ].join(', '),
        )
      }
    }
    const open = ['false true', 'true true', 'true false'].map(each => `200, ${each}, ${each}, ${each}`)
    const unseen = ['false true', 'true true', 'true false'].map(each => `200, true false, true false, ${each}`)
    expect(told).toEqual([...Array<string>(6).fill('503'), ...open, ...open, ...open, ...unseen, ...open])
  })
})
