import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { type Inventory, InventoryCache, ownRendering, type View } from '../../src/inventory/index.ts'
import { pageOf } from '../../src/inventory/legacy.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: [], maxPerLabel: 5 }
const VIEWS: readonly View[] = [
  { ...viewOfAll('running', GROUPS), status: ['Running'], shrink: { most: 20, few: 0 } },
  { ...viewOfAll('any', GROUPS), status: ['Running'] },
  { ...viewOfAll('none', GROUPS), status: ['Running'], shrink: { most: 0, few: 0 } },
]
const BY_NAME_ALONE = ownRendering('slim', GROUPS, { hostName: [{ field: 'name' }] })
const SHORT: View = {
  ...viewOfAll('short', GROUPS),
  status: ['Running'],
  shrink: { most: 0, few: 0 },
  rendering: BY_NAME_ALONE,
}
const TEN = Array.from({ length: 10 }, (_, n) => `web-${n}`)

function world({
  now = NOW,
  views = VIEWS,
  before = 0,
  believed = {},
}: { now?: number; views?: readonly View[]; before?: number; believed?: Readonly<Record<string, number>> } = {}) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  const put = (record: VmRecord): void => fleet.apply({ key: vmKey(record), value: record })
  for (const name of TEN) put(guest(name))
  const cache = open(fleet, views, { now, before, believed })
  return {
    cache,
    fleet,
    stop: (...names: readonly string[]) => {
      for (const name of names) put(guest(name, { seen: { status: 'Stopped', phase: '' } }))
    },
    start: (...names: readonly string[]) => {
      for (const name of names) put(guest(name))
    },
    delete: (...names: readonly string[]) => {
      for (const name of names) fleet.apply({ key: vmKey(guest(name)), value: null })
    },
    hosts: (view: string): number | string => told(cache.read(now, view)),
  }
}

function open(
  fleet: Fleet,
  views: readonly View[],
  {
    now = NOW,
    before = 0,
    believed = {},
    shrink,
  }: { now?: number; before?: number; believed?: Readonly<Record<string, number>>; shrink?: View['shrink'] } = {},
): InventoryCache {
  return new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    views,
    verbsOf: () => ({ onboard: '', patch: '' }),
    believedBefore: page => believed[page] ?? (page === 'running' || page === '' ? before : 0),
    ...(shrink === undefined ? {} : { shrink }),
    now: () => now,
  })
}

function told(inventory: Inventory): number | string {
  if (inventory.kind === 'document') return inventory.hosts
  return inventory.because === 'shrunk' ? `${inventory.shrunk.missing} of ${inventory.shrunk.of}` : 'closed'
}

