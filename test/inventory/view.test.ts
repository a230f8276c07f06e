import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { type Inventory, InventoryCache, type Profile, type View, type ViewGroups } from '../../src/inventory/index.ts'
import { notTakenBecause, viewOfAll } from '../../src/inventory/view.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const STOPPED = { phase: '', boot: '', status: 'Stopped' }
const NO_OS = { family: '', id: '', name: '', version: '' }

type Wish = Partial<Omit<View, 'name' | 'rendering'>> & { readonly profile?: Profile; readonly groups?: ViewGroups }

function view(name: string, { profile, groups, ...wish }: Wish = {}): View {
  return { ...viewOfAll(name, groups ?? { builtin: true, labels: [], maxPerLabel: 2_000 }, profile), ...wish }
}

describe('a view takes a VM when all that it says holds, and says what does not', () => {
  test.each<[what: string, view: Wish, vm: GuestWish, because: readonly string[]]>([
    ['nothing said', {}, {}, []],
    ['its cluster', { clusters: ['dev-1', 'prod-1'] }, {}, []],
    ['another cluster', { clusters: ['dev-1'] }, {}, ['its cluster is prod-1']],
    ['its namespace', { namespaces: ['shop'] }, {}, []],
    ['another namespace', { namespaces: ['web'] }, {}, ['its namespace is shop']],
    ['its family', { os: ['linux'] }, {}, []],
    ['its id', { os: ['windows', 'rhel'] }, {}, []],
    ['an id in other letters', { os: ['rhel'] }, { seen: { os: { ...NO_OS, id: 'RHEL' } } }, []],
    ['another system', { os: ['windows'] }, {}, ['its operating system is rhel']],
    [
      'a system, and it is not known',
      { os: ['linux'] },
      { seen: { os: NO_OS } },
      ['its operating system is not known'],
    ],
    ['its status', { status: ['Running'] }, {}, []],
    ['another status', { status: ['Running'] }, { seen: STOPPED }, ['its status is Stopped']],
    ['reachable', { reachable: true }, {}, []],
    ['reachable, and it is stopped', { reachable: true }, { seen: STOPPED }, ['it is not reachable: stopped']],
    ['not reachable', { reachable: false }, { seen: STOPPED }, []],
    ['not reachable, and it is', { reachable: false }, {}, ['it is reachable']],
    ['its labels', { labels: parseSelector('app in (a, b),!old') }, { seen: { labels: { app: 'b' } } }, []],
    [
      'other labels',
      { labels: parseSelector('app in (a, b),!old,tier,app!=c') },
      { seen: { labels: { app: 'c', old: '' } } },
      ['app in (a, b)', '!old', 'tier', 'app notin (c)'].map(each => `its labels do not meet ${each}`),
    ],
    [
      'much, of which nothing holds',
      { clusters: ['x'], namespaces: ['x'], status: ['Paused'], os: ['windows'], labels: parseSelector('x') },
      {},
      [
        'its cluster is prod-1',
        'its namespace is shop',
        'its status is Running',
        'its operating system is rhel',
        'its labels do not meet x',
      ],
    ],
  ])('%s', (_what, wish, vm, because) => {
    expect(notTakenBecause(view('v', wish), guest('web-1', vm), {})).toEqual(because)
  })

  test('another that has the better claim to its address makes it unreachable', () => {
    const reasons = notTakenBecause(view('v', { reachable: true }), guest('web-1'), { conflict: true })
    expect(reasons).toEqual(['it is not reachable: conflicting address'])
  })
})

function cacheOf(
  fleet: Fleet,
  views: readonly View[],
  more: Partial<ConstructorParameters<typeof InventoryCache>[0]> = {},
) {
  return new InventoryCache({
    fleet,
    views,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
    ...more,
  })
}

