import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HostList } from '../../src/inventory/host-list.ts'
import { difference, MAX_PAST_HOSTS, Past, type PastDocument } from '../../src/inventory/past.ts'

/** Hosts with their revisions, two neighbours a list. */
function lists(hosts: Readonly<Record<string, number>>): readonly HostList[] {
  const all = Object.keys(hosts).sort()
  return all.flatMap((_, index) => {
    const pair = all.slice(index, index + 2)
    return index % 2 === 0 ? [{ hosts: pair, revisions: Float64Array.from(pair, host => hosts[host] ?? 0) }] : []
  })
}

function document(etag: string, hosts: Readonly<Record<string, number>>, page = ''): PastDocument {
  return { page, etag, lists: lists(hosts) }
}

test.each<[what: string, before: Record<string, number>, after: Record<string, number>, told: string]>([
  ['nothing', { a: 1 }, { a: 1 }, '++ -- ~~'],
  ['one that came', {}, { a: 1 }, '++a -- ~~'],
  ['one that left', { a: 1, b: 1 }, { b: 1 }, '++ --a ~~'],
  ['one that changed', { a: 1, b: 1 }, { a: 2, b: 1 }, '++ -- ~~a'],
  ['all of it', { a: 1, b: 1, d: 1 }, { b: 2, c: 3, d: 1 }, '++c --a ~~b'],
])('what became of a view: %s', (_what, before, after, told) => {
  const { joined, left, changed } = difference(lists(before), lists(after))
  expect(`++${joined.join()} --${left.join()} ~~${changed.join()}`).toBe(told)
})

test('what joined and stayed is what there is, what left and stayed is what there was', () => {
  const hosts = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat({ max: 2 }))
  fc.assert(
    fc.property(hosts, hosts, (before, after) => {
      const { joined, left, changed } = difference(lists(before), lists(after))
      const stayed = Object.keys(after).filter(host => host in before)
      expect([...joined, ...stayed].sort()).toEqual(Object.keys(after).sort())
      expect([...left, ...stayed].sort()).toEqual(Object.keys(before).sort())
      expect(changed).toEqual(stayed.filter(host => before[host] !== after[host]).sort())
    }),
  )
})

test('a list that is the same in both is not looked at', () => {
  const same: HostList = { hosts: ['a', 'b'], revisions: Float64Array.of(1, 2) }
  const [before, after] = [lists({ c: 1, d: 1 }), lists({ d: 2, e: 1 })]
  expect(difference([same, ...before], [same, ...after])).toEqual({ joined: ['e'], left: ['c'], changed: ['d'] })
})

test('no more than a million hosts of past documents are remembered: the oldest go first, the latest stays whatever it takes', () => {
  expect(MAX_PAST_HOSTS).toBe(1_000_000)
  const past = new Past(5)
  for (const etag of ['1', '2', '3']) past.remember(document(etag, { a: 1, b: 1 }))
  expect(['1', '2', '3'].map(etag => past.find('', etag) !== undefined)).toEqual([false, true, true])
  past.remember(document('4', { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }))
  expect(['2', '3', '4'].map(etag => past.find('', etag) !== undefined)).toEqual([false, false, true])
})

test('neighbours that did not change count once, in however many documents they are', () => {
  const past = new Past(5)
  const same = lists({ a: 1, b: 1, c: 1, d: 1 })
  for (const etag of ['1', '2', '3', '2']) past.remember({ page: '', etag, lists: same })
  expect(past.hosts).toBe(4)
  past.remember(document('4', { a: 1 }))
  expect([past.hosts, past.find('', '1') !== undefined]).toEqual([5, true])
  past.remember(document('5', { a: 1 }))
  expect([past.hosts, ...['1', '2', '3', '4', '5'].map(etag => past.find('', etag) !== undefined)]).toEqual([
    2,
    false,
    false,
    false,
    true,
    true,
  ])
})

test('no more than two hundred past documents are remembered, of each the latest sight', () => {
  const past = new Past()
  for (let n = 0; n < 250; n += 1) past.remember(document(`${n}`, {}, 'v'))
  past.remember(document('50', {}, 'v'))
  past.remember(document('250', {}, 'v'))
  expect(['49', '50', '51', '52', '250'].map(etag => past.find('v', etag) !== undefined)).toEqual([
    false,
    true,
    false,
    true,
    true,
  ])
  expect(past.find('w', '250')).toBeUndefined()
})
