import { expect, test } from 'vitest'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: [], maxPerLabel: 2_000 }

/** A fleet of `prod-1`, `prod-2` and `dev-1` with a VM in each, and a view of the sets. */
function seenIn(
  sets: Readonly<Record<string, readonly string[] | undefined>>,
  clusterSets: readonly string[] = ['prod'],
) {
  const fleet = new Fleet()
  const put = (name: string, wish: Partial<ClusterRecord>): void => {
    const { cluster_sets: _, ...record } = synced(name, NOW)
    fleet.apply({ key: name, value: { ...record, ...wish } })
  }
  for (const [name, of] of Object.entries(sets)) {
    put(name, of === undefined ? {} : { cluster_sets: of })
    const vm = guest('web-1', { cluster: name })
    fleet.apply({ key: vmKey(vm), value: vm })
  }
  const view: View = { ...viewOfAll('v', GROUPS), clusterSets }
  const cache = new InventoryCache({
    fleet,
    views: [view],
    expected: Object.keys(sets),
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const read = (now = NOW): unknown => {
    const inventory = cache.read(now, 'v')
    if (inventory.kind === 'closed') return `closed: ${inventory.clusters.join()}`
    const { _meta } = JSON.parse(inventory.body) as { _meta: { hostvars: object } }
    return Object.keys(_meta.hostvars)
  }
  return { fleet, cache, put, read, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

const [ONE, TWO, DEV] = ['web-1.shop.prod-1', 'web-1.shop.prod-2', 'web-1.shop.dev-1']

test('a view of cluster sets has the hosts of their clusters, and says of the others why not', () => {
  using inventory = seenIn({ 'prod-1': ['prod', 'eu'], 'prod-2': ['prod'], 'dev-1': ['dev'] })
  expect(inventory.read()).toEqual([ONE, TWO])
  expect(inventory.cache.why(DEV ?? '', NOW, { view: 'v' }).because).toEqual(['its cluster is in the cluster set dev'])
  expect(inventory.cache.why(ONE ?? '', NOW).groups.map(({ group }) => group)).toEqual(
    expect.arrayContaining(['clusterset_prod', 'clusterset_eu']),
  )
})

test('a cluster that is known to have left a set leaves the view, and one that is known to have come is in it', () => {
  using inventory = seenIn({ 'prod-1': ['prod'], 'prod-2': ['prod'], 'dev-1': [] })
  expect(inventory.read()).toEqual([ONE, TWO])
  inventory.put('prod-2', { cluster_sets: ['dev'] })
  inventory.put('dev-1', { cluster_sets: ['prod'] })
  expect(inventory.read()).toEqual([DEV, ONE])
  expect(inventory.cache.why(TWO ?? '', NOW, { view: 'v' }).listed).toBe(false)
})

test('one that can not be seen any more stays, in the sets that it was in when it was', () => {
  using inventory = seenIn({ 'prod-1': ['prod'], 'dev-1': ['dev'] })
  inventory.put('prod-1', { cluster_sets: ['prod'], status: 'unavailable', heartbeat: NOW - 7_200_000 })
  expect(inventory.read()).toEqual([ONE])
  inventory.put('prod-1', { cluster_sets: ['prod'], status: 'out_of_scope', left_at: NOW })
  expect(inventory.read()).toEqual([ONE])
})

test('while it is not known in which sets a cluster is, the view is closed: its hosts may be missing', () => {
  using inventory = seenIn({ 'prod-1': ['prod'], 'dev-1': undefined })
  expect(inventory.read()).toBe('closed: dev-1')
  inventory.put('dev-1', { cluster_sets: [] })
  expect(inventory.read()).toEqual([ONE])
  // Who left before anybody knew is not waited for.
  inventory.put('dev-1', { status: 'out_of_scope', left_at: NOW })
  expect(inventory.read()).toEqual([ONE])
})

test('a cluster that was never read keeps the view closed when it may be in one of its sets, and only then', () => {
  using inventory = seenIn({ 'prod-1': ['prod'], 'prod-2': ['prod'], 'dev-1': ['dev'] })
  inventory.put('dev-1', { cluster_sets: ['dev'], adopted_at: 0, status: 'joining' })
  expect(inventory.read()).toEqual([ONE, TWO])
  inventory.put('prod-2', { cluster_sets: ['prod'], adopted_at: 0, status: 'joining' })
  expect(inventory.read()).toBe('closed: prod-2')
})

test('a cluster alone decides: a view of the whole is open whatever sets there are', () => {
  using inventory = seenIn({ 'prod-1': undefined }, [])
  expect(inventory.read()).toEqual([ONE])
})
