import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from '../../../src/log/kafka/checksum.ts'
import { Cursor } from '../../../src/log/kafka/cursor.ts'
import { Sink } from '../../../src/log/kafka/sink.ts'

/** As kafkajs reckons it, byte by byte. */
const theirs = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number

test('the checksum of the nine digits is the one that RFC 3720 and all others give', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

test('the checksum of any bytes is that of kafkajs', () => {
  const bytes = fc.uint8Array({ maxLength: 100 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(bytes, bytes => {
      expect(crc32c(bytes)).toBe(theirs(bytes))
    }),
  )
})

test('a count is written as a bigint is, and a number of 64 bits read as one', () => {
  const count = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1))
  fc.assert(
    fc.property(count, count => {
      const [ours, same] = [new Sink(8), new Sink(8)]
      ours.count64(count)
      same.int64(BigInt(count))
      expect(ours.written()).toEqual(same.written())
      expect(new Cursor(ours.written()).int64()).toBe(count)
    }),
  )
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), value => {
      const sink = new Sink(8)
      sink.int64(value)
      expect(new Cursor(sink.written()).int64()).toBe(Number(value))
    }),
  )
})

test('a text has its length before it, however long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), text => {
      const sink = new Sink(1)
      sink.vartext(text)
      expect(new Cursor(sink.written()).varbytes()?.toString()).toBe(text)
    }),
  )
})
