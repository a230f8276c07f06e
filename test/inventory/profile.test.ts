import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, Profiles, type ProfileRule, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: [], maxPerLabel: 2_000 }

function rule(name: string, wish: Partial<Omit<ProfileRule, 'name'>> = {}): ProfileRule {
  const open = { parent: '', clusters: [], clusterSets: [], namespaces: [], labels: [], os: [], variables: {} }
  return { name, ...open, ...wish }
}

function guestIn(namespace: string, name: string, wish: GuestWish = {}): VmRecord {
  return { ...guest(name, wish), namespace }
}

const tree = new Profiles([
  rule('edge', { clusterSets: ['edge'] }),
  rule('base-linux', { os: ['linux'], variables: { chrony_servers: ['ntp1'], motd: 'base', level: 1 } }),
  rule('web', { parent: 'base-linux', labels: parseSelector('app=web'), variables: { motd: 'web {{ 6*7 }}' } }),
  rule('web-shop', { parent: 'web', namespaces: ['shop'], variables: { motd: 'shop', level: 3 } }),
  rule('linux-again', { parent: 'base-linux', namespaces: ['shop'] }),
  rule('everything'),
])
const web = guest('web-1', { seen: { labels: { app: 'web' } } })
const plainVm = guest('db-1')
const windows = guest('win-1', { family: 'windows' })

describe('the first that takes it, at each level', () => {
  test.each<[what: string, vm: VmRecord, sets: readonly string[], chain: readonly string[]]>([
    ['down to the last level', web, [], ['base-linux', 'web', 'web-shop']],
    ['past one that does not take it', plainVm, [], ['base-linux', 'linux-again']],
    ['a later root', windows, [], ['everything']],
    ['an earlier root wins, whatever is below a later one', web, ['edge', 'x'], ['edge']],
  ])('%s', (_what, vm, sets, chain) => {
    expect(tree.of(vm, sets).chain).toEqual(chain)
    expect(tree.of(vm, sets).name).toBe(chain.at(-1))
    expect(tree.why(vm, sets)).toMatchObject({ name: chain.at(-1), chain })
  })

  test('none takes it, and there are none', () => {
    const one = new Profiles([rule('edge', { os: ['windows'] })])
    expect(one.of(web, [])).toEqual({ name: '', chain: [], variables: {} })
    expect(one.why(web, []).because).toEqual(['not edge: its operating system is rhel'])
    expect(new Profiles([]).of(web, [])).toEqual({ name: '', chain: [], variables: {} })
    expect(new Profiles([]).why(web, []).because).toEqual([])
  })

  test('while the sets of a cluster are not known, no profile that asks for them is passed over', () => {
    expect(tree.of(web)).toEqual({ name: '', chain: [], variables: {} })
    expect(tree.why(web).because).toEqual([
      'whether edge can not be told: the cluster sets of its cluster are not known',
    ])
    const other = new Profiles([rule('edge', { clusterSets: ['edge'], os: ['windows'] }), rule('all')])
    expect(other.of(web).name).toBe('all')
  })
})

test('what stands closer to the VM counts, and each variable says where it comes from', () => {
  expect(tree.of(web, []).variables).toEqual({ chrony_servers: ['ntp1'], motd: 'shop', level: 3 })
  expect(tree.why(web, []).variables).toEqual([
    { name: 'chrony_servers', from: 'base-linux', over: [] },
    { name: 'level', from: 'web-shop', over: ['base-linux'] },
    { name: 'motd', from: 'web-shop', over: ['web', 'base-linux'] },
  ])
  expect(tree.why(web, []).because).toEqual([
    'base-linux: operating system linux',
    'web: app in (web)',
    'web-shop: namespace shop',
    'not edge: its cluster is in no cluster set',
  ])
})

test('a text with a template in it is data', () => {
  const vm = guestIn('other', 'web-1', { seen: { labels: { app: 'web' } } })
  expect(tree.of(vm, []).variables['motd']).toEqual({ __ansible_unsafe: 'web {{ 6*7 }}' })
})

test('a key that Ansible would take for a mark, or for a template, is left out, however deep it stands', () => {
  const repos = [{ url: 'x', __ansible_vault: 'x', '{{ 6*7 }}': 'x' }, { __ansible_unsafe: 'x' }]
  const profiles = new Profiles([rule('all', { variables: { repos } })])
  expect(profiles.of(web).variables).toEqual({ repos: [{ url: 'x' }, {}] })
})

