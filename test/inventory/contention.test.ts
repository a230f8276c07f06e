import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { approachOf } from '../../src/inventory/approach.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import { InventoryCache, type Network, ownRendering, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { type Address, hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const IP = '10.20.0.5'
const STRETCHED: Network = { name: 'office', cidrs: ['10.20.0.0/16', 'fd00:20::/64'], clusters: [], namespaces: [] }
const APART: Network = { name: 'udn', cidrs: ['10.20.0.0/16'], clusters: ['prod-1'], namespaces: ['udn'] }
const LIMITS = { staleAfterMs: 60_000, disableAfterMs: 3_600_000 }

type Wish = Partial<Address> & GuestWish & { since?: number; namespace?: string }

/** What a VM claims: `address` in use, as the wish has it, on a network of its own that the guest told of. */
function claiming(name: string, wish: Wish = {}): VmRecord {
  const { address = IP, network = 'lan', interface: nic = 'eth0', source = 'agent', pod = false, ...more } = wish
  const { since = 0, namespace = 'shop', ...rest } = more
  const addresses = [{ address, network, interface: nic, source, pod }]
  return {
    ...guest(name, { ...rest, address, seen: { addresses, ...rest.seen } }),
    namespace,
    known_since: NOW + since,
  }
}

const PLATFORM = { source: 'platform' } as const
const POD = { source: 'platform', pod: true, network: 'default' } as const
const FAR = { cluster: 'dev-1' }
const JUST_CAME = { told: { reachable: false, address: '' } }
const FLAPS = { seen: { agent_connected: false } }
/** Its addresses are not told for a moment: it is reached at the one that was told last. */
const EMPTY = { seen: { addresses: [], address: '' } }
const emptyOf = (address_source: 'pod' | 'agent') => ({ ...EMPTY, told: { address_source } })

interface World {
  readonly fleet: Fleet
  readonly cache: InventoryCache
}

