import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { OUTBOX_BYTES } from '../../src/log/kafka/outbox.ts'
import { conformance } from '../log/conformance.ts'
import { openIn } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'

const APPENDER = join(import.meta.dirname, '..', 'log', 'kafka', 'appender.ts')

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

conformance('Kafka', {
  open: folder => openIn(folder, kafka.brokers),
  boundBytes: OUTBOX_BYTES,
  appender: folder => [APPENDER, folder, kafka.brokers.join(',')],
  prunes: false,
})
