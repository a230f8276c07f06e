import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { startKafka } from '../servers/kafka.ts'

test('a Kafka of one node keeps its ports and what was acknowledged over kill -9', async () => {
  await using server = await startKafka()
  const retry = { retries: 20, initialRetryTime: 50, maxRetryTime: 500 }
  const client = new Kafka({ brokers: [...server.brokers], retry, logLevel: logLevel.NOTHING })
  const admin = client.admin()
  const producer = client.producer({ retry })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => admin.disconnect())
  stack.defer(() => producer.disconnect())
  await admin.connect()
  await producer.connect()
  await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1, replicationFactor: 1 }] })
  await producer.send({ topic: 't', messages: [{ partition: 0, value: 'one' }] })
  await server.nodes[0]?.signal('SIGKILL')
  server.nodes[0]?.start()
  await server.ready()
  await producer.send({ topic: 't', messages: [{ partition: 0, value: 'two' }] })
  expect(await admin.fetchTopicOffsets('t')).toMatchObject([{ partition: 0, low: '0', high: '2' }])
})