/** `seen`: when the heartbeat of a cluster last came. */
function worldOf(
  records: readonly VmRecord[],
  networks: readonly Network[] = [],
  seen: Record<string, number> = {},
  views: readonly View[] = [],
): World {
  const fleet = new Fleet()
  for (const name of ['prod-1', 'dev-1']) fleet.apply({ key: name, value: synced(name, seen[name] ?? NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const verbsOf = () => ({ onboard: '', patch: '' })
  const cache = new InventoryCache({
    fleet,
    networks,
    views,
    expected: [],
    limits: LIMITS,
    labelGroups: [],
    verbsOf,
    now: () => NOW,
  })
  return { fleet, cache }
}

type Vars = Readonly<Record<string, unknown>>

function varsOf(cache: InventoryCache, view = ''): ReadonlyMap<string, Vars> {
  const inventory = cache.read(NOW, view)
  if (inventory.kind === 'closed') throw new Error('closed')
  const body = JSON.parse(inventory.body) as { _meta: { hostvars: Record<string, Vars> } }
  return new Map(Object.entries(body._meta.hostvars))
}

/** Names of the VMs that lost their address to another. */
function losers(cache: InventoryCache): readonly string[] {
  return [...varsOf(cache)].flatMap(([host, vars]) =>
    vars['kubevirt_reachable_reason'] === 'conflicting address' ? [host.split('.')[0] ?? ''] : [],
  )
}

describe('two running VMs of one address', () => {
  test.each<[what: string, a: Wish, b: Wish, networks: Network[], lost: string[]]>([
    // Where an address is unique.
    ['on the pod networks of two clusters: no conflict', POD, { ...POD, ...FAR }, [], []],
    ['on the pod network of one cluster', POD, { ...POD, since: 1 }, [], ['b']],
    ['on networks of their own that nobody declared: no conflict', {}, {}, [], []],
    ['given by the platform there: no conflict either', PLATFORM, PLATFORM, [], []],
    ['in a declared network', {}, { since: 1 }, [STRETCHED], ['b']],
    ['in a declared network, of two clusters', {}, { ...FAR, since: 1 }, [STRETCHED], ['b']],
    ['in a declared network, one on the pod network of another cluster', { ...POD, ...FAR }, {}, [STRETCHED], ['b']],
    ['outside of its ranges: no conflict', { address: '10.21.0.5' }, { address: '10.21.0.5' }, [STRETCHED], []],
    ['in its other range', { address: 'fd00:20::5' }, { address: 'fd00:20::5', since: 1 }, [STRETCHED], ['b']],
    [
      'with a zone behind it, which leads nowhere else',
      { address: 'fd00:20::5%1', since: 1 },
      { ...POD, address: 'fd00:20::5', since: 2 },
      [STRETCHED],
      ['a'],
    ],
    ['in a network of other clusters: no conflict', {}, {}, [{ ...STRETCHED, clusters: ['x'] }], []],
    ['in a network of one of their clusters: no conflict', {}, FAR, [{ ...STRETCHED, clusters: ['prod-1'] }], []],
    ['on a network of a namespace that is set apart: no conflict', POD, { ...POD, namespace: 'udn' }, [APART], []],
    ['on a network of other namespaces', POD, { ...POD, namespace: 'udn-2', since: 1 }, [APART], ['b']],
    // Whose claim is better.
    ['the platform gave it to one, the other says so', { ...POD, since: 1 }, {}, [], ['b']],
    ['the same in a declared network', { ...PLATFORM, since: 1 }, {}, [STRETCHED], ['b']],
    ['of which one just came', { since: 1 }, JUST_CAME, [STRETCHED], ['b']],
    ['of which the platform gave it to the one that just came', { ...PLATFORM, ...JUST_CAME }, {}, [STRETCHED], ['b']],
    ['whose agent flaps meanwhile: nothing changes', { ...FLAPS, since: 0 }, { since: 1 }, [STRETCHED], ['b']],
    ['whose addresses are empty meanwhile, against what the platform gave', { ...EMPTY, since: -1 }, POD, [], ['a']],
    ['whose own platform gave it the one that is empty now', { ...emptyOf('pod'), since: 1 }, {}, [], ['b']],
    ['the same in a declared network', { ...emptyOf('pod'), since: 1 }, {}, [STRETCHED], ['b']],
    [
      'of which the guest told, and tells nothing for a moment: who has it keeps it',
      emptyOf('agent'),
      { since: 1 },
      [STRETCHED],
      ['b'],
    ],
    [
      'an interface of its own tells it meanwhile',
      { ...emptyOf('pod'), seen: { address: '' }, network: '', since: 1 },
      {},
      [],
      ['b'],
    ],
    ['known for as long: by name, so that all replicas say the same', {}, {}, [STRETCHED], ['b']],
    // Who claims nothing.
    ['of which one is stopped: no conflict', {}, { seen: { phase: '' } }, [STRETCHED], []],
    ['of which one is paused: it has it still', {}, { seen: { paused: true }, since: 1 }, [STRETCHED], []],
  ])('%s', (_what, a, b, networks, lost) => {
    const world = worldOf([claiming('a', a), claiming('b', b)], networks)
    using cache = world.cache
    expect(losers(cache)).toEqual(lost)
    for (const [host, vars] of varsOf(cache)) {
      const loses = lost.includes(host.split('.')[0] ?? '')
      expect(cache.rivalOf(world.fleet.byHost(host) as VmRecord) !== '' && loses).toBe(loses)
      expect(loses && vars['ansible_host']).not.toBe(IP)
    }
  })

  test('an address that the platform gave counts also when another one is used, and one that a guest alone tells of does not', () => {
    const lan = { address: IP, network: 'lan', interface: 'eth1', source: 'platform', pod: false } as const
    const used = { address: '10.9.0.1', network: 'main', interface: 'eth0', source: 'platform', pod: false } as const
    const holder = (source: 'platform' | 'agent'): VmRecord =>
      guest('holder', { address: used.address, seen: { addresses: [used, { ...lan, source }] } })
    using given = worldOf([holder('platform'), claiming('b')], [STRETCHED]).cache
    expect(losers(given)).toEqual(['b'])
    using told = worldOf([holder('agent'), claiming('b')], [STRETCHED]).cache
    expect(losers(told)).toEqual([])
  })

  test('given to both by the platform, it is for the one that is reached at it, whoever had it first', () => {
    const usual = { address: '10.9.0.1', network: 'main', interface: 'eth0', source: 'platform', pod: false } as const
    const other = { ...usual, address: IP, network: 'lan', interface: 'eth1' }
    const holder = guest('a', { address: usual.address, seen: { addresses: [usual, other] } })
    using cache = worldOf([{ ...holder, known_since: NOW - 1 }, claiming('b', PLATFORM)], [STRETCHED]).cache
    expect(losers(cache)).toEqual([])
    expect(varsOf(cache).get('b.shop.prod-1')).toMatchObject({ ansible_host: IP, kubevirt_enabled: true })
  })

  test('the loser has it when the winner stops, leaves or has another, and is told in the document at once', () => {
    const [winner, loser] = [claiming('a', POD), claiming('b')]
    for (const after of [
      claiming('a', { ...POD, seen: { phase: '' } }),
      null,
      claiming('a', { ...POD, address: '10.20.0.6' }),
    ]) {
      const { fleet, cache: opened } = worldOf([winner, loser])
      using cache = opened
      expect(losers(cache)).toEqual(['b'])
      fleet.apply({ key: vmKey(winner), value: after })
      expect(losers(cache)).toEqual([])
      expect(varsOf(cache).get(hostName(loser))).toMatchObject({ ansible_host: IP, kubevirt_enabled: true })
      fleet.apply({ key: vmKey(winner), value: winner })
      expect(losers(cache)).toEqual(['b'])
    }
  })

  test('of which one came back on another cluster: the one that is seen has it, and neither leaves the list', () => {
    const [before, after] = [claiming('a'), claiming('a', { ...FAR, since: 9 })]
    const { fleet, cache: opened } = worldOf([before, after], [STRETCHED], { 'prod-1': NOW, 'dev-1': NOW })
    using cache = opened
    const told = (): readonly unknown[] => [...varsOf(cache).values()].map(vars => vars['kubevirt_reachable_reason'])
    expect(told()).toEqual(['conflicting address', ''])
    fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW - 60_001) })
    expect(told()).toEqual(['', 'conflicting address'])
    fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW - 3_600_001) })
    expect(told()).toEqual(['', 'cluster unreachable'])
    fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
    expect(told()).toEqual(['conflicting address', ''])
  })

  test('who is disabled with a cluster that is not seen keeps it from nobody, whoever gave it', () => {
    const [unseen, seen] = [claiming('a', PLATFORM), claiming('a', FAR)]
    using cache = worldOf([unseen, seen], [STRETCHED], { 'prod-1': NOW - 3_600_001 }).cache
    expect(varsOf(cache).get('a.shop.dev-1')).toMatchObject({ ansible_host: IP, kubevirt_enabled: true })
    expect(varsOf(cache).get('a.shop.prod-1')).toMatchObject({ kubevirt_reachable_reason: 'cluster unreachable' })
  })

  test('guests that say the same outside of a declared network all lose it when the platform gives it to a VM there, and have it when it takes it back', () => {
    const { fleet, cache: opened } = worldOf([claiming('b'), claiming('c'), claiming('d')])
    using cache = opened
    expect(losers(cache)).toEqual([])
    const given = claiming('z', POD)
    fleet.apply({ key: vmKey(given), value: given })
    expect(losers(cache)).toEqual(['b', 'c', 'd'])
    fleet.apply({ key: vmKey(given), value: null })
    expect(losers(cache)).toEqual([])
  })

  test('an address of ours, however many guests say that it is theirs: the one to whom the platform gave it keeps it', () => {
    const liars = Array.from({ length: 3_000 }, (_, n) => claiming(`liar-${n}`, { since: -1 }))
    const { fleet, cache: opened } = worldOf([claiming('victim', { ...POD, since: 1 }), ...liars])
    using cache = opened
    expect(losers(cache)).toHaveLength(3_000)
    expect(varsOf(cache).get('victim.shop.prod-1')).toMatchObject({ ansible_host: IP, kubevirt_enabled: true })
    const change = (): void => {
      for (const liar of liars.slice(0, 500)) {
        const changed = { ...liar, seen: { ...liar.seen, node: 'n2' } }
        fleet.apply({ key: vmKey(changed), value: changed })
      }
    }
    // A change costs the one that changed, not all that say the same: half a second would be a millisecond for each.
    expect(cpuMs(change)).toBeLessThan(500)
  })
})