function fleetWith(...records: readonly VmRecord[]): Fleet {
  const fleet = new Fleet()
  for (const name of ['prod-1', 'dev-1']) fleet.apply({ key: name, value: synced(name, NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  return fleet
}

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly all: { readonly children: readonly string[] }
  readonly [group: string]: unknown
}

function bodyOf(inventory: Inventory): Body {
  if (inventory.kind === 'closed') throw new Error(`${inventory.because}: ${inventory.clusters.join(', ')}`)
  return JSON.parse(inventory.body) as Body
}

function hostsOf(inventory: Inventory): readonly string[] {
  return Object.keys(bodyOf(inventory)._meta.hostvars)
}

test('a view has the hosts that it takes and no others, with the same variables as the whole, and its groups alone', () => {
  const fleet = fleetWith(
    guest('web-1', { seen: { labels: { app: 'web' } } }),
    guest('db-1', { address: '10.1.0.8', seen: { labels: { app: 'db' } } }),
    guest('web-2', { cluster: 'dev-1', seen: { labels: { app: 'web' } } }),
  )
  using cache = cacheOf(fleet, [view('web', { labels: parseSelector('app=web'), clusters: ['prod-1'] })])
  const [whole, part] = [bodyOf(cache.read(NOW)), bodyOf(cache.read(NOW, 'web'))]
  const host = 'web-1.shop.prod-1'
  expect(cache.views).toEqual(['web'])
  expect(Object.keys(whole._meta.hostvars)).toHaveLength(3)
  expect(part._meta.hostvars).toEqual({ [host]: whole._meta.hostvars[host] })
  expect(part.all.children).toEqual(['cluster_prod_1', 'namespace_shop', 'os_linux', 'os_rhel', 'status_running'])
  expect(part['namespace_shop']).toEqual({ hosts: [host] })
  expect([cache.varsOf(host, 'web'), cache.varsOf('db-1.shop.prod-1', 'web')]).toEqual([
    JSON.stringify(whole._meta.hostvars[host]),
    null,
  ])
})

test('what happens outside of a view, or to what its profile does not tell, changes not a byte of it', () => {
  const fleet = fleetWith(guest('web-1'), guest('web-2', { cluster: 'dev-1' }))
  using cache = cacheOf(fleet, [view('slim', { profile: 'slim', clusters: ['prod-1'] }), view('all')])
  const [slim, all] = [cache.read(NOW, 'slim'), cache.read(NOW, 'all')]
  const put = (record: VmRecord): void => fleet.apply({ key: vmKey(record), value: record })
  put(guest('web-2', { cluster: 'dev-1', seen: { status: 'Migrating' } }))
  put(guest('web-1', { seen: { node: 'n9' } }))
  expect(cache.read(NOW, 'slim')).toEqual(slim)
  expect(cache.read(NOW, 'all')).not.toEqual(all)
})

test.each([
  ['slim', 13],
  ['standard', 26],
  ['full', 47],
] as const)('the profile %s tells %d variables, each profile all that a smaller one does', (profile, count) => {
  const windows = guest('web-1', { family: 'windows' })
  using cache = cacheOf(fleetWith(windows), [view('v', { profile }), view('f', { profile: 'full' })])
  const vars = bodyOf(cache.read(NOW, 'v'))._meta.hostvars[hostName(windows)] ?? {}
  expect(Object.keys(vars)).toHaveLength(count)
  expect(bodyOf(cache.read(NOW, 'f'))._meta.hostvars[hostName(windows)]).toMatchObject(vars)
  expect(Object.keys(vars).filter(key => !/^(kubevirt|day2|ansible)_[a-z_]+$/.test(key))).toEqual([])
  expect(JSON.stringify(vars)).not.toMatch(/resource_version|heartbeat/)
})

describe('groups', () => {
  const many = Array.from({ length: 12 }, (_, n) =>
    guest(`vm-${n}`, { seen: { labels: { app: `app-${n}`, tier: n % 2 === 0 ? 'web' : '' } } }),
  )
  const groupsIn = (wish: Wish): Body => {
    using cache = cacheOf(fleetWith(...many), [view('v', wish)])
    return bodyOf(cache.read(NOW, 'v'))
  }

  test('without any a host is in ungrouped, or Ansible would not know it', () => {
    const body = groupsIn({ groups: { builtin: false, labels: [], maxPerLabel: 5 } })
    expect(body.all.children).toEqual(['ungrouped'])
    expect(body['ungrouped']).toMatchObject({ hosts: { length: 12 } })
  })

  test('are those of the labels that were chosen alone', () => {
    const body = groupsIn({ groups: { builtin: false, labels: ['tier'], maxPerLabel: 5 } })
    expect(body.all.children).toEqual(['label_tier_web', 'ungrouped'])
  })

  test('of one label are as many as the view allows, which is told once, and a host beyond them stays', () => {
    const told: unknown[] = []
    const fleet = fleetWith(...many)
    const views = [view('v', { groups: { builtin: false, labels: ['app', 'tier'], maxPerLabel: 5 } })]
    using cache = cacheOf(fleet, views, { warnOfGroups: (...about) => void told.push(about) })
    for (const node of ['n1', 'n2']) {
      const changed = guest('vm-0', { seen: { labels: { app: 'app-0', tier: 'web' }, node } })
      fleet.apply({ key: vmKey(changed), value: changed })
      const body = bodyOf(cache.read(NOW, 'v'))
      expect(body.all.children.filter(group => group.startsWith('label_app_'))).toHaveLength(5)
      expect(body['label_tier_web']).toMatchObject({ hosts: { length: 6 } })
      expect(Object.keys(body._meta.hostvars)).toHaveLength(12)
    }
    expect(told).toEqual([['v', 'app', 5]])
  })
})

const wish: fc.Arbitrary<GuestWish> = fc.record({
  cluster: fc.constantFrom('prod-1', 'dev-1'),
  address: fc.constantFrom('10.1.0.1', '10.1.0.2'),
  seen: fc.record({
    status: fc.constantFrom('Running', 'Stopped'),
    labels: fc.constantFrom<Record<string, string>>({}, { app: 'a' }, { app: 'b' }),
    phase: fc.constantFrom('Running', ''),
  }),
})
const step = fc.record({
  name: fc.constantFrom('web-1', 'web-2', 'web-3'),
  wish,
  gone: fc.boolean(),
  read: fc.boolean(),
})
const VIEWS = [
  view('running', { status: ['Running'], profile: 'slim' }),
  view('app', { labels: parseSelector('app'), groups: { builtin: false, labels: ['app'], maxPerLabel: 1 } }),
  view('prod', { clusters: ['prod-1'], profile: 'full' }),
  view('reachable', { reachable: true }),
]

test('however VMs come, change and go, a view is what it would be if it were made anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), steps => {
      const fleet = fleetWith()
      using cache = cacheOf(fleet, VIEWS)
      for (const { name, wish, gone, read } of steps) {
        const record = guest(name, wish)
        fleet.apply({ key: vmKey(record), value: gone ? null : record })
        for (const { name } of read ? VIEWS : []) cache.read(NOW, name)
      }
      using anew = cacheOf(fleet, VIEWS)
      const read = (from: InventoryCache, name: string): readonly string[] => {
        const inventory = from.read(NOW, name)
        return inventory.kind === 'closed' ? inventory.clusters : [inventory.etag, inventory.body]
      }
      for (const { name } of VIEWS) expect(read(cache, name)).toEqual(read(anew, name))
    }),
    { numRuns: 150 },
  )
})

