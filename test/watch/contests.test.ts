import { describe, expect, test } from 'vitest'
import { newCluster } from '../../src/cluster/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import { FleetContests } from '../../src/service/watch/contests.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { startClusters } from '../service/clusters.ts'
import { startBridge, temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 20 }
const NOW = Date.UTC(2026, 10, 21)
const CONFIG = parseConfig(
  'clusters: [{ name: prod-1, kubeconfig: k }, { name: dev-1, kubeconfig: k }]\ninventory: { networks: [{ name: office, cidrs: [10.1.0.0/16] }] }\n',
  'v.yaml',
)

function world(): {
  fleet: Fleet
  contests: FleetContests
  put: (...records: VmRecord[]) => void
  see: (cluster: string, heartbeat: number) => void
  later: (ms: number) => void
} {
  let now = NOW
  const fleet = new Fleet()
  const put = (...records: VmRecord[]): void => {
    for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  }
  const see = (name: string, heartbeat: number): void =>
    fleet.apply({ key: name, value: { ...newCluster(name, ''), status: 'synced', adopted_at: 1, heartbeat } })
  see('prod-1', NOW)
  see('dev-1', NOW)
  const contests = new FleetContests({ fleet, config: CONFIG, now: () => now })
  return { fleet, contests, put, see, later: ms => (now += ms) }
}

