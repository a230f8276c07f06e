import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { carries, isMarker, marker, skipTags } from '../../src/aap/marker.ts'

test('a marker is the intent’s UUID in a fixed length', () => {
  expect(marker('6ADE9A1C-fe51-4f99-9cea-b7b1662999d7')).toBe('virtbridge-6ade9a1cfe514f999ceab7b1662999d7')
})

test.each(['', 'run-1', '6ade9a1c', `${'a'.repeat(32)}b`, `${'a'.repeat(31)},`])(
  '%j is no UUID and makes no marker',
  id => {
    expect(() => marker(id)).toThrow(/UUID/)
  },
)

test('the template’s own skip tags come first and are kept', () => {
  expect(skipTags('', 'm')).toBe('m')
  expect(skipTags('  ', 'm')).toBe('m')
  expect(skipTags('slow,db', 'm')).toBe('slow,db,m')
})

test('no marker is found inside the tags of another intent', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), fc.constantFrom('', 'slow', 'slow,db'), (one, other, own) => {
      const tags = skipTags(own, marker(one))
      expect(isMarker(marker(one))).toBe(true)
      expect(carries(tags, marker(one))).toBe(true)
      expect(tags.includes(marker(other))).toBe(one === other)
    }),
  )
})

test('a tag that merely contains the marker does not carry it', () => {
  expect(
    carries(`x${marker('6ade9a1c-fe51-4f99-9cea-b7b1662999d7')}`, marker('6ade9a1c-fe51-4f99-9cea-b7b1662999d7')),
  ).toBe(false)
})
