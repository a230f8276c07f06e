import { expect, test } from 'vitest'
import { byPartition, takeChunks } from '../../../src/log/kafka/chunk.ts'
import { createOutbox } from '../../../src/log/kafka/outbox.ts'
import type { OutgoingRecord } from '../../../src/log/kafka/record.ts'
import { Ring, RING_BYTES, type TailRecord } from '../../../src/log/kafka/ring.ts'

const MB = 1_048_576

function record(bytes: number, partition = 0): OutgoingRecord {
  return { stream: 'events.vm', partition, key: Buffer.from('c/n/vm'), value: Buffer.from('{}'), headers: {}, bytes }
}

function seen(offset: number, bytes: number, partition = 0): TailRecord {
  return { stream: 'events.vm', partition, offset, key: 'c/n/vm', value: {}, at: 0, bytes }
}

test('the ring keeps two megabytes of the newest records, and says from which offsets on', () => {
  const ring = new Ring([0, 0])
  for (let offset = 0; offset < 5_000; offset += 1) ring.push(seen(offset, 1_024))
  ring.push(seen(0, 1_024, 1))
  const kept = 5_001 - ring.first
  expect(kept).toBe(RING_BYTES / 1_024)
  expect(ring.gone).toEqual([5_001 - kept, 0])
  expect([ring.startOf([5_001 - kept, 0]), ring.startOf([5_000 - kept, 0])]).toEqual([ring.first, null])
  expect([ring.at(ring.first - 1), ring.at(ring.first)?.offset]).toEqual([undefined, 5_001 - kept])
})

test('the ring keeps the newest record however large it is', () => {
  const ring = new Ring([0])
  ring.push(seen(0, 10))
  ring.push(seen(1, RING_BYTES + 1))
  expect([ring.at(0), ring.at(1)?.offset]).toEqual([undefined, 1])
})

test.each([
  ['as many records as a megabyte has', [0.5 * MB, 0.5 * MB, 1], [2, 1]],
  ['a record alone that is larger than that', [1.5 * MB, 1], [1, 1]],
  ['many small ones at once', Array.from({ length: 1_000 }, () => 1_000), [1_000]],
])('one request carries of a partition %s', (_, sizes, requests) => {
  const rest = byPartition(
    sizes.flatMap(bytes => [record(bytes), record(1, 1)]),
    'virtbridge',
  )
  const taken: number[] = []
  while (rest.size > 0) {
    const chunk = takeChunks(rest).find(({ partition }) => partition === 0)
    if (chunk !== undefined) taken.push(chunk.records.length)
  }
  expect(taken).toEqual(requests)
})

test.each([
  ['2,000 records', Array.from({ length: 3_000 }, () => 1), 2_000],
  ['two megabytes', [1.5 * MB, 0.25 * MB, 0.5 * MB], 2],
  ['one append that is larger', [2.5 * MB, 1], 1],
])('a transaction has at most %s', (_, sizes, first) => {
  const outbox = createOutbox(new AbortController().signal)
  for (const bytes of sizes) void outbox.put([record(bytes)], () => undefined)
  expect(outbox.next()?.items).toHaveLength(first)
})
