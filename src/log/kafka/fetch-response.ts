import zlib from 'node:zlib'
import { Cursor } from './cursor.ts'

/** A record as it lies in a partition. Key and value are views of the response: copy what outlives it. */
export interface FetchedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** What one Fetch said of one partition: committed records only, in order. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Up to here transactions are decided: a reader of committed records has nothing to wait for before it. */
  readonly stableOffset: number
  readonly startOffset: number
  /** Where to go on: after the last whole batch, also when compaction, an abort or a marker left nothing of it to read. */
  readonly nextOffset: number
  readonly records: readonly FetchedRecord[]
}

interface Batch {
  readonly lastOffset: number
  readonly producerId: bigint
  readonly transactional: boolean
  readonly control: boolean
  readonly records: readonly FetchedRecord[]
}

/** Bytes of a record batch before its records, from the base offset on. */
const BATCH_HEADER = 61
const LENGTH_END = 12

/**
 * Reads a Fetch response, version 11 (https://kafka.apache.org/protocol#The_Messages_Fetch).
 *
 * kafkajs drops batches that compaction emptied and with them the offset to go on from; here `nextOffset` comes from the header of
 * each batch, so that reading to the end ends whatever was left out.
 */
export function readFetchResponse(raw: Buffer, from: (topic: string, partition: number) => number): FetchedPartition[] {
  const cursor = new Cursor(raw)
  cursor.skip(4)
  const error = cursor.int16()
  if (error !== 0) throw new FetchError(error)
  cursor.skip(4)
  const found: FetchedPartition[] = []
  for (let topics = cursor.int32(); topics > 0; topics -= 1) {
    const topic = cursor.string()
    for (let partitions = cursor.int32(); partitions > 0; partitions -= 1) {
      found.push(readPartition(cursor, topic, from))
    }
  }
  return found
}

/** A Fetch that failed as a whole. */
export class FetchError extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the fetch failed with error ${code}`)
    this.code = code
  }
}

function readPartition(
  cursor: Cursor,
  topic: string,
  from: (topic: string, partition: number) => number,
): FetchedPartition {
  const partition = cursor.int32()
  const errorCode = cursor.int16()
  cursor.skip(8)
  const stableOffset = cursor.int64()
  const startOffset = cursor.int64()
  const aborted: { producerId: bigint; firstOffset: number }[] = []
  for (let left = cursor.int32(); left > 0; left -= 1) {
    aborted.push({ producerId: cursor.bigint64(), firstOffset: cursor.int64() })
  }
  cursor.skip(4)
  const length = cursor.int32()
  const batches = length > 0 ? readBatches(cursor.take(length)) : []
  const fetchOffset = from(topic, partition)
  const nextOffset = batches.reduce((next, batch) => Math.max(next, batch.lastOffset + 1), fetchOffset)
  const records = committed(batches, aborted).filter(record => record.offset >= fetchOffset)
  return { topic, partition, errorCode, stableOffset, startOffset, nextOffset, records }
}

/** Leaves out control records and what aborted transactions wrote (KIP-98: aborted from the first offset to the marker). */
function committed(
  batches: readonly Batch[],
  aborted: readonly { producerId: bigint; firstOffset: number }[],
): readonly FetchedRecord[] {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<bigint>()
  const found: FetchedRecord[] = []
  for (const batch of batches) {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset) {
      open.add(waiting[0].producerId)
      waiting.shift()
    }
    if (batch.control) {
      // The key of a control record is its version and its type: 0 aborts, 1 commits.
      if (batch.records[0]?.key?.readInt16BE(2) === 0) open.delete(batch.producerId)
    } else if (!batch.transactional || !open.has(batch.producerId)) found.push(...batch.records)
  }
  return found
}

/** Whole batches only: the broker cuts the last one off where the bytes asked for end. */
function readBatches(bytes: Buffer): readonly Batch[] {
  const batches: Batch[] = []
  for (let at = 0; at + BATCH_HEADER <= bytes.length;) {
    const size = LENGTH_END + bytes.readInt32BE(at + 8)
    if (at + size > bytes.length) break
    batches.push(readBatch(bytes.subarray(at, at + size)))
    at += size
  }
  return batches
}

const COMPRESSION_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

function readBatch(bytes: Buffer): Batch {
  const baseOffset = Number(bytes.readBigInt64BE(0))
  const attributes = bytes.readInt16BE(21)
  const lastOffset = baseOffset + bytes.readInt32BE(23)
  const firstTimestamp = Number(bytes.readBigInt64BE(27))
  const maxTimestamp = Number(bytes.readBigInt64BE(35))
  const cursor = new Cursor(decompressed(bytes.subarray(BATCH_HEADER), attributes & COMPRESSION_MASK))
  const records: FetchedRecord[] = []
  for (let left = bytes.readInt32BE(57); left > 0; left -= 1) {
    const end = cursor.varint() + cursor.at
    cursor.skip(1)
    const timestampDelta = cursor.varint()
    const offset = baseOffset + cursor.varint()
    const timestamp = (attributes & LOG_APPEND_TIME) === 0 ? firstTimestamp + timestampDelta : maxTimestamp
    records.push({ offset, timestamp, key: cursor.varbytes(), value: cursor.varbytes() })
    cursor.at = end
  }
  return {
    lastOffset,
    producerId: bytes.readBigInt64BE(43),
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    records,
  }
}

function decompressed(bytes: Buffer, codec: number): Buffer {
  if (codec === 0 || bytes.length === 0) return bytes
  if (codec === 1) return zlib.gunzipSync(bytes)
  if (codec === 4) return zlib.zstdDecompressSync(bytes)
  throw new Error(`records are compressed by codec ${codec}, which virtbridge never writes and can not read`)
}