const wish: fc.Arbitrary<Wish> = fc.record({
  cluster: fc.constantFrom('prod-1', 'dev-1'),
  address: fc.constantFrom(IP, '10.9.0.1'),
  source: fc.constantFrom('platform' as const, 'agent' as const),
  pod: fc.boolean(),
  since: fc.nat({ max: 2 }),
  seen: fc.record({ phase: fc.constantFrom('Running', 'Running', '') }),
  told: fc.constantFrom({}, { reachable: false, address: '' }),
})
const step = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  wish,
  gone: fc.boolean(),
  age: fc.constantFrom(null, null, 0, 60_001, 3_600_001),
})

test('however claims come and go, who has an address is who would have it if all were told anew, and it is one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), steps => {
      const { fleet, cache: opened } = worldOf([], [STRETCHED])
      using cache = opened
      const seen: Record<string, number> = {}
      for (const { name, wish, gone, age } of steps) {
        const record = claiming(name, wish)
        fleet.apply({ key: vmKey(record), value: gone ? null : record })
        if (age === null) continue
        seen['dev-1'] = NOW - age
        fleet.apply({ key: 'dev-1', value: synced('dev-1', NOW - age) })
        cache.read(NOW)
      }
      const vars = varsOf(cache)
      using anew = worldOf([...fleet.vms.values()], [STRETCHED], seen).cache
      expect(vars).toEqual(varsOf(anew))
      const working = [...fleet.vms.values()].filter(record => {
        const { kubevirt_enabled, ansible_host } = vars.get(hostName(record)) ?? {}
        return kubevirt_enabled === true && ansible_host === IP
      })
      expect(working.length).toBeLessThanOrEqual(1)
    }),
    { numRuns: 200 },
  )
})

