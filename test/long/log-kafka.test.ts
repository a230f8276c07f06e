import { setTimeout as sleep } from 'node:timers/promises'
import { basename, join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OUTBOX_BYTES } from '../../src/log/kafka/outbox.ts'
import { killAgainAndAgain } from '../chaos/lives.ts'
import { judge, type Judgement, load, promises } from '../chaos/load.ts'
import { conformance } from '../log/conformance.ts'
import { connectionTo, openIn } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const APPENDER = join(import.meta.dirname, '..', 'log', 'kafka', 'appender.ts')
const SOON = { timeout: 60_000, interval: 20 }

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka({ nodes: 3 })
}, 120_000)
afterAll(() => kafka[Symbol.asyncDispose]())

conformance('Kafka (three nodes)', {
  open: folder => openIn(folder, kafka.brokers),
  boundBytes: OUTBOX_BYTES,
  appender: folder => [APPENDER, folder, kafka.brokers.join(',')],
  prunes: false,
})

/** Runs `hurt` in the middle of a load and holds what is there afterwards to what was promised. */
async function under(hurt: (more: () => Promise<void>, prefix: string) => Promise<void>): Promise<Judgement> {
  await using folder = await temporaryFolder()
  const connection = { ...connectionTo(kafka.brokers), requestTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
  await using log = await openIn(folder.path, kafka.brokers, { connection })
  const promised = promises(6)
  const stop = new AbortController()
  const loading = load(log, promised, stop.signal)
  const total = (): number => promised.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  const more = async (): Promise<void> => {
    const now = total()
    await expect.poll(total, SOON).toBeGreaterThan(now + 60)
  }
  await more()
  await hurt(more, basename(folder.path))
  await more()
  stop.abort()
  await loading
  return await judge(log, promised)
}

const CLEAN = { wrong: [], repeated: 0 }

test('each of three brokers killed in turn during a load', async () => {
  const found = await under(async more => {
    for (const node of kafka.nodes) {
      await node.signal('SIGKILL')
      await more()
      node.start()
      await kafka.ready()
    }
  })
  expect(found).toMatchObject(CLEAN)
})

test('leaders moved by reassignment again and again during a load', async () => {
  await using stack = new AsyncDisposableStack()
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  stack.defer(() => admin.disconnect())
  await admin.connect()
  const found = await under(async (more, prefix) => {
    const topics = ['events.vm', 'state.fleet'].map(stream => `${prefix}.${stream}`)
    for (let round = 1; round <= 6; round += 1) {
      // The first replica leads; another set of replicas forces the move.
      const replicas = (partition: number): number[] => [0, 1].map(step => ((partition + round + step) % 3) + 1)
      const partitionAssignment = [0, 1, 2].map(partition => ({ partition, replicas: replicas(partition) }))
      await admin.alterPartitionReassignments({ topics: topics.map(topic => ({ topic, partitionAssignment })) })
      await more()
    }
  })
  expect(found).toMatchObject(CLEAN)
})

test('too few replicas in sync: writes wait, and go on when there are enough again', async () => {
  const found = await under(async more => {
    const [, second, third] = kafka.nodes
    await second?.signal('SIGSTOP')
    await third?.signal('SIGSTOP')
    await sleep(5_000)
    await second?.signal('SIGCONT')
    await third?.signal('SIGCONT')
    await more()
  })
  expect(found).toMatchObject(CLEAN)
})

test('a writer killed two hundred times at any moment', async () => {
  await using folder = await temporaryFolder()
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
  const promised = await killAgainAndAgain(folder.path, kafka.brokers, { seed, lives: 200 })
  await using log = await openIn(folder.path, kafka.brokers)
  const { wrong, repeated } = await judge(log, promised)
  expect({ seed, wrong, repeated }).toEqual({ seed, wrong: [], repeated: 0 })
})
