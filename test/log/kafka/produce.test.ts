import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { COMPRESSION } from '../../../src/log/kafka/driver.ts'
import { readFetchResponse } from '../../../src/log/kafka/fetch-response.ts'
import { encodeProduce, type Produce, readProduced } from '../../../src/log/kafka/produce.ts'
import type { OutgoingRecord } from '../../../src/log/kafka/record.ts'

/** The encoder of kafkajs, which every broker has understood for years. */
const theirs = createRequire(import.meta.url)('kafkajs/src/protocol/requests/produce/v7/request') as (
  request: object,
) => { encode(): Promise<{ readonly buffer: Buffer }> }

const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const record = fc
  .record({
    key: text.map(key => Buffer.from(key)),
    value: fc.option(fc.uint8Array({ maxLength: 9_000 }).map(bytes => Buffer.from(bytes))),
    headers: fc.dictionary(text, text, { maxKeys: 12 }),
  })
  .map(({ key, value, headers }): OutgoingRecord => {
    return { stream: 'events.vm', partition: 0, key, value, headers, bytes: key.length + (value?.length ?? 0) + 256 }
  })
const placing = fc.record({
  partition: fc.nat(255),
  firstSequence: fc.nat(1_000_000_000),
  records: fc.array(record, { minLength: 1, maxLength: 5 }),
  timestamp: fc.integer({ min: 1, max: 2 ** 42 }),
  codec: fc.constant(COMPRESSION.none),
})
const producer = fc.record({
  // kafkajs takes an empty one for none.
  transactionalId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
  producerId: fc.bigInt(0n, 2n ** 62n),
  producerEpoch: fc.nat(32_767),
})
const anything = fc.record({
  producer,
  timeoutMs: fc.nat(),
  topics: fc
    .dictionary(text, fc.array(placing, { minLength: 1, maxLength: 3 }), { minKeys: 1, maxKeys: 3 })
    .map(topics => new Map(Object.entries(topics))),
})

test('what is sent is what kafkajs would send, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(anything, async request => {
      const { timeoutMs: timeout, topics } = request
      const topicData = [...topics].map(([topic, all]) => ({
        topic,
        partitions: all.map(({ partition, firstSequence, records, timestamp }) => {
          return { partition, firstSequence, messages: records.map(sent => ({ ...sent, timestamp })) }
        }),
      }))
      const identity = { ...request.producer, producerId: String(request.producer.producerId) }
      const { buffer } = await theirs({ ...identity, acks: -1, timeout, compression: 0, topicData }).encode()
      expect((await encodeProduce(request)).equals(buffer)).toBe(true)
    }),
  )
})

test.each(Object.entries(COMPRESSION))('records that are sent with compression %s can be read', async (_, codec) => {
  await fc.assert(
    fc.asyncProperty(placing, async given => {
      const { records, timestamp } = given
      const producer = { transactionalId: 't', producerId: 1n, producerEpoch: 0 }
      const request: Produce = { producer, timeoutMs: 1, topics: new Map([['t', [{ ...given, codec }]]]) }
      const [found] = readFetchResponse(fetched(await encodeProduce(request)), () => 0)
      const expected = records.map(({ key, value }, offset) => ({ offset, timestamp, key, value }))
      expect(found?.records).toEqual(expected)
    }),
    { numRuns: 30 },
  )
})

/** The only batch of a request, as a Fetch (version 11) gives it. */
function fetched(request: Buffer): Buffer {
  const batchAt = 3 + 2 + 4 + 4 + 3 + 4 + 4
  const head = Buffer.alloc(59)
  head.writeInt32BE(1, 10)
  head.writeInt16BE(1, 14)
  head.write('t', 16)
  head.writeInt32BE(1, 17)
  return Buffer.concat([head, request.subarray(batchAt)])
}

function answer(...partitions: readonly [partition: number, error: number, offset: number][]): Buffer {
  const each = partitions.map(([partition, error, offset]) => {
    const bytes = Buffer.alloc(30)
    bytes.writeInt32BE(partition)
    bytes.writeInt16BE(error, 4)
    bytes.writeBigInt64BE(BigInt(offset), 6)
    return bytes
  })
  const head = Buffer.from([0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, partitions.length])
  return Buffer.concat([head, ...each, Buffer.alloc(4)])
}

test('an answer tells where the records of each partition are', () => {
  const { offsets, refusal } = readProduced(answer([3, 0, 2 ** 40], [4, 0, 0]))
  expect([...offsets]).toEqual([
    ['t/3', 2 ** 40],
    ['t/4', 0],
  ])
  expect(refusal).toBeNull()
})

test('one partition that was refused is an error, the first of them; where the records of the others are is told with it', () => {
  const { offsets, refusal } = readProduced(answer([3, 0, 7], [4, 47, -1], [5, 6, -1], [6, 0, 9]))
  expect(refusal).toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' })
  expect([...offsets]).toEqual([
    ['t/3', 7],
    ['t/6', 9],
  ])
})
