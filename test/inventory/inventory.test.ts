import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ClusterRecord, newCluster } from '../../src/cluster/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { type Inventory, InventoryCache, stalenessOf } from '../../src/inventory/index.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'

const LIMITS = { staleAfterMs: 60_000, disableAfterMs: 3_600_000 }
const NOW = Date.UTC(2026, 10, 21)

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly all: { readonly children: readonly string[] }
  readonly [group: string]: unknown
}

function cluster(name: string, wish: Partial<ClusterRecord> = {}): ClusterRecord {
  return { ...newCluster(name, ''), status: 'synced', adopted_at: 1, heartbeat: NOW, ...wish }
}

function cacheOf(
  fleet: Fleet,
  more: { expected?: string[]; labelGroups?: string[]; verbs?: Map<string, string> } = {},
): InventoryCache {
  return new InventoryCache({
    fleet,
    expected: more.expected ?? ['prod-1'],
    limits: LIMITS,
    labelGroups: more.labelGroups ?? [],
    verbsOf: uid => ({ onboard: more.verbs?.get(uid) ?? '', patch: '' }),
    now: () => NOW,
  })
}

function put(fleet: Fleet, record: VmRecord): void {
  fleet.apply({ key: vmKey(record), value: record })
}

function documentOf(inventory: Inventory): { body: string; etag: string; parsed: Body } {
  if (inventory.kind === 'closed') throw new Error(`closed: ${inventory.clusters.join(', ')}`)
  return { body: inventory.body, etag: inventory.etag, parsed: JSON.parse(inventory.body) as Body }
}

function fleetWith(...records: readonly VmRecord[]): Fleet {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: cluster('prod-1') })
  for (const record of records) put(fleet, record)
  return fleet
}

test('the document is what Ansible takes: hostvars, groups with hosts, and all with its children', () => {
  using cache = cacheOf(fleetWith(guest('web-2'), guest('web-1')))
  const { parsed, etag } = documentOf(cache.read(NOW))
  expect(Object.keys(parsed._meta.hostvars)).toEqual(['web-1.shop.prod-1', 'web-2.shop.prod-1'])
  const { _meta, all, ...groups } = parsed
  expect(all.children).toEqual(Object.keys(groups))
  expect(groups).toMatchObject({
    cluster_prod_1: { hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1'] },
    os_rhel: { hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1'] },
  })
  expect(etag).toMatch(/^"[\w-]{20,}"$/)
  expect(_meta.hostvars['web-1.shop.prod-1']).not.toHaveProperty('resource_version')
})

test('rendering twice, another resourceVersion, another heartbeat, another event: not a byte changes', () => {
  const fleet = fleetWith(guest('web-1'), guest('web-2'))
  using cache = cacheOf(fleet)
  const first = documentOf(cache.read(NOW))
  put(fleet, { ...guest('web-1'), resource_version: '99', last_event: 'another', last_of: { started: 'x' } })
  fleet.apply({ key: 'prod-1', value: cluster('prod-1', { heartbeat: NOW + 30_000, vms: 2, last_event: 'e' }) })
  const second = documentOf(cache.read(NOW + 30_000))
  expect(second).toEqual(first)
  using other = cacheOf(fleet)
  expect(documentOf(other.read(NOW + 1_000))).toEqual(first)
  put(fleet, guest('web-1', { seen: { node: 'n2' } }))
  expect(documentOf(cache.read(NOW)).etag).not.toBe(first.etag)
})

test('a host that is rendered again because day 2 has news of it changes alone', () => {
  const verbs = new Map<string, string>()
  const fleet = fleetWith(guest('web-1'), guest('web-2'))
  using cache = cacheOf(fleet, { verbs })
  const before = documentOf(cache.read(NOW)).parsed._meta.hostvars
  verbs.set('uid-web-2', 'ok')
  cache.refresh(guest('web-2'))
  const after = documentOf(cache.read(NOW)).parsed._meta.hostvars
  expect(after['web-1.shop.prod-1']).toEqual(before['web-1.shop.prod-1'])
  expect(after['web-2.shop.prod-1']).toMatchObject({ day2_onboard: 'ok' })
})

const wish: fc.Arbitrary<GuestWish> = fc.record({
  cluster: fc.constantFrom('prod-1', 'dev-1'),
  uid: fc.constantFrom('one', 'two'),
  seen: fc.record({
    status: fc.constantFrom('Running', 'Stopped', '{{ x }}'),
    labels: fc.constantFrom<Record<string, string>>({}, { app: 'a' }, { app: 'b' }),
    phase: fc.constantFrom('Running', ''),
  }),
})
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constantFrom('web-1', 'web-2', 'web-3'),
      wish,
      gone: fc.boolean(),
      at: fc.constant(0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ name: fc.constant(''), wish, gone: fc.constant(false), at: fc.nat({ max: 8_000_000 }) }),
  },
)

