import { expect, test } from 'vitest'
import { CurrentInventory } from '../../src/service/serve/current-inventory.ts'
import { parseConfig } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { Inventory } from '../../src/inventory/index.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from '../inventory/clusters.ts'

const NOW = Date.UTC(2026, 10, 21)

function config(...views: readonly object[]) {
  const source = JSON.stringify({ clusters: [{ name: 'prod-1', in_cluster: true }], inventory: { views } })
  return parseConfig(source, '/etc/v/v.yaml')
}

function put(fleet: Fleet, record: VmRecord): void {
  fleet.apply({ key: vmKey(record), value: record })
}

/** The inventory of a fleet of so many VMs, half of them with the label app=web. */
function current(vms: number, ...views: readonly object[]) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  for (let at = 0; at < vms; at += 1)
    put(fleet, guest(`vm-${at}`, { seen: { labels: { app: at % 2 === 0 ? 'web' : 'db' } } }))
  const around = {
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
    onFailure: () => undefined,
  }
  const inventory = new CurrentInventory(config(...views), around)
  return { fleet, inventory, [Symbol.dispose]: () => inventory[Symbol.dispose]() }
}

function hostsOf(read: Inventory): number {
  return read.kind === 'document' ? read.hosts : -1
}

function etagOf(read: Inventory): string {
  return read.kind === 'document' ? read.etag : ''
}

test('another configuration is made ready in pieces, and until it is the one before answers', async () => {
  using one = current(3_000, { name: 'web', selector: 'app=web' })
  const before = one.inventory.cache
  const becoming = one.inventory.become(config({ name: 'db', selector: 'app=db' }))
  const progress = { done: false }
  void becoming.then(() => (progress.done = true))
  let turns = 0
  const seen = new Set<number>()
  while (!progress.done) {
    await new Promise(resolve => setImmediate(resolve))
    if (progress.done) break
    turns += 1
    seen.add(hostsOf(one.inventory.cache.read(NOW, 'web')))
  }
  // 3,000 VMs, some hundred at a time.
  expect(turns).toBeGreaterThan(10)
  expect([...seen]).toEqual([1_500])
  expect(one.inventory.cache).not.toBe(before)
  expect(hostsOf(one.inventory.cache.read(NOW, 'db'))).toBe(1_500)
})

test('equal hosts have equal ETags before and after, and who reads keeps its document', async () => {
  using one = current(50, { name: 'web', selector: 'app=web' })
  const held = one.inventory.cache.read(NOW, 'web')
  const body = held.kind === 'document' ? held.body : ''
  await one.inventory.become(config({ name: 'web', selector: 'app in (web)' }, { name: 'other' }))
  expect(etagOf(one.inventory.cache.read(NOW, 'web'))).toBe(etagOf(held))
  await one.inventory.become(config())
  expect(held.kind === 'document' ? held.body : '').toBe(body)
})

test('a VM that changes while another configuration is made ready is as it is in both', async () => {
  using one = current(2_000, { name: 'web', selector: 'app=web' })
  const becoming = one.inventory.become(config({ name: 'all', selector: '' }))
  put(one.fleet, guest('late'))
  one.fleet.apply({ key: 'prod-1/shop/vm-7', value: null })
  await becoming
  const read = one.inventory.cache.read(NOW, 'all')
  expect(hostsOf(read)).toBe(2_000)
  expect(read.kind === 'document' && read.body.includes('late.shop.prod-1') && !read.body.includes('"vm-7.shop')).toBe(
    true,
  )
})
