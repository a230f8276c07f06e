import { expect, test } from 'vitest'
import { SharedGroups } from '../../src/inventory/group-set.ts'
import { ownRendering } from '../../src/inventory/rendering.ts'
import { guest } from '../day2/guest.ts'

const FRESH = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const

test('hosts of the same groups share them, and ten thousand groups are shared at most', () => {
  const shared = new SharedGroups()
  const way = ownRendering('slim', { builtin: true, labels: ['app'], maxPerLabel: 5 })
  const of = (app: string, name = 'web-1') => shared.of(way.groupsOf(guest(name, { seen: { labels: { app } } }), FRESH))
  const first = of('0')
  expect(of('0', 'web-2')).toBe(first)
  expect(of('1')).not.toEqual(first)
  for (let n = 0; n < 10_000; n += 1) of(`${n}`)
  expect(shared.size).toBe(10_000)
  of('one more')
  expect(shared.size).toBe(1)
  expect(of('0')).toEqual(first)
})

test('no text of a guest makes the groups of one VM those of another', () => {
  const shared = new SharedGroups()
  const [long, admin] = [
    { group: 'g', source: 'expression g', because: 'it gives x' },
    { group: 'admin', source: 'expression admin', because: 'it holds' },
  ]
  const both = shared.of([long, admin])
  const liar = { ...long, because: 'it gives x,admin expression admin  it holds' }
  expect(shared.of([liar])).not.toEqual(both)
  expect(shared.of([liar]).map(({ group }) => group)).toEqual(['g'])
})