test('however VMs come, change and go, what was spliced is what would be rendered anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const fleet = fleetWith()
      fleet.apply({ key: 'dev-1', value: cluster('dev-1', { heartbeat: NOW + 2_000_000 }) })
      using cache = cacheOf(fleet, { labelGroups: ['app'] })
      let now = NOW
      for (const { name, wish, gone, at } of steps) {
        if (name === '') now = Math.max(now, NOW + at)
        else if (gone) fleet.apply({ key: vmKey(guest(name, wish)), value: null })
        else put(fleet, guest(name, wish))
        if (at % 2 === 1) cache.read(now)
      }
      using anew = cacheOf(fleet, { labelGroups: ['app'] })
      expect(documentOf(cache.read(now)).body).toBe(documentOf(anew.read(now)).body)
      expect(Object.keys(documentOf(cache.read(now)).parsed._meta.hostvars)).toEqual(
        [...fleet.vms.values()].map(hostName).sort(),
      )
    }),
    { numRuns: 100 },
  )
})

describe('what can not be seen', () => {
  test.each([
    [0, 'fresh'],
    [60_000, 'fresh'],
    [60_001, 'stale'],
    [3_600_000, 'stale'],
    [3_600_001, 'disabled'],
    [-5_000, 'fresh'],
  ])('a cluster whose heartbeat is %d ms old is %s', (age, expected) => {
    const fleet = fleetWith()
    fleet.apply({ key: 'prod-1', value: cluster('prod-1', { heartbeat: NOW - age }) })
    expect(stalenessOf(fleet.ageOf('prod-1', NOW), LIMITS)).toBe(expected)
  })

  test('a cluster that was never heard of is disabled, not fresh', () => {
    expect(stalenessOf(new Fleet().ageOf('prod-1', NOW), LIMITS)).toBe('disabled')
  })

  test('that the clock is put back makes no cluster look as if it were seen, and that it is set forward none for longer than to its next heartbeat', () => {
    let steady = 0
    const fleet = new Fleet(() => steady)
    const beat = (heartbeat: number): void => fleet.apply({ key: 'prod-1', value: cluster('prod-1', { heartbeat }) })
    beat(NOW)
    put(fleet, guest('web-1'))
    using cache = cacheOf(fleet)
    const stale = (now: number): unknown =>
      Object.values(documentOf(cache.read(now)).parsed._meta.hostvars).map(vars => vars['kubevirt_stale'])
    const HOUR = 3_600_000
    expect(stale(NOW - HOUR)).toEqual([false])
    steady += LIMITS.staleAfterMs + 1
    expect(stale(NOW - HOUR)).toEqual([true])
    beat(NOW - HOUR)
    expect(stale(NOW - HOUR)).toEqual([false])
    expect(stale(NOW)).toEqual([true])
    beat(NOW)
    expect(stale(NOW)).toEqual([false])
  })

  test('that is stale says since when, the same at every look, and nothing once it is seen', () => {
    const fleet = fleetWith(guest('web-1'))
    using cache = cacheOf(fleet, { expected: ['prod-1'] })
    const since = (now: number): unknown =>
      Object.values(documentOf(cache.read(now)).parsed._meta.hostvars).map(vars => vars['kubevirt_stale_since'])
    expect(since(NOW)).toEqual([''])
    expect(since(NOW + 60_001)).toEqual([new Date(NOW).toISOString()])
    put(fleet, guest('web-1', { seen: { phase: '' } }))
    expect(since(NOW + 3_600_001)).toEqual([new Date(NOW).toISOString()])
    fleet.apply({ key: 'prod-1', value: cluster('prod-1', { heartbeat: NOW + 3_600_001 }) })
    expect(since(NOW + 3_600_001)).toEqual([''])
  })

  test('grows stale, then disabled, by time alone, comes back with its heartbeat, and the list is never shorter', () => {
    const fleet = fleetWith(guest('web-1'), guest('web-2', { seen: { phase: '' } }))
    fleet.apply({ key: 'dev-1', value: cluster('dev-1', { heartbeat: NOW + 10_000_000 }) })
    put(fleet, guest('web-3', { cluster: 'dev-1' }))
    using cache = cacheOf(fleet, { expected: ['prod-1', 'dev-1'] })
    const told = (now: number): unknown => {
      return Object.values(documentOf(cache.read(now)).parsed._meta.hostvars).map(vars => [
        vars['kubevirt_stale'],
        vars['kubevirt_enabled'],
        vars['kubevirt_reachable_reason'],
      ])
    }
    expect(told(NOW)).toEqual([
      [false, true, ''],
      [false, false, 'stopped'],
      [false, true, ''],
    ])
    expect(told(NOW + 60_001)).toEqual([
      [true, true, ''],
      [true, false, 'stopped'],
      [false, true, ''],
    ])
    expect(told(NOW + 3_600_001)).toEqual([
      [true, false, 'cluster unreachable'],
      [true, false, 'cluster unreachable'],
      [false, true, ''],
    ])
    fleet.apply({ key: 'prod-1', value: cluster('prod-1', { heartbeat: NOW + 3_600_000 }) })
    expect(told(NOW + 3_600_001)).toEqual([
      [false, true, ''],
      [false, false, 'stopped'],
      [false, true, ''],
    ])
  })
})