test('of any tree and any VM: one chain from a root down, each takes it, and no earlier sibling does', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const rules = fc
    .array(fc.record({ os: fc.subarray(['linux', 'windows']), ns: fc.subarray(['shop', 'bank']), up: fc.nat(6) }), {
      minLength: 1,
      maxLength: 6,
    })
    .map(all =>
      all.map(({ os, ns, up }, at) =>
        rule(names[at] ?? '', { os, namespaces: ns, parent: names[(up % (at + 1)) - 1] ?? '' }),
      ),
    )
  fc.assert(
    fc.property(
      rules,
      fc.constantFrom('shop', 'bank', 'x'),
      fc.constantFrom('linux', 'windows'),
      (all, namespace, family) => {
        const vm = guestIn(namespace, 'v', { family })
        const takes = (one: ProfileRule): boolean =>
          (one.os.length === 0 || one.os.includes(family)) &&
          (one.namespaces.length === 0 || one.namespaces.includes(namespace))
        const expected: string[] = []
        for (let at: string | undefined = ''; at !== undefined;) {
          const above: string = at
          const next = all.find(one => one.parent === above && takes(one))
          at = next?.name
          if (next !== undefined) expected.push(next.name)
        }
        expect(new Profiles(all).of(vm, []).chain).toEqual(expected)
      },
    ),
  )
})

/** An inventory with the profiles of above, and a view of one of them. */
function inventory(...records: readonly VmRecord[]) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: { ...synced('prod-1', NOW), cluster_sets: [] } })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const view: View = { ...viewOfAll('webs', GROUPS, 'slim'), profiles: ['web'], profilesBySets: true }
  const cache = new InventoryCache({
    fleet,
    profiles: tree,
    views: [view],
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const body = (name: string): Record<string, unknown> & { _meta: { hostvars: Record<string, object> } } => {
    const read = cache.read(NOW, name)
    if (read.kind === 'closed') throw new Error(`closed: ${read.because}`)
    return JSON.parse(read.body) as ReturnType<typeof body>
  }
  return { fleet, cache, body, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test('hosts have the variables and day2_profile of their profile, and the group of each that they are in', () => {
  using one = inventory(web, plainVm, windows)
  const body = one.body('')
  expect(body._meta.hostvars['web-1.shop.prod-1']).toMatchObject({ day2_profile: 'web-shop', motd: 'shop', level: 3 })
  expect(body['profile_web_shop']).toEqual({ hosts: ['web-1.shop.prod-1'] })
  expect(body['profile_base_linux']).toEqual({ hosts: ['db-1.shop.prod-1', 'web-1.shop.prod-1'] })
  expect(body['profile_everything']).toEqual({ hosts: ['win-1.shop.prod-1'] })
  expect(one.body('webs')._meta.hostvars['web-1.shop.prod-1']).toMatchObject({
    motd: 'shop',
    kubevirt_uid: 'uid-web-1',
  })
})

test('a view of a profile takes those below it, and a VM that gets another profile leaves it', () => {
  using one = inventory(web, plainVm)
  expect(Object.keys(one.body('webs')._meta.hostvars)).toEqual(['web-1.shop.prod-1'])
  expect(one.cache.why('db-1.shop.prod-1', NOW, { view: 'webs' })).toMatchObject({
    listed: false,
    because: ['its profile is linux-again'],
    profile: { name: 'linux-again' },
  })
  expect(one.cache.why('nobody.shop.prod-1', NOW).profile).toBe(null)
  one.fleet.apply({ key: vmKey(web), value: { ...web, seen: { ...web.seen, labels: {} } } })
  expect(one.body('webs')._meta.hostvars).toEqual({})
  expect(one.body('')._meta.hostvars['web-1.shop.prod-1']).toMatchObject({ day2_profile: 'linux-again' })
})

test('a view by profiles is closed while profiles hang on sets that are not known', () => {
  using one = inventory(web)
  const { cluster_sets: _, ...unknown } = { ...synced('prod-1', NOW), cluster_sets: [] }
  one.fleet.apply({ key: 'prod-1', value: unknown })
  expect(one.cache.read(NOW, 'webs')).toMatchObject({ kind: 'closed', because: 'unread', clusters: ['prod-1'] })
  one.fleet.apply({ key: 'prod-1', value: { ...unknown, cluster_sets: ['edge'] } })
  expect(one.body('')._meta.hostvars['web-1.shop.prod-1']).toMatchObject({ day2_profile: 'edge' })
})
