import { Fault, messageOf } from '../../errors.ts'
import { LogError, type StateStream, type Stream, type Value } from '../log.ts'
import type { FetchedRecord } from './fetch-response.ts'
import { partitionOf, type Spread } from './partition.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { isEntry, valueOf } from './record.ts'
import { STREAMS } from './topics.ts'

/** What lies in a log, looked at without taking it over. */
export interface Glimpse {
  /** The latest value of a key; null when there is none. */
  latest(stream: StateStream, key: string): Promise<Value | null>
  /** The first stream in which there is anything of virtbridge's; null when the log is empty. */
  held(): Promise<Stream | null>
}

/** Looks at a log whose topics are there. Throws a Fault `log_kafka` when it can not be read. */
export async function glimpse<T>(
  options: ReaderOptions,
  perCluster: number,
  look: (log: Glimpse) => Promise<T>,
): Promise<T> {
  const { connection, partitions } = options
  try {
    await using reader = await Reader.open(options)
    return await look(looking(reader, { partitions, perCluster }))
  } catch (error) {
    if (error instanceof Fault || error instanceof LogError) throw error
    throw new Fault(
      'log_kafka',
      `can not read the log on Kafka at ${connection.brokers.join(', ')}: ${messageOf(error)}`,
      {
        hint: 'are all brokers up? virtbridge topics --acls prints the rights that its user needs',
        cause: error,
      },
    )
  }
}

function looking(reader: Reader, spread: Spread): Glimpse {
  return {
    async latest(stream, key) {
      const partition = partitionOf(key, spread)
      let found: Value | null = null
      for await (const record of records(reader, stream, partition)) {
        if (record.key?.toString() === key) found = valueOf(stream, record) ?? (record.value === null ? null : found)
      }
      return found
    },
    async held() {
      for (const stream of STREAMS) {
        for (let partition = 0; partition < spread.partitions; partition += 1) {
          for await (const record of records(reader, stream, partition)) if (isEntry(stream, record)) return stream
        }
      }
      return null
    },
  }
}

/** All that is committed of a partition, up to what is decided now. */
async function* records(reader: Reader, stream: Stream, partition: number): AsyncIterable<FetchedRecord> {
  const { first, next } = await reader.ends(stream)
  const end = next[partition] ?? 0
  for (let offset = first[partition] ?? 0; offset < end;) {
    const [found] = await reader.fetch([{ stream, partition, offset }], 50)
    for (const record of found?.records ?? []) if (record.offset < end) yield record
    offset = Math.max(offset, found?.nextOffset ?? 0)
  }
}
