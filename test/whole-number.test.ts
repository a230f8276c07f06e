import { expect, test } from 'vitest'
import { counted, isWhole } from '../src/whole-number.ts'

test.each([
  ['0', true],
  ['007', true],
  ['9223372036854775807', true],
  ['9223372036854775808', false],
  ['9'.repeat(64), false],
  ['', false],
  ['-1', false],
  ['+1', false],
  ['1.0', false],
  ['1e3', false],
  ['١', false],
])('as the value of a label %j is a whole number of 64 bits: %s', (text, is) => {
  expect(isWhole(text)).toBe(is)
})

test('one is said without an s, none and more with it', () => {
  expect([0, 1, 2].map(count => counted(count, 'host'))).toEqual(['0 hosts', '1 host', '2 hosts'])
  expect([1, 2].map(count => counted(count, 'entry'))).toEqual(['1 entry', '2 entries'])
  expect([1, 2].map(count => counted(count, 'day'))).toEqual(['1 day', '2 days'])
})
