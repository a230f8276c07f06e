import type { Stream } from '../log.ts'
import type { OutgoingRecord } from './record.ts'
import { topicOf } from './topics.ts'

/** Bytes of one produce request for one partition. */
const CHUNK_BYTES = 1_048_576

/** Partitions as requests name them. */
export type Topics = readonly { readonly topic: string; readonly partitions: readonly number[] }[]

/** Records by their partitions. */
export function byPartition(records: readonly OutgoingRecord[], prefix: string): Map<string, Chunk> {
  const all = new Map<string, Chunk>()
  for (const record of records) {
    const topic = topicOf(prefix, record.stream)
    const id = `${topic}/${record.partition}`
    const chunk = all.get(id)
    if (chunk === undefined) {
      all.set(id, { id, topic, stream: record.stream, partition: record.partition, records: [record] })
    } else chunk.records.push(record)
  }
  return all
}

/** Records of one partition, in their order. */
export interface Chunk {
  readonly id: string
  readonly topic: string
  readonly stream: Stream
  readonly partition: number
  readonly records: OutgoingRecord[]
}

/** The partitions of these, by topic. */
export function partitionsOf(chunks: readonly Chunk[]): Topics {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of chunks) topics.set(topic, [...(topics.get(topic) ?? []), partition])
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

/** Takes of each partition as many records as one request may carry, at least one, and leaves the rest. */
export function takeChunks(rest: Map<string, Chunk>): readonly Chunk[] {
  return [...rest.values()].map(all => {
    let bytes = 0
    let count = 0
    for (const record of all.records) {
      if (count > 0 && bytes + record.bytes > CHUNK_BYTES) break
      bytes += record.bytes
      count += 1
    }
    const records = all.records.splice(0, count)
    if (all.records.length === 0) rest.delete(all.id)
    return { ...all, records }
  })
}
