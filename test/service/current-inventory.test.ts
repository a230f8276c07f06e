import { describe, expect, test } from 'vitest'
import { CurrentInventory } from '../../src/service/serve/current-inventory.ts'
import { parseConfig } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { Inventory } from '../../src/inventory/index.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from '../inventory/clusters.ts'

const NOW = Date.UTC(2026, 10, 21)

function config(...views: readonly object[]) {
  return configWith({ views })
}

function configWith(inventory: object, tokens: readonly object[] = []) {
  const named = tokens.map((token, at) => ({ name: `t${at}`, token: { env: `T${at}` }, ...token }))
  const source = { clusters: [{ name: 'prod-1', in_cluster: true }], inventory, http: { tokens: named } }
  return parseConfig(JSON.stringify(source), '/etc/v/v.yaml')
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

/** How many hosts a document has, or how many it lacks of how many. */
function told(read: Inventory): number | string {
  if (read.kind === 'document') return read.hosts
  return read.because === 'shrunk' ? `${read.shrunk.missing} of ${read.shrunk.of}` : read.because
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

test('another value, right or end of a token leaves the inventory as it is, with what is remembered of past documents', async () => {
  const part = { clusters: ['prod-1'] }
  const views = [{ name: 'web', selector: 'app=web' }]
  using one = current(10, ...views)
  await one.inventory.become(configWith({ views }, [part]))
  const before = one.inventory.cache
  const since = etagOf(before.read(NOW, 'web'))
  const again = [{ ...part, token: { env: 'OTHER' }, can: ['run'], expires: '2030-01-01T00:00:00Z' }, { name: 'new' }]
  await one.inventory.become(configWith({ views }, again))
  put(one.fleet, guest('late', { seen: { labels: { app: 'web' } } }))
  const now = one.inventory.cache.read(NOW, 'web')
  expect(one.inventory.cache.differenceOf(since, etagOf(now), 'web')).toEqual({
    joined: ['late.shop.prod-1'],
    left: [],
    changed: [],
  })
  expect(one.inventory.cache).toBe(before)
  await one.inventory.become(configWith({ views }, [{ clusters: ['prod-1'], namespaces: ['shop'] }]))
  expect(one.inventory.cache).not.toBe(before)
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

describe('what a change of the file takes out is missed too', () => {
  const SHOP = { clusters: ['prod-1'], namespaces: [] as string[] }
  const NOWHERE = { clusters: [], namespaces: ['nowhere'] }
  const web = { name: 'web', selector: 'app=web' }
  const typo = { name: 'web', selector: 'app=wbe' }
  const core = { formats: ['kubevirt.core'] }

  test('in the part of a view that a token may read, whether that was read since the last change or not', async () => {
    using one = current(60, web)
    const tokens = [{ clusters: ['prod-1'] }]
    const read = (within = SHOP): number | string => told(one.inventory.cache.read(NOW, { view: 'web', within }))
    await one.inventory.become(configWith({ views: [web] }, tokens))
    expect(read()).toBe(30)
    await one.inventory.become(configWith({ views: [web, { name: 'other' }] }, tokens))
    await one.inventory.become(configWith({ views: [typo] }, tokens))
    expect(read()).toBe('30 of 30')
    await one.inventory.become(configWith({ views: [{ ...typo, max_shrink: 100 }] }, tokens))
    expect(read()).toBe(0)
    await one.inventory.become(configWith({ views: [typo] }, tokens))
    expect(read()).toBe(0)
  })

  test('in a format that is asked for', async () => {
    using one = current(60, web)
    const read = (): number | string => told(one.inventory.cache.read(NOW, { view: 'web', format: 'kubevirt.core' }))
    await one.inventory.become(configWith({ views: [web], ...core }))
    for (let at = 0; at < 60; at += 2) put(one.fleet, portrayed(`vm-${at}`))
    expect(read()).toBe(30)
    await one.inventory.become(configWith({ views: [typo], ...core }))
    expect(read()).toBe('30 of 30')
  })

  test('for a token that may read less than before: of the whole, and of each view', async () => {
    using one = current(60, web)
    await one.inventory.become(configWith({ views: [web] }, [{ clusters: ['prod-1'] }, {}]))
    const read = (view: string, within?: typeof SHOP): number | string =>
      told(one.inventory.cache.read(NOW, { view, within }))
    expect([read('', SHOP), read('web', SHOP), read('')]).toEqual([60, 30, 60])
    await one.inventory.become(configWith({ views: [web] }, [{ namespaces: ['nowhere'] }, { namespaces: ['no'] }]))
    expect([read('', NOWHERE), read('web', NOWHERE)]).toEqual(['60 of 60', '30 of 30'])
    expect(read('', { clusters: [], namespaces: ['no'] })).toBe('60 of 60')
    // Nobody has read this part before.
    expect(read('', { clusters: ['else'], namespaces: [] })).not.toContain('60')
    await one.inventory.become(
      configWith({ views: [web], max_shrink: 100 }, [{ namespaces: ['nowhere'] }, { namespaces: ['no'] }]),
    )
    expect([read('', NOWHERE), read('web', NOWHERE)]).toEqual([0, '30 of 30'])
  })

  test('but not who was deleted between the change and the next reader', async () => {
    using one = current(60, web)
    const tokens = [{ clusters: ['prod-1'] }]
    const read = (): number | string => told(one.inventory.cache.read(NOW, { view: 'web', within: SHOP }))
    await one.inventory.become(configWith({ views: [web] }, tokens))
    expect(read()).toBe(30)
    await one.inventory.become(configWith({ views: [web, { name: 'other' }] }, tokens))
    for (let at = 0; at < 40; at += 2) one.fleet.apply({ key: `prod-1/shop/vm-${at}`, value: null })
    expect(read()).toBe(10)
  })

  test('and who was deleted and came back between them as another is', async () => {
    using one = current(60, web)
    const tokens = [{ clusters: ['prod-1'] }]
    const read = (): number | string => told(one.inventory.cache.read(NOW, { view: 'web', within: SHOP }))
    await one.inventory.become(configWith({ views: [web] }, tokens))
    expect(read()).toBe(30)
    await one.inventory.become(configWith({ views: [web, { name: 'other' }] }, tokens))
    for (let at = 0; at < 32; at += 2) {
      one.fleet.apply({ key: `prod-1/shop/vm-${at}`, value: null })
      put(one.fleet, guest(`vm-${at}`, { seen: { labels: { app: 'db' } } }))
    }
    expect(read()).toBe('16 of 30')
  })
})

/** A VM with the label app=web, and with what the watch keeps of it for the format kubevirt.core. */
function portrayed(name: string): VmRecord {
  const vm = JSON.stringify({ labels: { app: 'web' }, annotations: {}, status: { printableStatus: 'Running' } })
  return guest(name, { seen: { labels: { app: 'web' }, portraits: { vm, vmi: '' } } })
}
