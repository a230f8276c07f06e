import type { Topics } from './chunk.ts'
import { Cursor } from './cursor.ts'
import { type Broker, errorOf, sendRaw } from './driver.ts'
import { Sink } from './sink.ts'

/** Who writes, as InitProducerId named it. */
export interface Producer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** As kafkajs says them too (https://kafka.apache.org/protocol#The_Messages_AddPartitionsToTxn): the last ones before KIP-360. */
const ADD_PARTITIONS = { apiKey: 24, apiVersion: 1, apiName: 'AddPartitionsToTxn' }
const END = { apiKey: 26, apiVersion: 1, apiName: 'EndTxn' }
/** What is said of every partition that is well when another one is not. */
const NOT_ATTEMPTED = 55

/** Takes partitions into the transaction of a producer, and begins it when it has none. Throws the first error of any of them. */
export async function addPartitions(coordinator: Broker, producer: Producer, topics: Topics): Promise<void> {
  const sink = saying(producer)
  sink.int32(topics.length)
  for (const { topic, partitions } of topics) {
    sink.string(topic)
    sink.int32(partitions.length)
    for (const partition of partitions) sink.int32(partition)
  }
  const cursor = new Cursor(await sendRaw(coordinator, ADD_PARTITIONS, sink.written()))
  cursor.skip(THROTTLE)
  for (let topics = cursor.int32(); topics > 0; topics -= 1) {
    cursor.string()
    for (let partitions = cursor.int32(); partitions > 0; partitions -= 1) {
      cursor.skip(4)
      const errorCode = cursor.int16()
      if (errorCode !== 0 && errorCode !== NOT_ATTEMPTED) throw errorOf(errorCode)
    }
  }
}

/** Commits the transaction of a producer: it is decided when this resolves. */
export async function commitTransaction(coordinator: Broker, producer: Producer): Promise<void> {
  const sink = saying(producer)
  sink.int8(1)
  const cursor = new Cursor(await sendRaw(coordinator, END, sink.written()))
  cursor.skip(THROTTLE)
  const errorCode = cursor.int16()
  if (errorCode !== 0) throw errorOf(errorCode)
}

/** How long a client is asked to wait; the broker makes it wait by itself. */
const THROTTLE = 4

function saying({ transactionalId, producerId, producerEpoch }: Producer): Sink {
  const sink = new Sink(512)
  sink.string(transactionalId)
  sink.int64(producerId)
  sink.int16(producerEpoch)
  return sink
}
