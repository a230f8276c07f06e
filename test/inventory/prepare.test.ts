import { expect, test } from 'vitest'
import type { Fleet } from '../../src/fleet/index.ts'
import type { Standing } from '../../src/inventory/host.ts'
import { InventoryCache, ownRendering } from '../../src/inventory/index.ts'
import { Sheet } from '../../src/inventory/sheet.ts'
import { vmKey } from '../../src/vm/index.ts'
import { fleetOf, runningRecord } from '../support/fleet.ts'
import { turnsDuring } from './turns.ts'

const NOW = Date.UTC(2026, 10, 21)
const FRESH: Standing = { staleness: 'fresh', verbs: { onboard: '', patch: '' } }

function cacheOf(fleet: Fleet, clock: { now: number }): InventoryCache {
  return new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: ['app'],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => clock.now,
  })
}

test('what a start, or a cluster that is not seen any more, changes on thousands of hosts is done in short steps, and others are heard between', async () => {
  const clock = { now: NOW }
  const fleet = fleetOf(1_500, NOW)
  using cache = cacheOf(fleet, clock)
  expect(await turnsDuring(cache.prepare())).toBeGreaterThan(14)
  const first = cache.read(NOW)
  expect(await turnsDuring(cache.prepare())).toBeLessThan(3)
  clock.now = NOW + 100_000
  expect(await turnsDuring(Promise.all([cache.prepare(), cache.prepare(), cache.prepare()]))).toBeGreaterThan(14)
  const second = cache.read(clock.now)
  using anew = cacheOf(fleet, clock)
  const third = anew.read(clock.now)
  if (first.kind === 'closed' || second.kind === 'closed' || third.kind === 'closed') throw new Error('closed')
  expect(second.body).toContain('"kubevirt_stale":true')
  expect(second.etag).not.toBe(first.etag)
  expect([second.etag, second.body]).toEqual([third.etag, third.body])
})

test('a reader waits for two hundred steps at most, beside those that all VMs take, while changes never end', async () => {
  const fleet = fleetOf(600, NOW)
  using cache = cacheOf(fleet, { now: NOW })
  let [number, waiting] = [0, true]
  const change = (): void => {
    // More changes between two steps than a step makes pieces of.
    for (let n = 0; n < 600; n += 40) {
      const record = runningRecord(n)
      number += 1
      fleet.apply({ key: vmKey(record), value: { ...record, seen: { ...record.seen, node: `node-x${number}` } } })
    }
    if (waiting) setImmediate(change)
  }
  change()
  await cache.prepare()
  waiting = false
  const inventory = cache.read(NOW)
  expect(inventory.kind === 'document' && inventory.body.includes(`node-x${number}`)).toBe(true)
})

test('and so does one of hosts that are never done, as their cluster comes into another set again and again', async () => {
  const fleet = fleetOf(120, NOW)
  using cache = cacheOf(fleet, { now: NOW })
  const cluster = fleet.clusters.get('prod-1')
  if (cluster === undefined) throw new Error('no cluster')
  let [number, waiting] = [0, true]
  const regroup = (): void => {
    // More VMs than a step takes.
    number += 1
    fleet.apply({ key: 'prod-1', value: { ...cluster, cluster_sets: [`set-${number}`] } })
    if (waiting) setImmediate(regroup)
  }
  regroup()
  await cache.prepare()
  waiting = false
  const inventory = cache.read(NOW)
  expect(inventory.kind === 'document' && inventory.body.includes(`"clusterset_set_${number}"`)).toBe(true)
})

test('of a range no more than 64 hosts are kept beside its piece, once it has one', () => {
  const sheet = new Sheet(ownRendering('slim', { builtin: true, labels: [], maxPerLabel: 5 }))
  const put = (uid: string): void => {
    for (let n = 0; n < 2_000; n += 1) sheet.put({ ...runningRecord(n), uid: `${uid}-${n}` }, FRESH)
  }
  put('first')
  const hosts = Array.from({ length: 2_000 }, (_, n) => `vm-${n}.ns-${n % 50}.prod-1`)
  for (const host of hosts) sheet.leafOf(host)
  expect(sheet.loose).toBe(0)
  put('second')
  expect(sheet.loose).toBeLessThan(1_400)
  for (const [n, host] of hosts.entries()) expect(sheet.get(host)?.text.toString()).toContain(`"second-${n}"`)
})
