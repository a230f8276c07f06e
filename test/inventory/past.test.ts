import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { difference, type HostList, MAX_PAST_HOSTS, Past } from '../../src/inventory/past.ts'

function list(etag: string, hosts: Readonly<Record<string, number>>, view = ''): HostList {
  return {
    view,
    etag,
    hosts: Object.keys(hosts).sort(),
    revisions: Float64Array.from(Object.keys(hosts).sort(), host => hosts[host] ?? 0),
  }
}

test.each<[what: string, before: Record<string, number>, after: Record<string, number>, told: string]>([
  ['nothing', { a: 1 }, { a: 1 }, '++ -- ~~'],
  ['one that came', {}, { a: 1 }, '++a -- ~~'],
  ['one that left', { a: 1, b: 1 }, { b: 1 }, '++ --a ~~'],
  ['one that changed', { a: 1, b: 1 }, { a: 2, b: 1 }, '++ -- ~~a'],
  ['all of it', { a: 1, b: 1, d: 1 }, { b: 2, c: 3, d: 1 }, '++c --a ~~b'],
])('what became of a view: %s', (_what, before, after, told) => {
  const { joined, left, changed } = difference(list('x', before), list('y', after))
  expect(`++${joined.join()} --${left.join()} ~~${changed.join()}`).toBe(told)
})

test('what joined and stayed is what there is, what left and stayed is what there was', () => {
  const hosts = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat({ max: 2 }))
  fc.assert(
    fc.property(hosts, hosts, (before, after) => {
      const { joined, left, changed } = difference(list('x', before), list('y', after))
      const stayed = Object.keys(after).filter(host => host in before)
      expect([...joined, ...stayed].sort()).toEqual(Object.keys(after).sort())
      expect([...left, ...stayed].sort()).toEqual(Object.keys(before).sort())
      expect(changed).toEqual(stayed.filter(host => before[host] !== after[host]).sort())
    }),
  )
})

test('no more than a million hosts of past documents are remembered: the oldest go first, the latest stays whatever it takes', () => {
  expect(MAX_PAST_HOSTS).toBe(1_000_000)
  const past = new Past(5)
  for (const etag of ['1', '2', '3']) past.remember(list(etag, { a: 1, b: 1 }))
  expect(['1', '2', '3'].map(etag => past.find('', etag) !== undefined)).toEqual([false, true, true])
  past.remember(list('4', { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }))
  expect(['2', '3', '4'].map(etag => past.find('', etag) !== undefined)).toEqual([false, false, true])
})

test('no more than two hundred past documents are remembered, of each the latest sight', () => {
  const past = new Past()
  for (let n = 0; n < 250; n += 1) past.remember(list(`${n}`, {}, 'v'))
  past.remember(list('50', {}, 'v'))
  past.remember(list('250', {}, 'v'))
  expect(['49', '50', '51', '52', '250'].map(etag => past.find('v', etag) !== undefined)).toEqual([
    false,
    true,
    false,
    true,
    true,
  ])
  expect(past.find('w', '250')).toBeUndefined()
})
