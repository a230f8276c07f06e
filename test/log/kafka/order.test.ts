import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FetchedRecord } from '../../../src/log/kafka/fetch-response.ts'
import { byTime, ordered } from '../../../src/log/kafka/order.ts'

function lying(timestamps: readonly number[]): readonly FetchedRecord[] {
  return timestamps.map((timestamp, offset) => ({ offset, timestamp, key: null, value: null }))
}

const times = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 })

test('whatever times records have, those of a partition stay in their order', () => {
  fc.assert(
    fc.property(fc.array(times, { maxLength: 4 }), partitions => {
      const all = partitions.flatMap((stamps, partition) => ordered('events.vm', partition, lying(stamps))).sort(byTime)
      for (const [partition, stamps] of partitions.entries()) {
        const offsets = all.filter(one => one.partition === partition).map(({ record }) => record.offset)
        expect(offsets).toEqual(stamps.map((_, offset) => offset))
      }
    }),
  )
})

test('where times grow, as those of one writer do, they order the commits over all partitions', () => {
  const all = [ordered('events.vm', 0, lying([1, 4])), ordered('events.vm', 1, lying([2, 3]))].flat().sort(byTime)
  expect(all.map(({ record }) => record.timestamp)).toEqual([1, 2, 3, 4])
})
