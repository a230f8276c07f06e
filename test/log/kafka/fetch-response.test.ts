import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { FetchError, readFetchResponse } from '../../../src/log/kafka/fetch-response.ts'

interface Batch {
  readonly base: number
  readonly values: readonly string[]
  /** Where the batch ends, when compaction took its last records; else after its values. */
  readonly last?: number
  readonly producer?: number
  readonly control?: 'abort' | 'commit'
  readonly gzip?: boolean
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value >= 0 ? value * 2 : -value * 2 - 1; ; left = Math.floor(left / 128)) {
    bytes.push(left >= 128 ? (left % 128) | 0x80 : left)
    if (left < 128) return Buffer.from(bytes)
  }
}

function numbers(...parts: readonly (readonly [bits: 8 | 16 | 32 | 64, value: number])[]): Buffer {
  return Buffer.concat(
    parts.map(([bits, value]) => {
      const bytes = Buffer.alloc(bits / 8)
      if (bits === 64) bytes.writeBigInt64BE(BigInt(value))
      else bytes.writeIntBE(value, 0, bits / 8)
      return bytes
    }),
  )
}

/** A record batch as a broker keeps it (https://kafka.apache.org/documentation/#recordbatch); its checksum is not looked at. */
function batch({ base, values, last, producer = -1, control, gzip = false }: Batch): Buffer {
  const records = values.map((value, index) => {
    const key = control === undefined ? Buffer.from('k') : numbers([16, 0], [16, control === 'abort' ? 0 : 1])
    const parts = [key, Buffer.from(value)].flatMap(part => [varint(part.length), part])
    const body = Buffer.concat([Buffer.of(0), varint(-3), varint(index), ...parts, varint(0)])
    return Buffer.concat([varint(body.length), body])
  })
  const attributes = (producer >= 0 ? 0x10 : 0) | (control === undefined ? 0 : 0x20) | (gzip ? 1 : 0)
  const head = numbers([32, 0], [8, 2], [32, 0], [16, attributes], [32, (last ?? base + values.length - 1) - base])
  const more = numbers([64, 1_000], [64, 1_000], [64, producer], [16, 0], [32, 0], [32, values.length])
  const whole = Buffer.concat(records)
  const rest = Buffer.concat([head, more, gzip ? gzipSync(whole) : whole])
  return Buffer.concat([numbers([64, base], [32, rest.length]), rest])
}

function response(bytes: Buffer, aborted: readonly [producer: number, first: number][] = []): Buffer {
  const topic = Buffer.from('t')
  return Buffer.concat([
    numbers([32, 0], [16, 0], [32, 0], [32, 1], [16, topic.length]),
    topic,
    numbers([32, 1], [32, 0], [16, 0], [64, 100], [64, 90], [64, 5], [32, aborted.length]),
    ...aborted.map(([producer, first]) => numbers([64, producer], [64, first])),
    numbers([32, -1], [32, bytes.length]),
    bytes,
  ])
}

function read(raw: Buffer, from: number): { values: readonly string[]; next: number } {
  const [found] = readFetchResponse(raw, () => from)
  const values = found?.records.map(({ offset, value }) => `${offset}:${value?.toString()}`) ?? []
  return { values, next: found?.nextOffset ?? -1 }
}

interface Case {
  readonly batches: readonly Batch[]
  readonly aborted?: readonly [producer: number, first: number][]
  readonly from?: number
}

test.each<[string, Case, { values: readonly string[]; next: number }]>([
  ['plain records', { batches: [{ base: 5, values: ['a', 'b'] }] }, { values: ['5:a', '6:b'], next: 7 }],
  ['compressed ones', { batches: [{ base: 5, values: ['a', 'b'], gzip: true }] }, { values: ['5:a', '6:b'], next: 7 }],
  [
    'a batch that begins before what was asked for',
    { batches: [{ base: 5, values: ['a', 'b', 'c'] }], from: 6 },
    { values: ['6:b', '7:c'], next: 8 },
  ],
  ['nothing', { batches: [], from: 9 }, { values: [], next: 9 }],
  ['a batch that compaction emptied', { batches: [{ base: 5, values: [], last: 9 }] }, { values: [], next: 10 }],
  [
    'a batch of which compaction left the first',
    { batches: [{ base: 5, values: ['a'], last: 9 }] },
    { values: ['5:a'], next: 10 },
  ],
  [
    'a committed transaction',
    {
      batches: [
        { base: 5, values: ['a'], producer: 7 },
        { base: 6, values: [''], producer: 7, control: 'commit' },
      ],
    },
    { values: ['5:a'], next: 7 },
  ],
  [
    'an aborted one between those of others, and the next one of the same producer',
    {
      batches: [
        { base: 5, values: ['lost'], producer: 7 },
        { base: 6, values: ['kept'], producer: 8 },
        { base: 7, values: [''], producer: 7, control: 'abort' },
        { base: 8, values: ['again'], producer: 7 },
        { base: 9, values: ['plain'] },
      ],
      aborted: [[7, 5]],
    },
    { values: ['6:kept', '8:again', '9:plain'], next: 10 },
  ],
  [
    'an aborted one that began before what was asked for',
    {
      batches: [
        { base: 5, values: ['lost'], producer: 7 },
        { base: 6, values: [''], producer: 7, control: 'abort' },
      ],
      aborted: [[7, 2]],
    },
    { values: [], next: 7 },
  ],
])('of %s the committed records are read, and the next read goes on after all of it', (_what, given, expected) => {
  const { batches, aborted = [], from = 5 } = given
  expect(read(response(Buffer.concat(batches.map(batch)), aborted), from)).toEqual(expected)
})

test('a batch that the broker cut off is left for the next read', () => {
  const whole = Buffer.concat([batch({ base: 5, values: ['a'] }), batch({ base: 6, values: ['b'] })])
  for (let length = whole.length - 1; length > whole.length / 2; length -= 1) {
    expect(read(response(whole.subarray(0, length)), 5)).toEqual({ values: ['5:a'], next: 6 })
  }
})

test('offsets, times and what is left of the log come with it', () => {
  const [found] = readFetchResponse(response(batch({ base: 5, values: ['a'] })), () => 5)
  expect(found).toMatchObject({ topic: 't', partition: 0, errorCode: 0, stableOffset: 90, startOffset: 5 })
  expect(found?.records[0]).toMatchObject({ offset: 5, timestamp: 997 })
})

test('a response that failed as a whole throws its code', () => {
  const raw = response(Buffer.alloc(0))
  raw.writeInt16BE(70, 4)
  expect(() => readFetchResponse(raw, () => 0)).toThrow(FetchError)
})