describe('a view never gets shorter because something can not be seen', () => {
  const late = NOW + 4_000_000

  test.each<[what: string, wish: Wish]>([
    ['reachable', { reachable: true }],
    ['running', { status: ['Running'] }],
    ['of an operating system', { os: ['linux'] }],
    ['of its cluster', { clusters: ['prod-1'] }],
  ])(
    'one of VMs that are %s keeps them when their cluster is not seen any more: marked, and disabled',
    (_what, wish) => {
      const fleet = fleetWith(guest('web-1'))
      using cache = cacheOf(fleet, [view('v', wish)])
      expect(hostsOf(cache.read(NOW, 'v'))).toEqual(['web-1.shop.prod-1'])
      const vars = bodyOf(cache.read(late, 'v'))._meta.hostvars['web-1.shop.prod-1']
      expect(vars).toMatchObject({
        kubevirt_stale: true,
        kubevirt_enabled: false,
        kubevirt_reachable_reason: 'cluster unreachable',
      })
    },
  )

  test('it is closed while a cluster that it could contain was never read, and by no other', () => {
    const fleet = new Fleet()
    fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
    fleet.apply({ key: 'dev-1', value: { ...synced('dev-1', NOW), adopted_at: 0, status: 'joining' } })
    const views = [view('prod', { clusters: ['prod-1'] }), view('dev', { clusters: ['dev-1', 'prod-1'] }), view('both')]
    using cache = cacheOf(fleet, [...views, view('new', { clusters: ['hub-will-tell'] })], {
      expected: ['prod-1', 'hub1'],
    })
    const told = [...cache.views, ''].map(name => {
      const inventory = cache.read(NOW, name)
      return [name, inventory.kind === 'closed' ? inventory.clusters : 'open']
    })
    expect(told).toEqual([
      ['both', ['dev-1', 'hub1']],
      ['dev', ['dev-1']],
      ['new', ['hub-will-tell']],
      ['prod', 'open'],
      ['', ['dev-1', 'hub1']],
    ])
  })

  test('with on_stale: fail it is closed while one of its clusters can not be seen, and says so; one that was taken out, or never had KubeVirt, is not missed', () => {
    const fleet = fleetWith(guest('web-1'), guest('web-2', { cluster: 'dev-1' }))
    fleet.apply({ key: 'hub1', value: { ...synced('hub1', 0), kind: 'hub' } })
    const views = [view('v', { onStale: 'fail' }), view('dev', { onStale: 'fail', clusters: ['dev-1'] })]
    using cache = cacheOf(fleet, views)
    expect(hostsOf(cache.read(NOW, 'v'))).toHaveLength(2)
    fleet.apply({ key: 'dev-1', value: synced('dev-1', NOW + 60_000) })
    const unseen = cache.read(NOW + 60_001, 'v')
    expect(unseen).toEqual({ kind: 'closed', because: 'stale', clusters: ['prod-1'] })
    expect(hostsOf(cache.read(NOW + 60_001, 'dev'))).toHaveLength(1)
    expect(hostsOf(cache.read(NOW + 60_001))).toHaveLength(2)
    fleet.apply({ key: 'prod-1', value: { ...synced('prod-1', NOW), status: 'out_of_scope' } })
    expect(hostsOf(cache.read(NOW + 60_001, 'v'))).toHaveLength(2)
    const bare = { ...synced('bare', NOW), adopted_at: 0, no_kubevirt_since: 1 }
    fleet.apply({ key: 'bare', value: bare })
    expect(hostsOf(cache.read(NOW + 60_001, 'v'))).toHaveLength(2)
    fleet.apply({ key: 'bare', value: { ...bare, adopted_at: 1 } })
    expect(cache.read(NOW + 60_001, 'v')).toMatchObject({ because: 'stale', clusters: ['bare'] })
  })
})
