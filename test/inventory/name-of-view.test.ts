import { expect, test } from 'vitest'
import { parseHostFormat } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, ownRendering, type ViewGroups } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: false, labels: ['app'], maxPerLabel: 2_000 }

function called(format: string, ...records: readonly VmRecord[]) {
  return calledAmong(GROUPS, format, ...records)
}

function calledAmong(groups: ViewGroups, format: string, ...records: readonly VmRecord[]) {
  const fleet = new Fleet()
  for (const cluster of new Set(records.map(record => record.cluster)))
    fleet.apply({ key: cluster, value: synced(cluster, NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const warned: string[] = []
  const rendering = ownRendering('slim', groups, { hostName: parseHostFormat(format) })
  const cache = new InventoryCache({
    fleet,
    views: [{ ...viewOfAll('v', groups), rendering }],
    expected: [],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
    warnOfName: (_view, host, because) => void warned.push(`${host}: ${because}`),
  })
  const namesNow = (): readonly string[] => {
    const inventory = cache.read(NOW, 'v')
    if (inventory.kind === 'closed') throw new Error('closed')
    const { _meta } = JSON.parse(inventory.body) as { _meta: { hostvars: object } }
    return Object.keys(_meta.hostvars)
  }
  const names = [...namesNow()]
  const why = (host: string) => cache.why(host, NOW, { view: 'v' })
  return { fleet, names, namesNow, warned, why, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test.each<[format: string, name: string]>([
  ['{name}.{namespace}.{cluster}', 'web-7.shop.prod-1'],
  ['{name}', 'web-7'],
  ['{namespace}-{name}', 'shop-web-7'],
  ['{name}.{namespace}.vm.example.com', 'web-7.shop.vm.example.com'],
  ['{uid}', 'uid-web-7'],
])('hosts are called %s in a view that says so', (format, name) => {
  using one = called(format, guest('web-7'))
  expect(one.names).toEqual([name])
  expect(one.warned).toEqual([])
  expect(one.why(name)).toMatchObject({ listed: true })
})

test('those that would share a name keep the usual one, with a warning and the reason', () => {
  using one = called('{name}', guest('web-1'), guest('web-1', { cluster: 'prod-2' }), guest('web-2'))
  expect(one.names).toEqual(['web-1.shop.prod-1', 'web-1.shop.prod-2', 'web-2'])
  expect([...new Set(one.warned)].sort()).toEqual([
    'web-1.shop.prod-1: several would be called web-1',
    'web-1.shop.prod-2: several would be called web-1',
  ])
  expect(one.why('web-1.shop.prod-2').because).toEqual([
    'it is known, and all that the view asks for holds',
    'it is shown by this name, as several would be called web-1',
  ])
})

test('what is ambiguous by construction is found: a-b and c, a and b-c', () => {
  const [one, two] = [guest('c'), guest('b-c')].map((record, at) => ({ ...record, namespace: at === 0 ? 'a-b' : 'a' }))
  using both = called('{namespace}-{name}', one as VmRecord, two as VmRecord)
  expect(both.names.sort()).toEqual(['b-c.a.prod-1', 'c.a-b.prod-1'])
})

test('a name that Ansible can not be told, or that a group has, is not used', () => {
  const long = { ...guest('n'), name: 'n'.repeat(253) }
  using lengthy = called(`{name}.${'x'.repeat(190)}.{name}`, long)
  expect(lengthy.names).toEqual([`${long.name}.shop.prod-1`])
  using grouped = called('label_app_{name}', guest('web', { seen: { labels: { app: 'web' } } }))
  expect(grouped.names).toEqual(['web.shop.prod-1'])
  using reserved = called('{name}', guest('all'))
  expect(reserved.names).toEqual(['all.shop.prod-1'])
})

test('who is shown by the usual name of another gives it away when that one comes, and has it again when it goes', () => {
  using one = called('{name}', guest('web-1.shop.prod-1', { address: '10.9.0.1' }))
  expect(one.names).toEqual(['web-1.shop.prod-1'])
  const owner = guest('web-1')
  one.fleet.apply({ key: vmKey(owner), value: owner })
  expect(one.namesNow()).toEqual(['web-1', 'web-1.shop.prod-1.shop.prod-1'])
  expect(one.why('web-1.shop.prod-1.shop.prod-1').because).toContain(
    'it is shown by this name, as another is called web-1.shop.prod-1',
  )
  one.fleet.apply({ key: vmKey(owner), value: null })
  expect(one.namesNow()).toEqual(['web-1.shop.prod-1'])
})

test('the name of a group that became one too many is free', () => {
  const of = (name: string): VmRecord => guest(name, { seen: { labels: { app: name } } })
  using one = calledAmong({ ...GROUPS, maxPerLabel: 1 }, 'label_app_{name}', of('b'))
  expect(one.names).toEqual(['b.shop.prod-1'])
  one.fleet.apply({ key: vmKey(of('a')), value: of('a') })
  expect(one.namesNow()).toEqual(['a.shop.prod-1', 'label_app_b'])
  one.fleet.apply({ key: vmKey(of('a')), value: null })
  expect(one.namesNow()).toEqual(['b.shop.prod-1'])
})
