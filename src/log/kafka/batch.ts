import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { crc32c } from './checksum.ts'
import { COMPRESSION } from './driver.ts'
import type { OutgoingRecord } from './record.ts'
import { Sink } from './sink.ts'
import type { Producer } from './transaction.ts'

/** Records of one partition as a transaction puts them there. */
export interface Batch {
  readonly firstSequence: number
  readonly records: readonly OutgoingRecord[]
  /** Of all of them, in ms since the epoch. */
  readonly timestamp: number
  /** One of `COMPRESSION`. */
  readonly codec: number
}

const MAGIC = 2
const TRANSACTIONAL = 0x10
/** The leader puts its own there. */
const NO_LEADER_EPOCH = 0
const gzip = promisify(zlib.gzip)
const zstd = promisify(zlib.zstdCompress)

/** Writes a record batch, its length before it (https://kafka.apache.org/documentation/#recordbatch). */
export async function writeBatch(sink: Sink, { producerId, producerEpoch }: Producer, batch: Batch): Promise<void> {
  const { codec, firstSequence, records, timestamp } = batch
  const packed = codec === COMPRESSION.none ? null : await compressed(records, codec)
  const lengthAt = sink.at
  sink.int32(0)
  sink.count64(0)
  const restAt = sink.at
  sink.int32(0)
  sink.int32(NO_LEADER_EPOCH)
  sink.int8(MAGIC)
  const sumAt = sink.at
  sink.int32(0)
  const summedAt = sink.at
  sink.int16(codec | TRANSACTIONAL)
  sink.int32(records.length - 1)
  sink.count64(timestamp)
  sink.count64(timestamp)
  sink.int64(producerId)
  sink.int16(producerEpoch)
  sink.int32(firstSequence)
  sink.int32(records.length)
  if (packed === null) writeRecords(sink, records)
  else sink.bytes(packed)
  sink.lengthAt(lengthAt)
  sink.lengthAt(restAt)
  sink.int32At(crc32c(sink.written(summedAt)), sumAt)
}

async function compressed(records: readonly OutgoingRecord[], codec: number): Promise<Buffer> {
  const sink = new Sink(sizeOf(records))
  writeRecords(sink, records)
  return await (codec === COMPRESSION.gzip ? gzip : zstd)(sink.written())
}

/** About how many bytes they are; a little more rather than less. */
export function sizeOf(records: readonly OutgoingRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes + HEADERS, 0)
}

/** Bytes of the headers of a record, about: a buffer that is too small grows. */
const HEADERS = 512

function writeRecords(sink: Sink, records: readonly OutgoingRecord[]): void {
  for (const [offset, { key, value, headers }] of records.entries()) {
    const from = sink.at
    // Neither attributes, nor another time than that of the batch.
    sink.int8(0)
    sink.varint(0)
    sink.varint(offset)
    sink.varbytes(key)
    sink.varbytes(value)
    const named = Object.entries(headers)
    sink.varint(named.length)
    for (const [name, text] of named) {
      sink.vartext(name)
      sink.vartext(text)
    }
    sink.lengthBefore(from)
  }
}
