import { describe, expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, ownRendering, ruleOf, type View, type ViewGroups } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const NONE: ViewGroups = { builtin: false, labels: [], maxPerLabel: 2_000 }

interface Body {
  readonly _meta: { readonly hostvars: object }
  readonly all: { readonly children: readonly string[] }
  readonly [group: string]: { readonly hosts?: readonly string[]; readonly children?: readonly string[] } | object
}

function fleetOf(records: readonly VmRecord[]): Fleet {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  return fleet
}

/** An inventory whose view `v` has these groups, and what it says of failures and of too many groups. */
function grouped(groups: Partial<ViewGroups>, ...records: readonly VmRecord[]) {
  const [failures, warned]: [string[], string[]] = [[], []]
  const rendering = ownRendering(
    'slim',
    { ...NONE, ...groups },
    { onFailure: (rule, reason) => void failures.push(`${rule}: ${reason}`) },
  )
  const view: View = { ...viewOfAll('v', NONE), rendering }
  const fleet = fleetOf(records)
  const cache = new InventoryCache({
    fleet,
    views: [view],
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
    warnOfGroups: (_view, source) => void warned.push(source),
    warnOfMerged: (_view, group, because) => void warned.push(`${group}: ${because.join(', ')}`),
  })
  const body = (): Body => {
    const inventory = cache.read(NOW, 'v')
    if (inventory.kind === 'closed') throw new Error(`closed: ${inventory.clusters.join()}`)
    return JSON.parse(inventory.body) as Body
  }
  return { cache, fleet, body, failures, warned, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

const front = guest('web-1', { seen: { labels: { app: 'web', tier: 'front' } } })
const back = guest('web-2', { seen: { labels: { app: 'web', tier: 'back' } } })
const bare = guest('web-3')

test('a condition makes one group, a text one for each value, a list of texts one for each part', () => {
  const rules = [
    ruleOf('is_front', 'kubevirt_labels[?"tier"].orValue("") == "front"'),
    ruleOf('tier', 'kubevirt_labels[?"tier"].orValue("")'),
    ruleOf('net', 'kubevirt_addresses.map(a, a.network + "!")'),
  ]
  using one = grouped({ rules }, front, back, bare)
  const { _meta, all, ...groups } = one.body()
  expect(groups).toEqual({
    is_front: { hosts: ['web-1.shop.prod-1'] },
    net_default_: { hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1', 'web-3.shop.prod-1'] },
    tier_back: { hosts: ['web-2.shop.prod-1'] },
    tier_front: { hosts: ['web-1.shop.prod-1'] },
  })
  expect(all.children).toEqual(Object.keys(groups))
  expect(Object.keys(_meta.hostvars)).toHaveLength(3)
})

test('it follows the VM, as everything in the inventory does', () => {
  using one = grouped({ rules: [ruleOf('off', '!kubevirt_enabled')] }, front)
  expect(one.body()).not.toHaveProperty('off')
  one.fleet.apply({ key: vmKey(front), value: { ...front, seen: { ...front.seen, phase: '', boot: '' } } })
  expect(one.body()).toMatchObject({ off: { hosts: ['web-1.shop.prod-1'] } })
})

test('where an expression fails the VM is in no group of it, it is told why, and it is counted', () => {
  using one = grouped({ rules: [ruleOf('tier', 'kubevirt_labels["tier"]'), ruleOf('all_vms', 'true')] }, front, bare)
  expect(one.body()).toMatchObject({
    tier_front: { hosts: ['web-1.shop.prod-1'] },
    all_vms: { hosts: ['web-1.shop.prod-1', 'web-3.shop.prod-1'] },
  })
  expect(new Set(one.failures)).toEqual(new Set(['tier: No such key: tier']))
  const why = (host: string) => one.cache.why(`${host}.shop.prod-1`, NOW, { view: 'v' })
  expect(why('web-3').not_in).toEqual([
    { label: 'expression tier', because: 'the expression fails: No such key: tier' },
  ])
  expect(why('web-1').groups).toEqual([
    { group: 'tier_front', because: 'the expression tier gives front' },
    { group: 'all_vms', because: 'the expression all_vms holds' },
  ])
})

test('one that does not hold is told as such', () => {
  using one = grouped({ rules: [ruleOf('is_front', 'kubevirt_labels[?"tier"].orValue("") == "front"')] }, back)
  expect(one.cache.why('web-2.shop.prod-1', NOW, { view: 'v' }).not_in).toEqual([
    { label: 'expression is_front', because: 'the expression does not hold, or gives nothing' },
  ])
})

test('one expression makes so many groups and no more, with a warning, as a label does', () => {
  const vms = Array.from({ length: 5 }, (_, at) => guest(`web-${at}`))
  using one = grouped({ rules: [ruleOf('name', 'kubevirt_name')], maxPerLabel: 3 }, ...vms)
  expect(one.body().all.children).toEqual(['name_web_0', 'name_web_1', 'name_web_2', 'ungrouped'])
  expect(one.warned).toEqual(['expression name'])
  expect(one.cache.why('web-4.shop.prod-1', NOW, { view: 'v' }).not_in).toEqual([
    { label: 'expression name', because: 'expression name makes more than 3 groups, and name_web_4 would be one more' },
  ])
})

test('as many groups as one expression may make are all there, without a warning, until there is one more', () => {
  const vms = Array.from({ length: 3 }, (_, at) => guest(`web-${at}`))
  using one = grouped({ rules: [ruleOf('name', 'kubevirt_name')], maxPerLabel: 3 }, ...vms)
  const all = ['name_web_0', 'name_web_1', 'name_web_2']
  expect([one.body().all.children, one.warned]).toEqual([all, []])
  const more = guest('web-3')
  one.fleet.apply({ key: vmKey(more), value: more })
  expect([one.body().all.children, one.warned]).toEqual([[...all, 'ungrouped'], ['expression name']])
  one.fleet.apply({ key: vmKey(more), value: null })
  expect(one.body().all.children).toEqual(all)
})

describe('ids of operating systems that only guests tell', () => {
  const said = (at: number, id: string): VmRecord => {
    const { seen } = guest(`web-${at}`)
    return guest(`web-${at}`, { seen: { os: { ...seen.os, id } } })
  }

  test('make so many groups and no more, with a warning, and push out none that is known', () => {
    const vms = ['aaa', 'aab', 'aac', 'rhel', 'sles'].map((id, at) => said(at, id))
    using one = grouped({ builtin: true, maxPerLabel: 2 }, ...vms)
    const groups = one.body().all.children.filter(group => group.startsWith('os_'))
    expect(groups).toEqual(['os_aaa', 'os_aab', 'os_linux', 'os_rhel', 'os_sles'])
    expect(one.warned).toEqual(['operating systems that only guests tell'])
    expect(one.cache.why('web-2.shop.prod-1', NOW, { view: 'v' }).not_in).toEqual([
      {
        label: 'operating systems that only guests tell',
        because: 'operating systems that only guests tell make more than 2 groups, and os_aac would be one more',
      },
    ])
    expect(one.cache.why('web-1.shop.prod-1', NOW, { view: 'v' }).groups).toContainEqual({
      group: 'os_aab',
      because: 'its operating system is aab',
    })
  })

  test('in whatever letters a known one is written, it counts as known', () => {
    using one = grouped(
      { builtin: true, maxPerLabel: 1 },
      said(0, 'RHEL'),
      said(1, 'rhel'),
      said(2, 'aaa'),
      said(3, 'bbb'),
    )
    expect(one.body().os_rhel).toEqual({ hosts: ['web-0.shop.prod-1', 'web-1.shop.prod-1'] })
  })
})

describe('groups of groups', () => {
  const parents = new Map([
    ['label_tier_front', 'web'],
    ['label_tier_back', 'web'],
    ['nobody', 'empty'],
  ])

  test('a parent has its children, and no host of its own', () => {
    using one = grouped({ labels: ['tier', 'app'], parents }, front, back)
    const { _meta, all, ...groups } = one.body()
    expect(groups).toEqual({
      label_app_web: { hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1'] },
      label_tier_back: { hosts: ['web-2.shop.prod-1'] },
      label_tier_front: { hosts: ['web-1.shop.prod-1'] },
      web: { children: ['label_tier_back', 'label_tier_front'] },
    })
    expect(all.children).toEqual(['label_app_web', 'web'])
    expect(Object.keys(_meta.hostvars)).toHaveLength(2)
  })
})

test('a text that a guest wrote becomes the name of a group in letters that Ansible takes, and of bounded length', () => {
  const os = { family: 'linux', id: 'x', name: '{{ 6*7 }} \u202e"\n', version: 'v'.repeat(256) }
  const rules = [ruleOf('os_name', 'kubevirt_os.name'), ruleOf('long', 'kubevirt_os.version + kubevirt_os.version')]
  using one = grouped({ rules }, guest('web-1', { seen: { os } }))
  const { children } = one.body().all
  expect(children.every(name => /^[a-z0-9_]{1,400}$/.test(name))).toBe(true)
  expect(children).toHaveLength(2)
})

test('of a text that is longer than the name of a group may be, no more is kept to tell why', () => {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`key-${at}`, 'x'.repeat(63)]))
  const rules = [ruleOf('all', 'kubevirt_labels.map(key, kubevirt_labels[key]).join(" ")')]
  using one = grouped({ rules }, guest('web-1', { seen: { labels } }))
  const { groups } = one.cache.why('web-1.shop.prod-1', NOW, { view: 'v' })
  expect(groups.map(({ because }) => because)).toEqual([expect.stringMatching(/ gives [x ]{400} \(and 3439 more\)$/)])
})

test('a group that different values come to make is told of, once, and ?why names what else makes it, as long as it does', () => {
  const of = (name: string, labels: Record<string, string>): VmRecord => guest(name, { seen: { labels } })
  const last = of('web-3', { 'tier.a': 'b' })
  const groups = { labels: ['tier', 'tier.a'], rules: [ruleOf('label_tier', 'kubevirt_labels[?"part"].orValue("")')] }
  using one = grouped(
    groups,
    of('web-1', { tier: 'a.b' }),
    of('web-2', { tier: 'A-b' }),
    last,
    of('web-9', { tier: 'x' }),
  )
  const reasons = ['its label tier is A-b', 'its label tier is a.b', 'its label tier.a is b']
  expect(one.body()['label_tier_a_b']).toMatchObject({ hosts: { length: 3 } })
  expect(one.warned).toEqual([`label_tier_a_b: ${reasons.join(', ')}`])
  const why = (): readonly unknown[] =>
    one.cache.why('web-1.shop.prod-1', NOW, { view: 'v' }).groups.map(({ because }) => because)
  const also = 'its label tier is a.b; the group has hosts of the same name for another reason too'
  expect(why()).toEqual([`${also}: its label tier is A-b, its label tier.a is b`])
  // An expression may come to the same name, and of many others three others are named.
  for (const [at, value] of ['a_b', 'a=b', 'a b'].entries()) {
    const record = of(`db-${at}`, { part: value })
    one.fleet.apply({ key: vmKey(record), value: record })
  }
  expect(why()).toEqual([
    `${also}: its label tier is A-b, its label tier.a is b, the expression label_tier gives a b, and 2 more`,
  ])
  for (const host of ['db-0', 'db-1', 'db-2', 'web-2', 'web-3'])
    one.fleet.apply({ key: `prod-1/shop/${host}`, value: null })
  expect(why()).toEqual(['its label tier is a.b'])
  one.fleet.apply({ key: vmKey(last), value: last })
  one.body()
  expect(one.warned).toHaveLength(1)
})
