import { basename, join } from 'node:path'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EventLog, START } from '../../src/log/index.ts'
import { topicSpecs } from '../../src/log/kafka/index.ts'
import { OUTBOX_BYTES } from '../../src/log/kafka/outbox.ts'
import { startWriter, type Writer } from '../chaos/lives.ts'
import { eventOf, judge, judgeEvents, type Judgement, promises, type Promised, type Told } from '../chaos/load.ts'
import { Proxy } from '../chaos/proxy.ts'
import { liesOf } from '../chaos/timeline.ts'
import { conformance } from '../log/conformance.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const APPENDER = join(import.meta.dirname, '..', 'log', 'kafka', 'appender.ts')
const SOON = { timeout: 240_000, interval: 20 }

let kafka: KafkaServer
let proxy: Proxy
let client: Kafka
let admin: Admin
beforeAll(async () => {
  kafka = await startKafka({ nodes: 3, proxied: true })
  proxy = await Proxy.before(kafka.proxied)
  client = new Kafka({
    brokers: [...through()],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, maxRetryTime: 1_000 },
  })
  admin = client.admin()
  await admin.connect()
}, 300_000)
afterAll(async () => {
  await admin.disconnect()
  await proxy[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

/** The way to the brokers through the proxy. */
function through(): readonly string[] {
  return kafka.proxied.map(({ told }) => `127.0.0.1:${told}`)
}

conformance('Kafka (three nodes)', {
  open: (folder, more) => openIn(folder, kafka.brokers, more),
  boundBytes: OUTBOX_BYTES,
  appender: folder => [APPENDER, folder, kafka.brokers.join(',')],
  prunes: false,
})

/** Runs `hurt` in the middle of a load and holds what is there afterwards to what was promised, and what was said of health to what was so. */
async function under(hurt: (writer: Writer, prefix: string) => Promise<void>): Promise<Judgement> {
  await using folder = await temporaryFolder()
  const promised = promises(6)
  const keys = promised.map(({ key }) => key)
  await using writer = startWriter({ folder: folder.path, brokers: through(), keys, requestTimeoutMs: 1_000 }, promised)
  await writer.more()
  await hurt(writer, basename(folder.path))
  await writer.more()
  writer.process.kill('SIGKILL')
  await writer.ended
  await using log = await openIn(folder.path, kafka.brokers)
  const { wrong, ...counts } = await judge(log, promised)
  return { wrong: [...wrong, ...liesOf(writer.said, 4_000)], ...counts }
}

const CLEAN = { wrong: [], repeated: 0 }

test('each of three brokers killed in turn during a load', async () => {
  const found = await under(async writer => {
    for (const node of kafka.nodes) {
      await node.signal('SIGKILL')
      await writer.more()
      node.start()
      await kafka.ready()
    }
  })
  expect(found).toMatchObject(CLEAN)
})

test('the coordinator killed as it has just acknowledged, and the next transaction taken back, again and again', async () => {
  const found = await under(async writer => {
    for (let round = 0; round < 10; round += 1) {
      const node = kafka.nodes[await proxy.next('endTxn', 'through')]
      await node?.signal('SIGKILL')
      if (round % 2 === 0) void proxy.next('endTxn', 'through')
      const next = proxy.next('endTxn', 'before')
      node?.start()
      await next
      await kafka.ready()
      await writer.more(20)
    }
  })
  expect(found).toMatchObject(CLEAN)
})

test('leaders moved by reassignment in the middle of a send, again and again', async () => {
  const found = await under(async (writer, prefix) => {
    const topics = ['events.vm', 'state.fleet'].map(stream => `${prefix}.${stream}`)
    for (let round = 1; round <= 6; round += 1) {
      // The first replica leads; another set of replicas forces the move.
      const replicas = (partition: number): number[] => [0, 1].map(step => ((partition + round + step) % 3) + 1)
      const partitionAssignment = [0, 1, 2].map(partition => ({ partition, replicas: replicas(partition) }))
      await proxy.next('produce', 'through')
      await admin.alterPartitionReassignments({ topics: topics.map(topic => ({ topic, partitionAssignment })) })
      await writer.more()
    }
    // As many replicas as the log wants: else it is not opened again.
    const partitionAssignment = [0, 1, 2].map(partition => ({ partition, replicas: [1, 2, 3] }))
    await admin.alterPartitionReassignments({ topics: topics.map(topic => ({ topic, partitionAssignment })) })
  })
  expect(found).toMatchObject(CLEAN)
})

test.each(['produce', 'addPartitions', 'endTxn', 'initProducerId'] as const)(
  'a connection cut before and after %s, or an answer that never comes',
  async api => {
    const found = await under(async writer => {
      for (const moment of ['before', 'after', 'mute', 'after', 'before', 'mute'] as const) {
        const happened = proxy.next(api, moment)
        // A session begins when the one before failed.
        if (api === 'initProducerId') await proxy.next('endTxn', 'before')
        await happened
        await writer.more(20)
      }
    })
    expect(found).toMatchObject(CLEAN)
  },
)

/** Topics whose partitions are all led by the first node, and that want so many replicas in sync. */
async function createLedByFirst(prefix: string, inSync: number): Promise<void> {
  const specs = topicSpecs(planOf(prefix, 3))
  await admin.createTopics({
    topics: specs.map(({ topic, partitions, settings }) => ({
      topic,
      replicaAssignment: Array.from({ length: partitions }, (_, partition) => ({ partition, replicas: [1, 2, 3] })),
      configEntries: settings.map(({ name, value }) => ({
        name,
        value: name === 'min.insync.replicas' ? String(inSync) : value,
      })),
    })),
    waitForLeaders: false,
  })
  // The controller says that they are there before the brokers know of them.
  const names = specs.map(({ topic }) => topic)
  for (const broker of kafka.brokers) await expect.poll(() => known(broker, names).catch(String), SOON).toBe(true)
}

/** True when a broker knows of topics; kafkajs takes it for an error when it does not. */
async function known(broker: string, topics: string[]): Promise<boolean> {
  const asking = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
  try {
    await asking.connect()
    await asking.fetchTopicMetadata({ topics })
    return true
  } finally {
    await asking.disconnect()
  }
}

/** Appends to one key until it is told to stop, or the log is closed. */
async function append(log: EventLog, mine: Promised, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const n = mine.attempted + 1
    mine.attempted = n
    await log.append([
      { stream: 'events.vm', key: mine.key, value: eventOf(mine.key, n) },
      { stream: 'state.fleet', key: mine.key, value: { n } },
    ])
    mine.acknowledged = n
  }
}

/** Takes down the numbers of the events that a follower from the beginning is told, in their order. */
async function hear(log: EventLog, heard: number[], stop: AbortSignal): Promise<void> {
  for await (const { value } of log.follow('events.vm', START, stop)) heard.push((value as Told).n)
}

test.each([
  { what: 'two of three brokers hang', inSync: 2, down: [1, 2], end: 'SIGSTOP' },
  { what: 'two of three brokers are gone', inSync: 2, down: [1, 2], end: 'SIGKILL' },
  { what: 'one is gone and three have to be in sync', inSync: 3, down: [2], end: 'SIGKILL' },
] as const)(
  'too few replicas in sync ($what): writes wait and nothing is acknowledged, what is there can be read, health says so; it goes on afterwards',
  async ({ inSync, down, end }) => {
    await using folder = await temporaryFolder()
    await createLedByFirst(basename(folder.path), inSync)
    const connection = { ...connectionTo(kafka.brokers), requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 }
    await using log = await openIn(folder.path, kafka.brokers, { connection })
    const [mine] = promises(1)
    if (mine === undefined) throw new Error('no promise')
    const stop = new AbortController()
    await using stack = new AsyncDisposableStack()
    const heard: number[] = []
    const following = hear(log, heard, stop.signal)
    const appending = append(log, mine, stop.signal)
    appending.catch(() => undefined)
    stack.defer(() => stop.abort())
    await expect.poll(() => mine.acknowledged, SOON).toBeGreaterThan(50)
    const nodes = down.map(index => kafka.nodes[index])
    for (const node of nodes) await node?.signal(end)
    let back = false
    const bringBack = async (): Promise<void> => {
      if (back) return
      back = true
      for (const node of nodes) {
        if (end === 'SIGSTOP') await node?.signal('SIGCONT')
        else node?.start()
      }
    }
    // Whatever fails here, the next case has its brokers.
    stack.defer(() => kafka.ready())
    stack.defer(bringBack)
    await expect.poll(() => log.health().reason, SOON).toMatch(/^Kafka does not take writes: /)
    expect(log.health().writable).toBe(false)
    const acknowledged = mine.acknowledged
    for (let look = 0; look < 5; look += 1) {
      const page = await log.page('events.vm', START, 500)
      const numbers = page.map(({ value }) => (value as Told).n)
      expect(numbers).toEqual(Array.from(numbers, (_, index) => index + 1))
      // Its end is decided, which is why it was acknowledged; its markers may have to wait for the replicas, and with them who reads it.
      expect(numbers.length).toBeGreaterThanOrEqual(Math.min(500, acknowledged - 1))
      expect(mine.acknowledged).toBe(acknowledged)
      expect(log.health().writable).toBe(false)
    }
    // Who follows in this process was told when it was acknowledged.
    await expect.poll(() => heard.length, SOON).toBeGreaterThanOrEqual(acknowledged)
    await bringBack()
    await expect.poll(() => mine.acknowledged, SOON).toBeGreaterThan(acknowledged + 50)
    expect(log.health()).toMatchObject({ writable: true, reason: '' })
    await expect.poll(() => heard.length, SOON).toBeGreaterThan(acknowledged + 50)
    stop.abort()
    await Promise.all([appending, following])
    // Nothing that was acknowledged is missing now, the one that could not be read neither.
    expect(await judge(log, [mine])).toMatchObject(CLEAN)
    expect(heard).toEqual(Array.from(heard, (_, index) => index + 1))
  },
)

// The request times out after the watchdog bit: a commit may wait for the one before it, and for its replicas, until nearly that.
test('an answer to the end of a commit that comes too late for the watchdog too: the commit counts and is not written again', async () => {
  await using folder = await temporaryFolder()
  const connection = { ...connectionTo(through()), requestTimeoutMs: 120_000 }
  await using log = await openIn(folder.path, through(), { connection })
  const [mine] = promises(1)
  if (mine === undefined) throw new Error('no promise')
  const stop = new AbortController()
  const appending = append(log, mine, stop.signal)
  await expect.poll(() => mine.acknowledged, SOON).toBeGreaterThan(10)
  await proxy.next('endTxn', 'mute')
  const muted = mine.acknowledged
  await expect.poll(() => mine.acknowledged, SOON).toBeGreaterThan(muted + 10)
  stop.abort()
  await appending
  expect(await judge(log, [mine])).toMatchObject(CLEAN)
})

// What is lost there must be found lost by the same judge that finds nothing lost above.
test('the control: an ordinary idempotent producer of kafkajs, two partitions a send, loses what it acknowledged when a leader moves', async () => {
  const topic = `control-${process.pid}`
  const replicaAssignment = [
    { partition: 0, replicas: [1, 2, 3] },
    { partition: 1, replicas: [2, 3, 1] },
  ]
  await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: true })
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
  await using stack = new AsyncDisposableStack()
  await producer.connect()
  stack.defer(() => producer.disconnect())
  const promised = promises(2)
  const [first] = kafka.nodes
  for (let n = 1; n <= 20; n += 1) {
    for (const one of promised) one.attempted = n
    if (n === 10) void proxy.next('produce', 'before', 0).then(() => first?.signal('SIGKILL'))
    const messages = promised.map(({ key }, partition) => ({ partition, key, value: JSON.stringify(eventOf(key, n)) }))
    await producer.send({ topic, messages })
    for (const one of promised) one.acknowledged = n
  }
  first?.start()
  await kafka.ready()
  const byKey = new Map<string, Told[]>()
  const consumer = client.consumer({ groupId: topic })
  stack.defer(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let last = 0
  await consumer.run({
    eachMessage: ({ message }) => {
      const key = message.key?.toString() ?? ''
      const told = JSON.parse(message.value?.toString() ?? '') as Told
      byKey.set(key, [...(byKey.get(key) ?? []), told])
      if (told.n === 20) last += 1
      return Promise.resolve()
    },
  })
  await expect.poll(() => last, SOON).toBe(2)
  expect(judgeEvents(byKey, promised).wrong).toContainEqual('c0/n/vm: 10 was acknowledged and is lost')
})
