import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelsOf, namedLabels, projectVm } from '../../src/vm/index.ts'

/** `count` labels, of which the keys begin with `prefix`. */
function many(count: number, prefix = 'k'): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${String(n).padStart(3, '0')}`, 'v']))
}

const named = (labels: object, ...keys: readonly string[]): unknown =>
  namedLabels({ metadata: { labels } }, new Set(keys))

test('of a VM with 70 labels those that are named are kept beyond the first 64, without control characters', () => {
  const labels = { ...many(67), 'z.example.com/login': 'co\u001bre', zone: '', zz: 'x' }
  expect(named(labels, 'zone', 'z.example.com/login', 'k065', 'k001', 'other')).toEqual({
    k065: 'v',
    'z.example.com/login': 'co re',
    zone: '',
  })
})

test.each([
  ['has no more than 64', many(64), ['k063']],
  ['has more, of which none is named', many(70), ['k000', 'other']],
  ['has none', {}, ['k000']],
])('nothing is kept beside of a VM that %s', (_what, labels, keys) => {
  expect(named(labels, ...keys)).toBeUndefined()
})

test('odd labels are none, and 64 of those at most are kept, the first by their keys', () => {
  for (const odd of [null, 'text', 7, []])
    expect(namedLabels({ metadata: { labels: odd } }, new Set(['a']))).toBeUndefined()
  const labels = many(200)
  const kept = named(labels, ...Object.keys(labels)) as object
  expect(Object.keys(kept)).toEqual(Object.keys(labels).slice(64, 128))
})

test('whatever is named, what facts follow from is the same, and what is kept of both is in the order of its keys', () => {
  const keys = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', 'z', '0'), minLength: 1, maxLength: 4 }), {
    maxLength: 100,
  })
  fc.assert(
    fc.property(keys, keys, (own, wanted) => {
      const object = { metadata: { labels: Object.fromEntries(own.map(key => [key, `of ${key}`])) } }
      const { labels } = projectVm(object)
      const beside = namedLabels(object, new Set(wanted))
      const all = labelsOf({ labels, ...(beside === undefined ? {} : { named_labels: beside }) })
      expect(wanted.filter(key => own.includes(key) && all[key] !== `of ${key}`)).toEqual([])
      // Keys that are numbers come first in every object, however they were put there.
      const words = Object.keys(all).filter(key => !/^(0|[1-9]\d*)$/.test(key))
      expect(words).toEqual([...words].sort())
    }),
  )
})
