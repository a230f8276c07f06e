import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelsOf, mayHave, namedLabels, projectVm } from '../../src/vm/index.ts'

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
    other: null,
    'z.example.com/login': 'co re',
    zone: '',
  })
  expect(labelsOf({ labels: { k001: 'v' }, named_labels: { other: null, zone: '' } })).toEqual({ k001: 'v', zone: '' })
})

test('of a VM with as many labels as are kept, or more, only what was looked for is known', () => {
  const seen = { labels: many(64), named_labels: { zone: '', other: null } }
  expect(['k001', 'zone', 'other', 'else'].map(key => mayHave(seen, key))).toEqual([false, false, false, true])
  expect(mayHave({ labels: many(63) }, 'else')).toBe(false)
})

test.each([
  ['has fewer than 64', many(63), ['other']],
  ['has 64, and nothing else is named', many(64), ['k063']],
  ['has more, and nothing else is named', many(70), ['k000']],
  ['has more, and nothing is named', many(70), []],
  ['has none', {}, ['k000']],
])('nothing is kept beside of a VM that %s', (_what, labels, keys) => {
  expect(named(labels, ...keys)).toBeUndefined()
})

test('odd labels are none, and 256 of those at most are kept, the first by their keys', () => {
  for (const odd of [null, 'text', 7, []])
    expect(namedLabels({ metadata: { labels: odd } }, new Set(['a']))).toBeUndefined()
  const labels = many(400)
  const kept = named(labels, ...Object.keys(labels)) as object
  expect(Object.keys(kept)).toEqual(Object.keys(labels).slice(64, 320))
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
