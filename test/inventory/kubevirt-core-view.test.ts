import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import {
  InventoryCache,
  KUBEVIRT_CORE_DEFAULTS,
  kubevirtCoreRendering,
  type KubevirtCoreOptions,
} from '../../src/inventory/index.ts'
import { CANONICAL } from '../../src/inventory/host-name.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { hostName, portray, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)

interface Place {
  readonly cluster?: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** A VM whose objects the watch kept. */
function kept(name: string, { cluster = 'prod-1', namespace = 'shop', labels = {} }: Place = {}): VmRecord {
  const record = { ...guest(name), cluster, namespace, uid: `${cluster}/${namespace}/${name}` }
  const portraits = { vm: portray('vm', { metadata: { labels }, status: { ready: true } }, false), vmi: '' }
  return { ...record, seen: { ...record.seen, portraits } }
}

const USUAL = {
  formats: new Map([['kubevirt.core', kubevirtCoreRendering(KUBEVIRT_CORE_DEFAULTS)]]),
  expected: ['prod-1'],
  limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
  labelGroups: [],
  verbsOf: () => ({ onboard: '', patch: '' }),
  now: () => NOW,
}

interface Listed {
  readonly _meta: { readonly hostvars: Readonly<Record<string, object>> }
  readonly [group: string]: { readonly hosts?: readonly string[]; readonly children?: readonly string[] } | object
}

/** A fleet of two clusters, and its inventory with one view of the format. */
function open(options: Partial<KubevirtCoreOptions>, records: readonly VmRecord[]) {
  const fleet = new Fleet()
  for (const name of ['prod-1', 'dev-1']) fleet.apply({ key: name, value: synced(name, NOW) })
  const put = (record: VmRecord): void => fleet.apply({ key: vmKey(record), value: record })
  records.forEach(put)
  const warned: string[] = []
  const rendering = kubevirtCoreRendering({ ...KUBEVIRT_CORE_DEFAULTS, ...options })
  const cache = new InventoryCache({
    fleet,
    views: [{ ...viewOfAll('old', { builtin: true, labels: [], maxPerLabel: 9 }), rendering }],
    ...USUAL,
    warnOfName: (_view, host, because) => warned.push(`${host}: ${because}`),
    warnOfGroups: (_view, label, most) => warned.push(`${label}: ${most}`),
  })
  const list = (): Listed => {
    const inventory = cache.read(NOW, 'old')
    if (inventory.kind === 'closed') throw new Error(inventory.because)
    return JSON.parse(inventory.body) as Listed
  }
  return { cache, fleet, put, list, warned, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test('the group of its one cluster has those of its namespaces', () => {
  using inventory = open({ one_cluster: true, cluster_group: 'prod' }, [
    kept('web-1'),
    kept('db-1', { namespace: 'data' }),
  ])
  expect(inventory.list()).toMatchObject({
    all: { children: ['prod'] },
    prod: { children: ['namespace_data', 'namespace_shop'] },
    namespace_shop: { hosts: ['shop-web-1'] },
  })
})

test('of several clusters the groups of clusters and of namespaces stand beside each other', () => {
  using inventory = open({}, [kept('web-1'), kept('web-2', { cluster: 'dev-1' })])
  expect(inventory.list()).toMatchObject({
    all: { children: ['dev_1', 'namespace_shop', 'prod_1'] },
    dev_1: { hosts: ['shop-web-2'] },
    prod_1: { hosts: ['shop-web-1'] },
    namespace_shop: { hosts: ['shop-web-1', 'shop-web-2'] },
  })
})

test('hosts that would share a name have their long ones, and a warning', () => {
  const [one, other] = [kept('b-c', { namespace: 'a' }), kept('c', { namespace: 'a-b' })]
  using inventory = open({}, [one, other, kept('web-1'), kept('web-1', { cluster: 'dev-1' })])
  expect(Object.keys(inventory.list()._meta.hostvars).sort()).toEqual([
    'b-c.a.prod-1',
    'c.a-b.prod-1',
    'web-1.shop.dev-1',
    'web-1.shop.prod-1',
  ])
  expect(inventory.warned).toContain(`${hostName(one)}: several would be called a-b-c`)
})

test('a VM that would be called as Ansible calls its own machine has its long name', () => {
  using inventory = open({ host_format: [{ field: 'name' }] }, [kept('localhost'), kept('web-1')])
  expect(Object.keys(inventory.list()._meta.hostvars).sort()).toEqual(['localhost.shop.prod-1', 'web-1'])
})

test('a label makes so many groups and no more, and crowds out no other group', () => {
  const records = ['a', 'b', 'c', 'd'].map(name => kept(name, { labels: { domain: name, app: 'web' } }))
  using inventory = open({ create_groups: true, max_per_label: 2 }, records)
  const groups = Object.keys(inventory.list()).filter(name => name.startsWith('label_'))
  expect(groups).toEqual(['label_app_web', 'label_domain_a', 'label_domain_b'])
  expect(inventory.warned).toEqual(['domain: 2'])
})

test('a view is closed while the watch has not kept what it shows of a VM, but for one that can not be asked any more', () => {
  using inventory = open({}, [guest('web-1')])
  const { cache, put, fleet } = inventory
  const closed = { kind: 'closed', because: 'lacking', clusters: ['prod-1'] }
  expect(cache.read(NOW, 'old')).toEqual(closed)
  expect(cache.closed(NOW, 'old')).toEqual({ because: 'lacking', clusters: ['prod-1'] })
  expect(cache.read(NOW).kind).not.toBe('closed')
  expect(cache.read(NOW, { format: 'kubevirt.core' })).toEqual(closed)
  put(kept('web-1'))
  expect(Object.keys(inventory.list()._meta.hostvars)).toEqual(['shop-web-1'])
  put(guest('web-2'))
  expect(cache.read(NOW, 'old')).toEqual(closed)
  put({ ...guest('web-2'), out_of_scope: 'event' })
  expect(Object.keys(inventory.list()._meta.hostvars)).toEqual(['shop-web-1', 'shop-web-2'])
  put(guest('web-3'))
  fleet.apply({ key: vmKey(guest('web-3')), value: null })
  expect(Object.keys(inventory.list()._meta.hostvars)).toEqual(['shop-web-1', 'shop-web-2'])
})

test('a view with timestamps is closed while the watch has kept none', () => {
  using inventory = open({ timestamps: true }, [kept('web-1', { labels: { odd: '"version":null' } })])
  expect(inventory.cache.read(NOW, 'old')).toMatchObject({ kind: 'closed', because: 'lacking' })
  const record = kept('web-1')
  const object = { metadata: { resourceVersion: '7', annotations: { note: '"version":null' } }, status: {} }
  const portraits = { vm: portray('vm', object, true), vmi: '' }
  inventory.put({ ...record, seen: { ...record.seen, portraits } })
  expect(inventory.list()._meta.hostvars['shop-web-1']).toMatchObject({ vm_resource_version: '7' })
})

test('whatever its own format, a view can be asked for in one that is configured', () => {
  using inventory = open({ host_format: CANONICAL }, [kept('web-1')])
  const read = (format: string): string => {
    const document = inventory.cache.read(NOW, { view: 'old', format })
    return document.kind === 'closed' ? document.because : document.body
  }
  expect(read('')).toContain('"web-1.shop.prod-1":{"vm_uid"')
  expect(read('kubevirt.core')).toContain('"shop-web-1":{"vm_uid"')
})

test('in a format that is asked for, no address is told that another VM has the better claim to, whatever the views are', () => {
  const on = (name: string, own: string, first: string, source: 'platform' | 'agent'): VmRecord => {
    const nics = { status: { interfaces: [{ name: 'lan', ipAddress: first }] } }
    const addresses = [
      { address: own, network: 'default', interface: 'eth0', source: 'platform', pod: true },
      { address: first, network: 'lan', interface: 'eth1', source, pod: source === 'platform' },
    ] as const
    const record = guest(name, { address: own, seen: { addresses } })
    const portraits = { vm: portray('vm', { status: {} }, false), vmi: portray('vmi', nics, false) }
    return { ...record, seen: { ...record.seen, portraits } }
  }
  const [victim, thief] = [
    on('victim', '10.1.0.1', '10.1.0.1', 'platform'),
    on('thief', '10.1.0.2', '10.1.0.1', 'agent'),
  ]
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  for (const record of [thief, victim]) fleet.apply({ key: vmKey(record), value: record })
  using cache = new InventoryCache({
    fleet,
    ...USUAL,
  })
  const varsOf = (name: string): unknown => JSON.parse(cache.varsOf(name, { format: 'kubevirt.core' }) ?? '{}')
  expect(varsOf('shop-victim')).toMatchObject({ ansible_host: '10.1.0.1' })
  expect(varsOf('shop-thief')).toMatchObject({ vmi_uid: 'boot-of-uid-thief' })
  expect(varsOf('shop-thief')).not.toHaveProperty('ansible_host')
})