describe('a view that may lack 20 percent', () => {
  test('is served while no more left, and held back as soon as more did, until they are back', () => {
    const { stop, start, hosts } = world()
    expect(hosts('running')).toBe(10)
    stop('web-1', 'web-2')
    expect(hosts('running')).toBe(8)
    stop('web-3', 'web-4')
    expect(hosts('running')).toBe('2 of 8')
    expect([hosts('any'), hosts('none')]).toEqual([6, 6])
    start('web-3')
    expect(hosts('running')).toBe(7)
  })

  test('does not miss those that are known to be deleted, however many', () => {
    const { delete: remove, stop, hosts } = world()
    expect([hosts('running'), hosts('none')]).toEqual([10, 10])
    remove(...TEN.slice(0, 8))
    expect([hosts('running'), hosts('none')]).toEqual([2, 2])
    remove('web-8')
    stop('web-9')
    expect([hosts('running'), hosts('none'), hosts('any')]).toEqual(['1 of 2', '1 of 2', 0])
  })

  test('does not miss those that left it and were deleted then', () => {
    const { delete: remove, stop, hosts } = world()
    expect(hosts('none')).toBe(10)
    stop('web-1', 'web-2', 'web-3')
    expect(hosts('none')).toBe('3 of 10')
    remove('web-1', 'web-2')
    expect(hosts('none')).toBe('1 of 10')
    remove('web-3')
    expect(hosts('none')).toBe(7)
  })

  test('knows them by the names that it shows, and not who is called the same elsewhere', () => {
    const { cache, fleet, start, stop, delete: remove } = world({ views: [SHORT] })
    const other = { ...guest('web-1', { seen: { status: 'Stopped', phase: '' } }), namespace: 'desk' }
    const reads = (): number | string => told(cache.read(NOW, 'short'))
    expect(reads()).toBe(10)
    stop('web-1', 'web-2')
    fleet.apply({ key: vmKey(other), value: other })
    fleet.apply({ key: vmKey(other), value: null })
    expect(reads()).toBe('2 of 10')
    remove('web-2')
    expect(reads()).toBe('1 of 10')
    start('web-1')
    expect(reads()).toBe(9)
  })

  test('misses one that came again after it was deleted, and left by what is known of it', () => {
    const { delete: remove, start, stop, hosts } = world()
    expect(hosts('none')).toBe(10)
    remove('web-1')
    start('web-1')
    stop('web-1')
    expect(hosts('none')).toBe('1 of 10')
  })

  test('is not shorter for hosts that joined', () => {
    const { start, stop, hosts } = world()
    expect(hosts('running')).toBe(10)
    start('web-10', 'web-11', 'web-12')
    stop('web-1', 'web-2', 'web-3')
    expect(hosts('running')).toBe('3 of 10')
  })

  test('is served whatever it has when nothing was served before, and none of it was on record when it began', () => {
    const { stop, hosts } = world()
    stop(...TEN)
    expect(hosts('none')).toBe(0)
  })

  test('misses those that configuration takes out', () => {
    const { cache, fleet, hosts } = world()
    expect([hosts('running'), hosts('any')]).toEqual([10, 10])
    using next = open(
      fleet,
      VIEWS.map(view => ({ ...view, namespaces: ['elsewhere'] })),
    )
    next.succeed(cache)
    expect(told(next.read(NOW, 'running'))).toBe('10 of 10')
    expect(told(next.read(NOW, 'any'))).toBe(0)
    using last = open(
      fleet,
      VIEWS.map(view => ({ ...view, namespaces: ['elsewhere'], shrink: { most: 100, few: 0 } })),
    )
    last.succeed(next)
    expect(told(last.read(NOW, 'running'))).toBe(0)
  })
})

describe('after a start', () => {
  const LATER = { now: NOW + 60_000 }

  test.each([
    ['before anybody was shown', () => undefined],
    ['after all were shown', (cache: InventoryCache) => cache.prepareHosts('none')],
  ])(
    'the first document is held against what was of the view by what was on record: who leaves %s is missed',
    async (_, show) => {
      const { cache, stop, start, delete: remove, hosts } = world(LATER)
      await show(cache)
      remove('web-0', 'web-1')
      stop('web-2', 'web-3')
      expect([hosts('running'), hosts('none'), hosts('any')]).toEqual(['2 of 8', '2 of 8', 6])
      start('web-2')
      expect([hosts('running'), hosts('none')]).toEqual([7, '1 of 8'])
      stop('web-2')
      expect(hosts('running')).toBe(6)
    },
  )

  test.each([
    ['before anybody was shown', () => undefined],
    ['after all were shown', (cache: InventoryCache) => cache.prepareHosts('none')],
  ])('who leaves %s, and is deleted then, is not missed', async (_, show) => {
    const { cache, stop, delete: remove, hosts } = world({ ...LATER, views: [...VIEWS, SHORT] })
    await show(cache)
    stop('web-1', 'web-2')
    expect([hosts('none'), hosts('short')]).toEqual(['2 of 10', '2 of 10'])
    remove('web-1', 'web-2')
    expect([hosts('none'), hosts('short')]).toEqual([8, 8])
  })

  test('who came since then, and left again, is not missed', () => {
    const { fleet, hosts } = world(LATER)
    const late = { ...guest('late'), known_since: LATER.now }
    fleet.apply({ key: vmKey(late), value: late })
    fleet.apply({ key: vmKey(late), value: { ...late, seen: { ...late.seen, status: 'Stopped' } } })
    expect(hosts('none')).toBe(10)
  })

  test('what was held back stays so, by how many hosts were believed in before', () => {
    const { start, delete: remove, hosts } = world({ ...LATER, before: 14 })
    remove('web-1')
    expect([hosts('running'), hosts('none')]).toEqual(['4 of 13', 9])
    start('back-1')
    expect(hosts('running')).toBe('3 of 13')
    start('back-2')
    expect(hosts('running')).toBe(11)
  })

  test('what comes with another configuration before the first document is held against the same', async () => {
    const { cache, fleet } = world(LATER)
    await cache.prepareHosts('running')
    using next = open(
      fleet,
      VIEWS.map(view => ({ ...view, namespaces: ['elsewhere'] })),
      LATER,
    )
    next.succeed(cache)
    expect([told(next.read(LATER.now, 'running')), told(next.read(LATER.now, 'any'))]).toEqual(['10 of 10', 0])
  })

  test('how many are believed in is told of views that are guarded and were served, without those deleted since', () => {
    const { cache, delete: remove, hosts } = world(LATER)
    expect([...cache.believed()]).toEqual([])
    expect([hosts('running'), hosts('any')]).toEqual([10, 10])
    remove('web-1', 'web-2')
    expect([...cache.believed()]).toEqual([['running', 8]])
    expect([...cache.guarded]).toEqual(['running', 'none'])
  })
})

