import { once } from 'node:events'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTopics } from '../../src/log/kafka/index.ts'
import { Session } from '../../src/log/kafka/session.ts'
import { eventOf, judge, load, promises } from '../chaos/load.ts'
import { killAgainAndAgain, startWriter } from '../chaos/lives.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 30_000, interval: 20 }

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

function node(): KafkaServer['nodes'][number] {
  const [one] = kafka.nodes
  if (one === undefined) throw new Error('no node')
  return one
}

test('a broker killed in the middle of a load, and one that hangs for longer than every time-out, lose and double nothing', async () => {
  await using folder = await temporaryFolder()
  const told: string[] = []
  const connection = { ...connectionTo(kafka.brokers), requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 }
  await using log = await openIn(folder.path, kafka.brokers, {
    connection,
    onHealth: health => told.push(health.writable ? 'writable' : health.reason),
  })
  const promised = promises(6)
  const stop = new AbortController()
  const before = process.memoryUsage().rss
  const loading = load(log, promised, stop.signal)
  const total = (): number => promised.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  const more = async (): Promise<void> => {
    const now = total()
    await expect.poll(total, SOON).toBeGreaterThan(now + 60)
  }
  await more()
  for (const hurt of ['kill', 'hang', 'kill'] as const) {
    const says = told.length
    if (hurt === 'kill') await node().signal('SIGKILL')
    else await node().signal('SIGSTOP')
    await expect.poll(() => told.length, SOON).toBeGreaterThan(says)
    expect(told.at(-1)).toMatch(/^Kafka does not take writes: /)
    expect(log.health().writable).toBe(false)
    if (hurt === 'kill') node().start()
    else await node().signal('SIGCONT')
    await more()
    expect(log.health()).toMatchObject({ writable: true, reason: '' })
  }
  stop.abort()
  await loading
  const { wrong, repeated, events } = await judge(log, promised)
  expect(wrong).toEqual([])
  expect(repeated).toBe(0)
  expect(events).toBe(total())
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
})

test('a writer that slept while another took over writes nothing when it wakes up, and hears that it is fenced', async () => {
  await using folder = await temporaryFolder()
  const keys = promises(3)
  const child = startWriter(folder.path, kafka.brokers, keys.map(({ key }) => key).join(','))
  const left = once(child.process, 'exit')
  await expect.poll(() => child.lines.length, SOON).toBeGreaterThan(100)
  child.process.kill('SIGSTOP')

  await using successor = await openIn(folder.path, kafka.brokers)
  const taken = await Promise.all(
    keys.map(async ({ key }) => {
      let last = 0
      for await (const entry of successor.latest('state.fleet')) {
        if (entry.key === key) last = (entry.value as { n: number }).n
      }
      await successor.append([
        { stream: 'events.vm', key, value: eventOf(key, last + 1) },
        { stream: 'state.fleet', key, value: { n: last + 1 } },
      ])
      return { key, attempted: last + 1, acknowledged: last + 1 }
    }),
  )
  child.process.kill('SIGCONT')
  await left
  expect(child.lines.slice(-3)).toEqual(['ended fenced', 'ended fenced', 'ended fenced'])
  // What the sleeper had been promised is there, what it tried afterwards is not: the successor's own writes go on.
  for (const line of child.lines.filter(line => line.startsWith('c'))) {
    const [key = '', n = ''] = line.split(' ')
    expect(Number(n)).toBeLessThanOrEqual(taken.find(one => one.key === key)?.acknowledged ?? 0)
  }
  await successor.append([{ stream: 'commands', key: 'after', value: {} }])
  expect(await judge(successor, taken)).toMatchObject({ wrong: [], repeated: 0 })
})

test('a writer killed at any moment: what was acknowledged is there, once and in order, and the next one goes on', async () => {
  await using folder = await temporaryFolder()
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
  const promised = await killAgainAndAgain(folder.path, kafka.brokers, { seed, lives: 4 })
  await using log = await openIn(folder.path, kafka.brokers)
  const { wrong, repeated, events } = await judge(log, promised)
  expect({ seed, wrong, repeated }).toEqual({ seed, wrong: [], repeated: 0 })
  expect(events).toBeGreaterThan(0)
})

// The same failure of one partition beside another that was written, once with kafkajs as it is meant to be used.
test('a send that fails in part loses the next record with an ordinary idempotent producer of kafkajs, and none here', async () => {
  const small = `small-${process.pid}`
  const client = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING })
  const admin = client.admin()
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => admin.disconnect())
  stack.defer(() => producer.disconnect())
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: '1000' }]
  await admin.createTopics({ topics: [{ topic: `${small}.events.day2`, numPartitions: 3, configEntries }] })
  await createTopics(connectionTo(kafka.brokers), planOf(small, 1))
  // A topic is there before its partitions have their leaders.
  for (const stream of ['events.vm', 'events.day2']) {
    const led = async (): Promise<number> =>
      (await admin.fetchTopicOffsets(`${small}.${stream}`).catch(() => [])).length
    await expect.poll(led, { timeout: 20_000 }).toBe(3)
  }
  await producer.connect()
  const value = 'x'.repeat(2_000)
  const messages = (value: string): { partition: number; value: string }[] => [{ partition: 0, value }]
  const failed = producer.sendBatch({
    topicMessages: [
      { topic: `${small}.events.vm`, messages: messages('first') },
      { topic: `${small}.events.day2`, messages: messages(value) },
    ],
  })
  await expect(failed).rejects.toThrow(/larger than the max/)
  await producer.send({ topic: `${small}.events.vm`, messages: messages('acknowledged') })
  // Two records, one refused and one acknowledged, of which only the refused one is there.
  const offsets = await admin.fetchTopicOffsets(`${small}.events.vm`)
  expect(offsets.map(({ high }) => high).sort()).toEqual(['0', '0', '1'])

  const options = { connection: connectionTo(kafka.brokers), prefix: small, partitions: 3, transactionalId: 'control' }
  const record = (stream: 'events.vm' | 'events.day2', text: string): Parameters<Session['commit']>[0][number] => {
    const [key, value] = [Buffer.from('c'), Buffer.from(JSON.stringify(text))]
    return { stream, partition: 0, key, value, headers: {}, bytes: value.length }
  }
  const open = (): Promise<Session> => Session.open({ ...options, compression: 0, transactionTimeoutMs: 10_000 })
  {
    await using session = await open()
    await expect(session.commit([record('events.vm', 'second'), record('events.day2', value)], 1)).rejects.toThrow(
      /larger/,
    )
  }
  await using session = await open()
  const placed = await session.commit([record('events.vm', 'second')], 2)
  // After the first record, the aborted one and its marker.
  expect(placed).toEqual([{ stream: 'events.vm', partition: 0, first: 3, next: 4 }])
})
