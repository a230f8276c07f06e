import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { partitionOf } from '../../../src/log/kafka/partition.ts'

// These are for good: a record that is looked for elsewhere than it was put is lost.
test.each([
  ['prod-1', 8, 2],
  ['prod-1/shop/web-1', 8, 0],
  ['dev-1/shop/web-1', 10, 8],
  ['é/🦊/x', 3, 9],
  ['run/1', 9, 4],
  ['', 11, 11],
])('of twelve partitions %j is in %i, and in %i when a cluster has three', (key, alone, shared) => {
  expect(partitionOf(key, { partitions: 12, perCluster: 1 })).toBe(alone)
  expect(partitionOf(key, { partitions: 12, perCluster: 3 })).toBe(shared)
})

test('the keys of one cluster are in one range of neighbours, whatever they are', () => {
  const word = fc.string({ unit: 'binary', maxLength: 8 }).map(text => text.replaceAll('/', ''))
  fc.assert(
    fc.property(word, fc.array(word), fc.constantFrom(1, 2, 3, 4, 6, 12), (cluster, rest, perCluster) => {
      const range = (key: string): number => Math.floor(partitionOf(key, { partitions: 12, perCluster }) / perCluster)
      expect(range([cluster, ...rest].join('/'))).toBe(range(cluster))
    }),
  )
})

test('many clusters are spread evenly', () => {
  const counts = Array.from({ length: 12 }, () => 0)
  for (let n = 0; n < 1_200; n += 1) {
    const partition = partitionOf(`cluster-${n}`, { partitions: 12, perCluster: 1 })
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  expect(Math.min(...counts)).toBeGreaterThan(70)
  expect(Math.max(...counts)).toBeLessThan(130)
})