describe('the part of a view that a token may see, which nobody has asked for yet', () => {
  const LATER = { now: NOW + 60_000 }
  const part = { view: 'running', within: { clusters: ['prod-1'], namespaces: ['shop'] } }
  const elsewhere = { view: 'running', within: { clusters: ['prod-1'], namespaces: ['desk'] } }

  test.each([
    ['was on record at the start', 'any'],
    ['was served last', 'running'],
  ])('is held against what of it %s in the view', (_, served) => {
    const { cache, stop, start, delete: remove, hosts } = world(LATER)
    expect(hosts(served)).toBe(10)
    stop('web-0', 'web-1', 'web-2')
    remove('web-3', 'web-4')
    const reads = (): number | string => told(cache.read(LATER.now, part))
    expect([reads(), told(cache.read(LATER.now, elsewhere))]).toEqual(['3 of 8', 0])
    start('web-0', 'web-1')
    expect(reads()).toBe(7)
  })

  test('does not miss who came and left again since then', () => {
    const { cache, start, stop } = world(LATER)
    expect(told(cache.read(LATER.now, 'running'))).toBe(10)
    start('late-1', 'late-2', 'late-3')
    stop('late-1', 'late-2', 'late-3')
    expect(told(cache.read(LATER.now, part))).toBe(10)
  })
})

describe('how many hosts the part of a view had that a token may see', () => {
  const LATER = { now: NOW + 60_000 }
  const part = { view: 'running', within: { clusters: ['prod-1'], namespaces: ['shop'] } }
  const page = pageOf({ name: part.view, within: part.within }, '')

  test('is told beside that of the view, once it was served', () => {
    const { cache, delete: remove } = world(LATER)
    expect(told(cache.read(LATER.now, part))).toBe(10)
    remove('web-1')
    expect([...cache.believed()]).toEqual([[page, 9]])
    expect([...cache.guardedPages([part.within])]).toEqual(expect.arrayContaining(['running', 'none', page]))
    expect(cache.guardedPages([]).has(page)).toBe(false)
  })

  test('counts after a start, without those deleted in it until it is asked for, also by another configuration', () => {
    const { cache, fleet, delete: remove } = world({ ...LATER, believed: { [page]: 14 } })
    remove('web-1', 'web-2')
    expect(told(cache.read(LATER.now, part))).toBe('4 of 12')
    using next = open(fleet, VIEWS, { ...LATER, believed: { [page]: 14 } })
    next.succeed(cache)
    remove('web-3')
    expect(told(next.read(LATER.now, part))).toBe('4 of 11')
  })

  test('counts without those deleted after they were shown, and with those deleted elsewhere', () => {
    const { cache, fleet, delete: remove, hosts } = world({ ...LATER, believed: { [page]: 14 } })
    const desk = { ...guest('desk-1'), namespace: 'desk' }
    fleet.apply({ key: vmKey(desk), value: desk })
    expect(hosts('any')).toBe(11)
    remove('web-1', 'web-2')
    fleet.apply({ key: vmKey(desk), value: null })
    expect(told(cache.read(LATER.now, part))).toBe('4 of 12')
  })

  test('counts after a start and a change of the configuration before anybody asked', () => {
    const { cache, fleet, delete: remove } = world({ ...LATER, believed: { [page]: 14 } })
    remove('web-1', 'web-2')
    cache.read(LATER.now, 'any')
    using next = open(fleet, VIEWS, { ...LATER, believed: { [page]: 14 } })
    next.succeed(cache)
    remove('web-3')
    expect(told(next.read(LATER.now, part))).toBe('4 of 11')
  })

  test('says nothing of another part, and is not counted for a view that may lack any', () => {
    const { cache } = world({ ...LATER, believed: { [page]: 14 } })
    const other = { view: 'running', within: { clusters: ['prod-1'], namespaces: ['shop', 'desk'] } }
    expect(told(cache.read(LATER.now, other))).toBe(10)
    expect(told(cache.read(LATER.now, { ...part, view: 'any' }))).toBe(10)
    expect([...cache.believed().keys()]).toEqual([pageOf({ name: other.view, within: other.within }, '')])
  })
})

