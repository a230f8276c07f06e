import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Broker } from '../../../src/log/kafka/driver.ts'
import { typeOf } from '../../../src/log/kafka/errors.ts'
import { addPartitions, commitTransaction } from '../../../src/log/kafka/transaction.ts'

const require = createRequire(import.meta.url)
type Encoder = (request: object) => { readonly apiKey: number; encode(): Promise<{ readonly buffer: Buffer }> }
/** The encoders of kafkajs, which every broker has understood for years. */
const theirs = {
  addPartitions: require('kafkajs/src/protocol/requests/addPartitionsToTxn/v1/request') as Encoder,
  endTxn: require('kafkajs/src/protocol/requests/endTxn/v1/request') as Encoder,
}

interface Sent {
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode(): Promise<{ buffer: Buffer }> }
  readonly response: { decode(raw: Buffer): Promise<Buffer>; parse(raw: Buffer): Promise<unknown> }
}

/** The end of a connection: it answers everything so, and keeps what it was sent. */
function answering(answer: Buffer): Broker & { readonly sent: string[] } {
  const sent: string[] = []
  const send = async (given: unknown): Promise<unknown> => {
    const { request, response } = given as Sent
    sent.push(`${request.apiKey} v${request.apiVersion} ${(await request.encode()).buffer.toString('hex')}`)
    return response.parse(await response.decode(answer))
  }
  return { sent, connectionPool: { send, pool: [] } } as unknown as Broker & { readonly sent: string[] }
}

const PRODUCER = { transactionalId: 'virtbridge.writer', producerId: 7n, producerEpoch: 3 }

/** Kafka's name of what was thrown. */
function outcome(asked: Promise<void>): Promise<string> {
  return asked.then(
    () => 'well',
    (error: unknown) => typeOf(error),
  )
}

/** What a coordinator answers about partitions of one topic. */
function aboutPartitions(...errors: readonly number[]): Buffer {
  const each = errors.flatMap((error, partition) => [0, 0, 0, partition, 0, error])
  return Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, errors.length, ...each])
}

const producer = fc.record({
  transactionalId: fc.string({ unit: 'grapheme', maxLength: 200 }),
  producerId: fc.bigInt(0n, 2n ** 62n),
  producerEpoch: fc.nat(32_767),
})
const topics = fc.array(
  fc.record({ topic: fc.string({ maxLength: 249 }), partitions: fc.array(fc.nat(), { maxLength: 20 }) }),
  { maxLength: 8 },
)

test('what a coordinator is sent is what kafkajs would send, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(producer, topics, async (who, where) => {
      const broker = answering(aboutPartitions(0))
      await addPartitions(broker, who, where)
      await commitTransaction(broker, who)
      const same = { ...who, producerId: String(who.producerId), topics: where, transactionResult: true }
      const expected = [theirs.addPartitions(same), theirs.endTxn(same)].map(async request => {
        return `${request.apiKey} v1 ${(await request.encode()).buffer.toString('hex')}`
      })
      expect(broker.sent).toEqual(await Promise.all(expected))
    }),
  )
})

test.each([
  ['one that is well', [0, 0], 'well'],
  ['one that was refused, and another that was not tried for that', [55, 29], 'TOPIC_AUTHORIZATION_FAILED'],
  ['a transaction that is still being ended', [51, 51], 'CONCURRENT_TRANSACTIONS'],
  ['a producer that was replaced', [47, 47], 'INVALID_PRODUCER_EPOCH'],
])('of partitions a coordinator says %s', async (_, errors, type) => {
  const asked = addPartitions(answering(aboutPartitions(...errors)), PRODUCER, [{ topic: 't', partitions: [0, 1] }])
  expect(await outcome(asked)).toBe(type)
})

test.each([
  [0, 'well'],
  [47, 'INVALID_PRODUCER_EPOCH'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
])('of the end of a transaction a coordinator says %d', async (error, type) => {
  const asked = commitTransaction(answering(Buffer.from([0, 0, 0, 0, 0, error])), PRODUCER)
  expect(await outcome(asked)).toBe(type)
})
