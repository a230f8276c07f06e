import { expect, test } from 'vitest'
import { Hearsay } from '../../../src/log/kafka/hearsay.ts'
import type { Placed } from '../../../src/log/kafka/session.ts'

/** A commit that put so many records at an offset of a partition. */
function commit(...places: readonly [partition: number, first: number, records?: number][]): readonly Placed[] {
  return places.map(([partition, first, records = 1]) => {
    return { stream: 'events.vm', partition, at: 0, first, next: first + records, records: [] }
  })
}

test('commits that follow one another, each after the marker of the one before, are told as they are written', () => {
  const hearsay = new Hearsay([10, 0])
  expect(hearsay.place(commit([0, 10, 3]))).toBe(true)
  expect(hearsay.place(commit([0, 14], [1, 0]))).toBe(true)
  expect(hearsay.place(commit([1, 2], [0, 16]))).toBe(true)
  expect(hearsay.owes).toBe(false)
})

test('what one commit put into a partition by two requests has no marker between', () => {
  const hearsay = new Hearsay([0])
  expect(hearsay.place(commit([0, 0, 5], [0, 5, 5]))).toBe(true)
  expect(hearsay.place(commit([0, 11]))).toBe(true)
})

test.each([
  ['somebody else wrote before it', commit([0, 12])],
  ['a marker more lies before it, as a commit was settled', commit([0, 11])],
  ['there is a gap in one of its partitions', commit([1, 0], [0, 11])],
  ['it was read in part', commit([0, 9, 2])],
])('a commit is read when %s, and so is all that comes after it until that was read', (_, gap) => {
  const hearsay = new Hearsay([10, 0])
  expect(hearsay.place(gap)).toBe(false)
  expect(hearsay.owes).toBe(true)
  // It would fit, and has to wait: a follower hears of one commit after the other.
  expect(hearsay.place(commit([1, 0]))).toBe(false)
  hearsay.read(0, 13)
  expect(hearsay.owes).toBe(true)
  hearsay.read(1, 2)
  expect(hearsay.owes).toBe(false)
  expect(hearsay.place(commit([0, 13], [1, 2]))).toBe(true)
})

test('a commit that was read before its writer heard of it owes nothing', () => {
  const hearsay = new Hearsay([10, 0])
  hearsay.read(0, 12)
  expect(hearsay.place(commit([0, 10], [1, 0]))).toBe(true)
  expect(hearsay.owes).toBe(false)
  expect(hearsay.place(commit([0, 12], [1, 2]))).toBe(true)
})

test('a read of what was told already changes nothing, one past the marker neither', () => {
  const hearsay = new Hearsay([0])
  hearsay.place(commit([0, 0]))
  hearsay.read(0, 1)
  expect(hearsay.place(commit([0, 2]))).toBe(true)
  hearsay.read(0, 4)
  expect(hearsay.place(commit([0, 4]))).toBe(true)
})