describe('an inventory is closed', () => {
  test('until every cluster that is expected, and every one that a hub has, was read once', () => {
    const fleet = new Fleet()
    using cache = cacheOf(fleet, { expected: ['prod-1', 'hub1'] })
    const closed = (): readonly string[] => {
      const inventory = cache.read(NOW)
      return inventory.kind === 'closed' ? inventory.clusters : []
    }
    expect(closed()).toEqual(['hub1', 'prod-1'])
    put(fleet, guest('web-1'))
    fleet.apply({ key: 'prod-1', value: cluster('prod-1', { adopted_at: 0, status: 'joining' }) })
    expect(closed()).toEqual(['hub1', 'prod-1'])
    fleet.apply({ key: 'prod-1', value: cluster('prod-1') })
    fleet.apply({ key: 'dev-1', value: cluster('dev-1', { hub: 'hub1', adopted_at: 0, status: 'joining' }) })
    fleet.apply({ key: 'hub1', value: cluster('hub1', { kind: 'hub' }) })
    expect(closed()).toEqual(['dev-1'])
    fleet.apply({ key: 'dev-1', value: cluster('dev-1', { hub: 'hub1' }) })
    expect(closed()).toEqual([])
    // Once read, it stays open: it can not be seen any more, and that is another thing.
    fleet.apply({ key: 'prod-1', value: cluster('prod-1', { status: 'unavailable' }) })
    expect(closed()).toEqual([])
    expect(Object.keys(documentOf(cache.read(NOW)).parsed._meta.hostvars)).toEqual(['web-1.shop.prod-1'])
  })
})

test('a VM that is deleted leaves, and nothing else does', () => {
  const fleet = fleetWith(guest('web-1'), guest('web-2'), guest('web-3'))
  using cache = cacheOf(fleet)
  cache.read(NOW)
  fleet.apply({ key: 'prod-1/shop/web-2', value: null })
  fleet.apply({ key: 'prod-1/shop/never-known', value: null })
  expect(Object.keys(documentOf(cache.read(NOW)).parsed._meta.hostvars)).toEqual([
    'web-1.shop.prod-1',
    'web-3.shop.prod-1',
  ])
  put(fleet, guest('web-1', { seen: { phase: '' } }))
  expect(Object.keys(documentOf(cache.read(NOW)).parsed._meta.hostvars)).toEqual([
    'web-1.shop.prod-1',
    'web-3.shop.prod-1',
  ])
})

test('a label of which every VM has another value makes 2,000 groups and no more, and crowds out no other group', () => {
  const fleet = fleetWith(
    ...Array.from({ length: 2_100 }, (_, n) => guest(`vm-${n}`, { seen: { labels: { app: `app-${n}`, zone: 'z' } } })),
  )
  put(fleet, { ...guest('vm-last'), namespace: 'zzz' })
  using cache = cacheOf(fleet, { labelGroups: ['app', 'zone'] })
  const { parsed } = documentOf(cache.read(NOW))
  expect(parsed.all.children.filter(group => group.startsWith('label_app_'))).toHaveLength(2_000)
  expect(parsed['label_zone_z']).toMatchObject({ hosts: { length: 2_100 } })
  expect(parsed['namespace_zzz']).toEqual({ hosts: ['vm-last.zzz.prod-1'] })
  expect(Object.keys(parsed._meta.hostvars)).toHaveLength(2_101)
})
