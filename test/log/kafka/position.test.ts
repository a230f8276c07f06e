import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAfter, POSITION_PATTERN, START } from '../../../src/log/log.ts'
import { fromPosition, toPosition } from '../../../src/log/kafka/position.ts'

const offsets = fc.array(fc.maxSafeNat(), { minLength: 4, maxLength: 4 })

test('a position comes back as the offsets it was made of, is what the API takes, and has one form', () => {
  fc.assert(
    fc.property(offsets, offsets => {
      const position = toPosition(offsets)
      expect(fromPosition(position, 4)).toEqual(offsets)
      expect(position).toMatch(new RegExp(`^${POSITION_PATTERN}$`))
      expect(toPosition([...offsets, 0, 0])).toBe(position)
    }),
  )
  expect(toPosition([0, 0, 0])).toBe(START)
})

test('one position is after another when it has all of it and more', () => {
  fc.assert(
    fc.property(offsets, offsets, (a, b) => {
      const more = a.every((offset, index) => offset >= (b[index] ?? 0)) && a.join() !== b.join()
      expect(isAfter(toPosition(a), toPosition(b))).toBe(more)
    }),
  )
})

test.each(['17', 'now', 'k', 'k1.', 'k1..2', 'k-1', 'kzzzzzzzzzzz', 'k1.2.3.4.5', ''])(
  'what is no position of these partitions (%j) is the start: read again, never passed over',
  position => {
    expect(fromPosition(position, 4)).toEqual([0, 0, 0, 0])
  },
)