describe('who has whose address', () => {
  const first = guest('web-1', { address: '10.1.0.9' })
  const second = guest('web-2', { address: '10.1.0.9' })

  test('is known of the VM that loses, and those of its cluster are told of it alone', () => {
    using its = world().contests
    const { contests, put, fleet } = world()
    using _ = contests
    expect(its.rivalOf('x')).toBeNull()
    let told = 0
    using here = contests.read('prod-1', () => (told += 1))
    using there = contests.read('dev-1', () => (told += 100))
    put(first)
    expect([here.changed.size, told]).toEqual([0, 0])
    put(second)
    expect([[...here.changed], [...there.changed], told]).toEqual([['prod-1/shop/web-2'], [], 1])
    expect(contests.rivalOf('prod-1/shop/web-2')).toEqual({
      host: 'web-1.shop.prod-1',
      uid: first.uid,
      address: '10.1.0.9',
    })
    expect(contests.rivalOf('prod-1/shop/web-1')).toBeNull()
    here.changed.clear()
    // What was told already is not looked at again, until it ends.
    const conflict = contests.rivalOf('prod-1/shop/web-2')
    put({ ...second, told: { ...second.told, conflict } })
    expect(here.changed.size).toBe(0)
    fleet.apply({ key: vmKey(first), value: null })
    expect([...here.changed]).toEqual(['prod-1/shop/web-2'])
  })

  test('is looked at again when a cluster is not seen any more, and when it is', () => {
    const { contests, put, see, later } = world()
    using _ = contests
    // The one that was there first is in a cluster that grows stale.
    put(guest('old-1', { cluster: 'dev-1', address: '10.1.0.9' }), second)
    using here = contests.read('prod-1', () => undefined)
    using there = contests.read('dev-1', () => undefined)
    expect([here.changed.size, there.changed.size]).toEqual([1, 0])
    here.changed.clear()
    later(120_000)
    see('prod-1', NOW + 120_000)
    expect([...there.changed]).toEqual(['dev-1/shop/old-1'])
    expect(contests.rivalOf('prod-1/shop/web-2')).toBeNull()
    see('dev-1', NOW + 120_000)
    expect([...here.changed]).toEqual(['prod-1/shop/web-2'])
  })

  test('goes by other networks as soon as the configuration has them, also of VMs that come and go meanwhile', async () => {
    const { contests, put, fleet } = world()
    using _ = contests
    put(first, guest('far-1', { cluster: 'dev-1', address: '10.1.0.9' }))
    using here = contests.read('prod-1', () => undefined)
    using there = contests.read('dev-1', () => undefined)
    expect([[...here.changed], [...there.changed]]).toEqual([['prod-1/shop/web-1'], []])
    const apart = parseConfig('clusters: [{ name: prod-1, kubeconfig: k }, { name: dev-1, kubeconfig: k }]', 'v.yaml')
    const changed = contests.reconfigure(apart)
    put(second)
    fleet.apply({ key: 'dev-1/shop/far-1', value: null })
    put(guest('far-1', { cluster: 'dev-1', address: '10.1.0.9' }))
    await changed
    expect(contests.rivalOf('prod-1/shop/web-1')).toBeNull()
    expect(contests.rivalOf('prod-1/shop/web-2')).toMatchObject({ host: 'web-1.shop.prod-1' })
    for (const { changed } of [here, there]) changed.clear()
    // The last one counts, however soon it comes.
    await Promise.all([contests.reconfigure(CONFIG), contests.reconfigure(apart), contests.reconfigure(CONFIG)])
    expect(contests.rivalOf('prod-1/shop/web-1')).toMatchObject({ host: 'far-1.shop.dev-1' })
    expect([...here.changed].sort()).toEqual(['prod-1/shop/web-1', 'prod-1/shop/web-2'])
  })

  test('counts of an address too that only a view uses, after the one that is used elsewhere', async () => {
    const { contests, put } = world()
    using _ = contests
    const on = (name: string, pod: string, source: 'platform' | 'agent') => {
      const eth0 = { address: pod, network: 'default', interface: 'eth0', source: 'platform', pod: true } as const
      const eth1 = { address: '10.1.7.7', network: 'vlan-a', interface: 'eth1', source, pod: false } as const
      return guest(name, { address: pod, seen: { addresses: [eth0, eth1] } })
    }
    const loser = on('web-2', '10.9.0.2', 'agent')
    put(on('web-1', '10.9.0.1', 'platform'), loser)
    expect(contests.rivalOf('prod-1/shop/web-2')).toBeNull()
    const views = 'views: [{ name: v, addresses: { prefer: [{ network: vlan-a }] } }]'
    await contests.reconfigure(
      parseConfig(
        `clusters: [{ name: prod-1, kubeconfig: k }]\ninventory: { networks: [{ name: office, cidrs: [10.1.0.0/16] }], ${views} }`,
        'v.yaml',
      ),
    )
    expect(contests.rivalOf('prod-1/shop/web-2')).toMatchObject({ host: 'web-1.shop.prod-1', address: '10.1.7.7' })
    expect(contests.rivalOf('prod-1/shop/web-1')).toBeNull()
    put(on('web-2', '10.9.0.1', 'agent'))
    expect(contests.rivalOf('prod-1/shop/web-2')).toMatchObject({ host: 'web-1.shop.prod-1', address: '10.9.0.1' })
  })

  test('what is so already when somebody begins to read is told at once', () => {
    const { contests, put } = world()
    using _ = contests
    put(first, second)
    using here = contests.read('prod-1', () => undefined)
    expect([...here.changed]).toEqual(['prod-1/shop/web-2'])
  })
})

test('of two running VMs with one address the one that came later is told once to have lost it, across a restart, and its end', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1')
  const world = clusters.worlds['prod-1']
  world?.addVm('web-2')
  let bridge = await startBridge(folder.path, { clusters: clusters.config })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => bridge[Symbol.asyncDispose]())
  const told = async (): Promise<unknown> =>
    (await bridge.events())
      .filter(event => event.data.fact.startsWith('address_conflict'))
      .map(({ data }) => [data.fact, data.host, data.transition.to])
  await expect.poll(async () => (await bridge.facts('web-1.shop.prod-1')).length, SOON).toBeGreaterThan(0)
  world?.boot('web-2')
  const lost = ['address_conflict', 'web-2.shop.prod-1', 'web-1.shop.prod-1']
  await expect.poll(told, SOON).toEqual([lost])
  await bridge[Symbol.asyncDispose]()
  bridge = await startBridge(folder.path, { clusters: clusters.config })
  world?.halt('web-1')
  await expect.poll(told, SOON).toEqual([lost, ['address_conflict_resolved', 'web-2.shop.prod-1', '']])
})