describe('the whole inventory', () => {
  const LATER = { now: NOW + 60_000 }

  test('is held back where more was there before the start than is on record now, as after a loss', () => {
    const { fleet, delete: remove } = world()
    using some = open(fleet, [], { ...LATER, before: 21, shrink: { most: 50, few: 10 } })
    expect([told(some.read(LATER.now)), [...some.guarded]]).toEqual(['11 of 21', ['']])
    using few = open(fleet, [], { ...LATER, before: 20, shrink: { most: 50, few: 10 } })
    expect(told(few.read(LATER.now))).toBe(10)
    expect([...few.believed()]).toEqual([['', 10]])
    // A deletion is known: nobody is missed, one or all.
    remove(...TEN)
    expect(told(few.read(LATER.now))).toBe(0)
    using silent = open(fleet, [], { ...LATER, before: 1_000 })
    expect([told(silent.read(LATER.now)), [...silent.guarded]]).toEqual([0, []])
  })
})

test('some may always be missing, where it says so, and beyond them the share counts', () => {
  const few = (n: number): View => ({
    ...viewOfAll('running', GROUPS),
    status: ['Running'],
    shrink: { most: 50, few: n },
  })
  const three = world({ views: [few(3)] })
  expect(three.hosts('running')).toBe(10)
  three.stop(...TEN.slice(0, 5))
  expect(three.hosts('running')).toBe(5)
  three.stop('web-5', 'web-6', 'web-7')
  expect(three.hosts('running')).toBe(2)
  const two = world({ views: [few(2)] })
  expect(two.hosts('running')).toBe(10)
  two.stop(...TEN.slice(0, 6))
  expect(two.hosts('running')).toBe('6 of 10')
})

describe('whether a view is held back', () => {
  const LATER = { now: NOW + 60_000 }
  const name = fc.constantFrom(...TEN, 'late-1', 'late-2')
  const step = fc.oneof(
    fc.record({ what: fc.constantFrom('stop', 'start', 'delete'), name }),
    fc.record({ what: fc.constantFrom('read', 'ask'), name: fc.constantFrom('running', 'none', 'any', 'short') }),
  )
  const views = [...VIEWS, SHORT]

  test('is told without a document, as who reads next finds it, and changes nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(0, 14), (steps, before) => {
        const { cache: asked, fleet, ...world_ } = world({ ...LATER, views, before })
        using silent = open(fleet, views, { ...LATER, before })
        for (const { what, name: one } of steps) {
          if (what === 'stop' || what === 'start' || what === 'delete') {
            world_[what](one)
            continue
          }
          const held = asked.held(LATER.now, one)
          if (what === 'ask') continue
          const inventory = silent.read(LATER.now, one)
          expect(held).toEqual(inventory.kind === 'closed' ? inventory : null)
          expect(told(asked.read(LATER.now, one))).toBe(told(inventory))
        }
        asked[Symbol.dispose]()
      }),
      { numRuns: 300 },
    )
  })
})