test.each(['port_forward', 'service'] as const)(
  'who lost its address is worked on where %s leads to it, and is told no address',
  via => {
    const linux = { ...USUAL_CONNECTION.linux, via }
    const approach = approachOf({ connection: { ...USUAL_CONNECTION, linux } })
    const groups = { builtin: true, labels: [], maxPerLabel: 5 }
    const views = [true, false].map(reachable => ({
      ...viewOfAll(String(reachable), groups),
      rendering: ownRendering('standard', groups, { approach }),
      reachable,
    }))
    const port = { name: 'ssh', protocol: 'TCP', port: 22, target: 22, node: 30_022 }
    const type = 'NodePort' as const
    const services = [{ name: 'ssh-b', type, by: 'kubevirt.io/domain' as const, ports: [port], ingress: [] }]
    const loser: VmRecord = { ...claiming('b', { since: 1, seen: { node: 'n1' } }), services }
    using cache = worldOf([claiming('a'), loser], [STRETCHED], {}, views).cache
    expect(losers(cache)).toEqual(['b'])
    expect(varsOf(cache, 'true').get('b.shop.prod-1')).toMatchObject({
      ansible_host: via === 'service' ? 'n1' : 'b.shop.prod-1',
      kubevirt_enabled: true,
      kubevirt_address: '',
    })
    expect(varsOf(cache, 'false').has('b.shop.prod-1')).toBe(false)
  },
)

const BY_REACH = [true, false].map(reachable => ({
  ...viewOfAll(String(reachable), { builtin: true, labels: [], maxPerLabel: 5 }),
  reachable,
}))

test('a view of reachable VMs keeps one whose address another has the better claim to only as its cluster is not seen, and takes that other', () => {
  const seen = { 'prod-1': NOW, 'dev-1': NOW }
  const { fleet, cache: opened } = worldOf(
    [claiming('a'), claiming('a', { ...FAR, since: 9 })],
    [STRETCHED],
    seen,
    BY_REACH,
  )
  using cache = opened
  const [lost, found] = ['a.shop.prod-1', 'a.shop.dev-1'] as const
  const both = (): unknown => BY_REACH.map(({ name }) => [...varsOf(cache, name).keys()])
  expect(both()).toEqual([[lost], [found]])
  for (const [age, reason] of [
    [60_001, 'conflicting address'],
    [3_600_001, 'cluster unreachable'],
  ] as const) {
    fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW - age) })
    expect(both()).toEqual([[found, lost], []])
    const told = { kubevirt_enabled: false, kubevirt_stale: true, kubevirt_reachable_reason: reason }
    expect(varsOf(cache, 'true').get(lost)).toMatchObject(told)
    expect(varsOf(cache, 'true').get(found)).toMatchObject({ kubevirt_enabled: true })
    expect(cache.why(lost, NOW, { view: 'true' })).toMatchObject({ listed: true, enabled: false })
  }
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  expect(both()).toEqual([[lost], [found]])
})

test('however claims come and go, no VM leaves a view of reachable ones as its cluster, or that of another, is not seen any more', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), steps => {
      const { fleet, cache: opened } = worldOf([], [STRETCHED], {}, BY_REACH)
      using cache = opened
      for (const { name, wish, gone, age } of steps) {
        const record = claiming(name, wish)
        fleet.apply({ key: vmKey(record), value: gone ? null : record })
        const before = [...varsOf(cache, 'true').keys()]
        if (age === null) continue
        fleet.apply({ key: 'dev-1', value: synced('dev-1', NOW - age) })
        expect(age === 0 ? before : [...varsOf(cache, 'true').keys()]).toEqual(expect.arrayContaining(before))
        using anew = worldOf([...fleet.vms.values()], [STRETCHED], { 'dev-1': NOW - age }, BY_REACH).cache
        for (const { name } of BY_REACH) expect(varsOf(cache, name)).toEqual(varsOf(anew, name))
        fleet.apply({ key: 'dev-1', value: synced('dev-1', NOW) })
      }
    }),
    { numRuns: 100 },
  )
})
