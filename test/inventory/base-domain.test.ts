import { expect, test } from 'vitest'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, KUBEVIRT_CORE_DEFAULTS, kubevirtCoreRendering } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { portray, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const BY_NAME = { network_name: 'vlan', kube_secondary_dns: true }

function shown(name: string, cluster: string): VmRecord {
  const record = guest(name, { cluster })
  const status = { phase: 'Running', interfaces: [{ name: 'vlan', ipAddress: '10.9.0.1' }] }
  const portraits = { vm: portray('vm', { status: {} }, false), vmi: portray('vmi', { status }, false) }
  return { ...record, seen: { ...record.seen, boot: 'boot-1', portraits } }
}

/** A fleet of `prod-1` and `dev-1` with a VM in each, and a view of the format that shows them by names. */
function open(options: Partial<typeof KUBEVIRT_CORE_DEFAULTS> = BY_NAME) {
  const fleet = new Fleet()
  const put = (name: string, wish: Partial<ClusterRecord>): void =>
    fleet.apply({ key: name, value: { ...synced(name, NOW), ...wish } })
  for (const name of ['prod-1', 'dev-1']) {
    put(name, {})
    const record = shown(name === 'prod-1' ? 'web-1' : 'web-2', name)
    fleet.apply({ key: vmKey(record), value: record })
  }
  const rendering = kubevirtCoreRendering({ ...KUBEVIRT_CORE_DEFAULTS, ...options })
  const cache = new InventoryCache({
    fleet,
    views: [{ ...viewOfAll('old', { builtin: true, labels: [], maxPerLabel: 9 }), rendering }],
    expected: ['prod-1', 'dev-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const read = (): unknown => {
    const inventory = cache.read(NOW, 'old')
    if (inventory.kind === 'closed') return `${inventory.because}: ${inventory.clusters.join()}`
    const { _meta } = JSON.parse(inventory.body) as { _meta: { hostvars: Record<string, Record<string, unknown>> } }
    return Object.values(_meta.hostvars).map(({ ansible_host }) => ansible_host)
  }
  return { put, read, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test('a view of names is closed until it is known of each of its clusters whether it has a base domain', () => {
  using inventory = open()
  expect(inventory.read()).toBe('lacking: dev-1,prod-1')
  inventory.put('prod-1', { base_domain: 'prod-1.example.com' })
  expect(inventory.read()).toBe('lacking: dev-1')
  inventory.put('dev-1', { base_domain: '' })
  expect(inventory.read()).toEqual(['vlan.web-1.shop.vm.prod-1.example.com', 'vlan.web-2.shop.vm'])
})

test('another base domain is in the names as soon as it is known', () => {
  using inventory = open()
  for (const name of ['prod-1', 'dev-1']) inventory.put(name, { base_domain: 'example.com' })
  expect(inventory.read()).toEqual(['vlan.web-1.shop.vm.example.com', 'vlan.web-2.shop.vm.example.com'])
  inventory.put('dev-1', { base_domain: 'example.org' })
  expect(inventory.read()).toEqual(['vlan.web-1.shop.vm.example.com', 'vlan.web-2.shop.vm.example.org'])
})

test('a cluster that can not be seen any more keeps its base domain, and nobody waits for one that left the selection before it said one', () => {
  using inventory = open()
  inventory.put('prod-1', { base_domain: 'example.com', status: 'unavailable', heartbeat: NOW - 7_200_000 })
  inventory.put('dev-1', { status: 'out_of_scope', left_at: NOW })
  expect(inventory.read()).toEqual(['vlan.web-1.shop.vm.example.com', 'vlan.web-2.shop.vm'])
})

test.each([
  ['addresses', {}, ['10.9.0.1', '10.9.0.1']],
  [
    'a base domain that is written down',
    { ...BY_NAME, base_domain: 'w.com' },
    ['vlan.web-1.shop.vm.w.com', 'vlan.web-2.shop.vm.w.com'],
  ],
])('a view of %s waits for none', (_, options, hosts) => {
  using inventory = open(options)
  expect(inventory.read()).toEqual(hosts)
})
