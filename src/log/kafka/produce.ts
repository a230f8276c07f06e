import { type Batch, sizeOf, writeBatch } from './batch.ts'
import { Cursor } from './cursor.ts'
import { type Broker, errorOf, sendRaw } from './driver.ts'
import { Sink } from './sink.ts'
import type { Producer } from './transaction.ts'

/** The batches of one transaction that go to one broker, each of another partition. */
export interface Produce {
  readonly producer: Producer
  /** How long the broker may wait for its replicas, in ms. */
  readonly timeoutMs: number
  readonly topics: ReadonlyMap<string, readonly Placing[]>
}

interface Placing extends Batch {
  readonly partition: number
}

/** As kafkajs says it too (https://kafka.apache.org/protocol#The_Messages_Produce): the last one before lengths became variable. */
const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' }
const ACKS_OF_ALL = -1

/** What a broker said of the batches. */
export interface Produced {
  /** The offset of the first record of each partition that has them, by `topic/partition`. */
  readonly offsets: ReadonlyMap<string, number>
  /** Why another partition has them not, the first that was refused; null when all have them. */
  readonly refusal: Error | null
}

/**
 * Sends one Produce, and gives where the records are.
 *
 * kafkajs makes a buffer for each record and each of its headers, and copies each four times; here it is written once.
 */
export async function produce(broker: Broker, request: Produce): Promise<Produced> {
  return readProduced(await sendRaw(broker, PRODUCE, await encodeProduce(request)))
}

/** What the broker answered: see `produce`. */
export function readProduced(answer: Buffer): Produced {
  const offsets = new Map<string, number>()
  let refusal: Error | null = null
  const cursor = new Cursor(answer)
  for (let topics = cursor.int32(); topics > 0; topics -= 1) {
    const topic = cursor.string()
    for (let partitions = cursor.int32(); partitions > 0; partitions -= 1) {
      const partition = cursor.int32()
      const errorCode = cursor.int16()
      const offset = cursor.int64()
      if (errorCode === 0) offsets.set(`${topic}/${partition}`, offset)
      else refusal ??= errorOf(errorCode)
      // The time of the append and the first offset of the partition: of no use here.
      cursor.skip(16)
    }
  }
  return { offsets, refusal }
}

/** The body of the request. */
export async function encodeProduce({ producer, timeoutMs, topics }: Produce): Promise<Buffer> {
  const records = [...topics.values()].flatMap(placings => placings.flatMap(({ records }) => records))
  const sink = new Sink(sizeOf(records))
  sink.string(producer.transactionalId)
  sink.int16(ACKS_OF_ALL)
  sink.int32(timeoutMs)
  sink.int32(topics.size)
  for (const [topic, placings] of topics) {
    sink.string(topic)
    sink.int32(placings.length)
    for (const placing of placings) {
      sink.int32(placing.partition)
      await writeBatch(sink, producer, placing)
    }
  }
  return sink.written()
}
