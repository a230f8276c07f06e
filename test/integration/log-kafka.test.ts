import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Admin, type EachMessagePayload, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { followHistory, History, Ledger, newRun } from '../../src/day2/index.ts'
import { finished } from '../../src/day2/record.ts'
import { runProgram } from '../../src/cli/program.ts'
import {
  type Entry,
  type LogHealth,
  type Position,
  RECORDS_VERSION,
  type Stored,
  type Stream,
} from '../../src/log/index.ts'
import { createTopics, openKafkaLog, topicSpecs } from '../../src/log/kafka/index.ts'
import { OUTBOX_BYTES } from '../../src/log/kafka/outbox.ts'
import { guest, meant, uuid } from '../day2/guest.ts'
import { all, conformance, latest } from '../log/conformance.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { versions } from '../log/versions.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const APPENDER = join(import.meta.dirname, '..', 'log', 'kafka', 'appender.ts')

const CLUSTERS = [{ name: 'c', in_cluster: true }]

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

conformance('Kafka', {
  open: (folder, more) => openIn(folder, kafka.brokers, more),
  boundBytes: OUTBOX_BYTES,
  appender: folder => [APPENDER, folder, kafka.brokers.join(',')],
  prunes: false,
})

async function admin(): Promise<Admin & AsyncDisposable> {
  const client = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.disconnect() })
}

test('what retention took is passed over: pages and followers begin with what is left', async () => {
  await using folder = await temporaryFolder()
  await using log = await openIn(folder.path, kafka.brokers)
  for (let n = 0; n < 6; n += 1) await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n } }])
  const stored = await all(log, 'events.vm')
  await using client = await admin()
  const topic = `${basename(folder.path)}.events.vm`
  const offsets = await client.fetchTopicOffsets(topic)
  const [{ partition, high } = { partition: 0, high: '0' }] = offsets.sort((a, b) => Number(b.high) - Number(a.high))
  // Each commit is a record and its marker: what is left are the last three.
  await client.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(Number(high) - 6) }] })
  expect(await all(log, 'events.vm')).toEqual(stored.slice(3))
  await using again = await openIn(folder.path, kafka.brokers)
  const stop = new AbortController()
  const heard: Stored[] = []
  for await (const entry of again.follow('events.vm', stored[0]?.position ?? '', stop.signal)) {
    heard.push(entry)
    if (heard.length === 3) stop.abort()
  }
  expect(heard).toEqual(stored.slice(3))
})

test('a position after the end was of records that are gone: their partition is read as a whole', async () => {
  await using folder = await temporaryFolder()
  await using log = await openIn(folder.path, kafka.brokers)
  const position = await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: {} }])
  const stored = await all(log, 'events.vm')
  const beyond = position.split('.').map(offset => `${offset}zz`)
  expect(await log.page('events.vm', beyond.join('.'), 10)).toEqual(stored)
  expect(log.health()).toMatchObject({ writable: true, readable: true })
})

test('what somebody else wrote into a topic and is no entry is passed over by all who read, and told once; nothing of ours is', async () => {
  await using folder = await temporaryFolder()
  const notices: string[] = []
  const onHealth = ({ notice = '' }: LogHealth): void => void notices.push(notice)
  await using log = await openIn(folder.path, kafka.brokers, { onHealth })
  const stop = new AbortController()
  const heard: unknown[] = []
  const following = (async () => {
    for await (const { value } of log.follow('events.vm', '', stop.signal)) heard.push(value)
  })()
  const write = (n: number): Promise<Position> => {
    const entry = { key: 'c/n/vm', value: { n } }
    return log.append([
      { stream: 'events.vm', ...entry },
      { stream: 'state.fleet', ...entry },
    ])
  }
  await write(0)
  const producer = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const partitions = [0, 1, 2]
  const texts = ['no JSON', '', '"text"', '{bad}', '{"n": 7', null]
  // Of another time, too: clocks differ, and whoever writes may say any time up to an hour ahead.
  const later = Date.now() + 1_800_000
  const garbage = texts.flatMap((value, n) =>
    partitions.map(partition => ({ key: 'c/n/vm', value, partition, timestamp: String(n % 2 === 0 ? 1 : later) })),
  )
  const noKey = partitions.map(partition => ({ value: '{"n":8}', partition }))
  const topic = (stream: Stream): string => `${basename(folder.path)}.${stream}`
  await producer.send({ topic: topic('events.vm'), messages: [...garbage, ...noKey] })
  const some = garbage.filter(({ value }) => value !== null)
  // Before any entry of its key, and after one.
  const messages = [...some, ...some.map(one => ({ ...one, key: 'c/n/other' }))]
  await producer.send({ topic: topic('state.fleet'), messages })
  await producer.disconnect()
  await write(1)
  await expect.poll(() => heard, { timeout: 60_000 }).toEqual([{ n: 0 }, { n: 1 }])
  expect((await all(log, 'events.vm')).map(({ value }) => value)).toEqual([{ n: 0 }, { n: 1 }])
  const states = async (): Promise<unknown> => (await latest(log, 'state.fleet')).map(({ key, value }) => [key, value])
  expect(await states()).toEqual([['c/n/vm', { n: 1 }]])
  await log.append([{ stream: 'state.fleet', key: 'c/n/other', value: { n: 2 } }])
  expect(await states()).toContainEqual(['c/n/other', { n: 2 }])
  const passed = (texts.length + 1) * 3 + some.length * 2
  await expect.poll(() => log.health().notice, { timeout: 60_000 }).toContain(`${passed} records that are no entry`)
  expect(log.health()).toMatchObject({ writable: true, readable: true, reason: '' })
  expect(notices.filter(notice => notice !== '')).toHaveLength(1)
  stop.abort()
  await following
})

test('events carry the headers of CloudEvents, none of them null, and an ordinary consumer reads them', async () => {
  await using folder = await temporaryFolder()
  await using log = await openIn(folder.path, kafka.brokers)
  const event = {
    specversion: '1.0',
    id: '6a6a1f7e-0000-5000-8000-000000000001',
    source: '/hubs/hub1/clusters/prod-1',
    type: 'io.virtbridge.vm.started.v1',
    subject: 'prod-1/shop/wéb-1',
    time: '2026-11-21T10:00:00Z',
    data: {},
  }
  await log.append([
    { stream: 'events.vm', key: 'prod-1/shop/wéb-1', value: event },
    { stream: 'state.fleet', key: 'prod-1/shop/wéb-1', value: { schema: 1 } },
  ])
  const consumer = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).consumer({
    groupId: folder.path,
    // It does not leave before the fetch that is on its way is answered.
    maxWaitTimeInMs: 100,
  })
  await consumer.connect()
  const heard: EachMessagePayload[] = []
  await consumer.subscribe({ topics: [`${basename(folder.path)}.events.vm`], fromBeginning: true })
  await consumer.run({ eachMessage: message => Promise.resolve(void heard.push(message)) })
  await expect.poll(() => heard.length, { timeout: 60_000 }).toBe(1)
  await consumer.disconnect()
  const { key, value, headers } = heard[0]?.message ?? {}
  expect(key?.toString()).toBe('prod-1/shop/wéb-1')
  expect(JSON.parse(value?.toString() ?? '')).toEqual(event)
  expect(Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, value?.toString()]))).toEqual({
    'content-type': 'application/cloudevents+json; charset=UTF-8',
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_source: event.source,
    ce_type: event.type,
    ce_subject: event.subject,
    ce_time: event.time,
    message_uuid: event.id,
  })
})

test('a topic that is not as it has to be is a fault that names it and the command that shows it; nothing is changed', async () => {
  await using folder = await temporaryFolder()
  const prefix = basename(folder.path)
  const plan = planOf(prefix, 1)
  await createTopics(connectionTo(kafka.brokers), plan)
  const opening = openIn(folder.path, kafka.brokers, {
    topics: { ...plan, partitions: 6, retentionMs: plan.retentionMs * 2 },
  })
  await expect(opening).rejects.toMatchObject({
    code: 'log_topics',
    hint: expect.stringContaining('virtbridge topics') as string,
    message: expect.stringMatching(/events\.vm has 3 partitions, not 6; .*retention\.ms is 604800000/) as string,
  })
  await using log = await openIn(folder.path, kafka.brokers)
  expect(log.health().writable).toBe(true)
})

test('a log whose topics are created while it is opened is opened, and says that it waited for them', async () => {
  await using folder = await temporaryFolder()
  const [connection, topics] = [connectionTo(kafka.brokers), planOf(basename(folder.path), 1)]
  let created: Promise<unknown> = Promise.resolve()
  const told: string[] = []
  await using log = await openKafkaLog({
    connection,
    topics,
    perCluster: 1,
    compression: 'none',
    onUnseenTopics: names => {
      told.push(...names)
      created = createTopics(connection, topics)
    },
  })
  await created
  expect(told).toEqual(topicSpecs(topics).map(({ topic }) => topic))
  expect(log.health().writable).toBe(true)
})

test('the index of what was done is made anew from Kafka, every result once, and goes on where it stood', async () => {
  await using folder = await temporaryFolder()
  await using log = await openIn(folder.path, kafka.brokers)
  const file = join(folder.path, 'history.db')
  const say = (from: number, to: number): Promise<unknown> =>
    Promise.all(Array.from({ length: to - from }, (_, index) => log.append(resultsOf(from + index))))
  const indexed = async (results: number): Promise<readonly string[]> => {
    using history = new History(file)
    const stop = new AbortController()
    const parts = { log, now: () => Date.now(), keepMs: 1e12, signal: stop.signal, tell: () => undefined }
    const following = followHistory(history, parts)
    await vi.waitFor(() => expect(history.page({ limit: 1_000 }).rows).toHaveLength(results), 20_000)
    stop.abort()
    await following
    return history.page({ limit: 1_000 }).rows.map(({ run, host, outcome }) => `${run} ${host} ${outcome}`)
  }
  await say(0, 40)
  const first = await indexed(120)
  await say(40, 60)
  const grown = await indexed(180)
  expect(grown).toEqual(expect.arrayContaining([...first]))
  await rm(file)
  expect((await indexed(180)).toSorted()).toEqual(grown.toSorted())
})

/** The entries of a run on three hosts that has ended: two results and one that was left out. */
function resultsOf(number: number): readonly Entry[] {
  const hosts = ['web-1', 'web-2', 'web-3'].map(name => meant(guest(name)))
  const wish = { id: uuid(number), verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts }
  const outcomes = new Map(
    hosts.map(({ host }, index) => [host, { outcome: index === 0 ? 'failed' : 'ok', detail: 'd' } as const]),
  )
  return finished(newRun(wish, Date.now()), outcomes, '', { ledger: new Ledger(), now: Date.now() }).entries
}

test('brokers that do not answer are a fault that names them', async () => {
  const connection = { ...connectionTo(['127.0.0.1:1']), connectTimeoutMs: 200 }
  const opening = openKafkaLog({ connection, topics: planOf('x', 1), perCluster: 1, compression: 'none' })
  await expect(opening).rejects.toMatchObject({
    code: 'log_kafka',
    message: expect.stringContaining('127.0.0.1:1') as string,
  })
})

/** Accepts connections and says nothing, as a broker does that is stopped. */
async function hangingBroker(): Promise<{ address: string } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => void sockets.add(socket.on('error', () => undefined)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}

test('brokers of the list that hang or refuse keep nobody from the others, whichever is asked first', async () => {
  await using folder = await temporaryFolder()
  await using hanging = await hangingBroker()
  // Nobody listens on this port.
  const brokers = [hanging.address, '127.0.0.1:1', ...kafka.brokers]
  const connection = { ...connectionTo(brokers), connectTimeoutMs: 400, requestTimeoutMs: 120_000 }
  const topics = planOf(basename(folder.path), 1)
  const began = performance.now()
  for (const _first of brokers) await createTopics(connection, topics)
  await using log = await openKafkaLog({ connection, topics, perCluster: 1, compression: 'none' })
  await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: {} }])
  expect(await all(log, 'events.vm')).toHaveLength(1)
  // One request that waits for its time-out would take as long.
  expect(performance.now() - began).toBeLessThan(100_000)
})

test('virtbridge topics creates what is missing, then finds all well; check covers the same', async () => {
  await using folder = await temporaryFolder()
  const log = { kafka: { brokers: kafka.brokers, topic_prefix: basename(folder.path), partitions: 2, replicas: 1 } }
  const config = await fileIn(folder.path, 'virtbridge.yaml', stringify({ log, clusters: CLUSTERS }))
  const program = async (...argv: string[]): Promise<{ code: number; text: string }> => {
    const lines: string[] = []
    const say = (line: string): void => void lines.push(line)
    const terminal = { out: say, err: say, colours: false, interactive: false, ask: () => Promise.resolve(false) }
    const around = { env: {}, now: () => Date.now(), newId: () => randomUUID() }
    const context = { ...around, signal: new AbortController().signal, terminal }
    const code = await runProgram([...argv, '--config', config], context)
    return { code, text: lines.join('\n') }
  }
  const before = await program('topics')
  expect(before).toMatchObject({ code: 3, text: expect.stringContaining('state.runs does not exist') as string })
  expect((await program('check')).text).toMatch(/FAIL {2}log on Kafka.*does not exist/)
  expect(await program('topics', '--create')).toMatchObject({
    code: 0,
    text: expect.stringContaining('(created)') as string,
  })
  const after = await program('topics')
  expect(after).toMatchObject({ code: 0, text: expect.not.stringMatching(/FAIL|created/) as string })
  expect((await program('check')).text).toMatch(/ok {4}log on Kafka at .*7 topics are as they have to be/)
  expect((await program('topics', '--acls')).text).toContain(`--transactional-id '${basename(folder.path)}.writer'`)
})

versions('Kafka', {
  kinds: 1,
  config: folder => ({
    kafka: { brokers: kafka.brokers, topic_prefix: basename(folder), partitions: 3, replicas: 1 },
  }),
  open: folder => openIn(folder, kafka.brokers),
})

test('a log that a newer program writes is refused before it is taken over: the newer one goes on', async () => {
  await using folder = await temporaryFolder()
  await using running = await openIn(folder.path, kafka.brokers)
  await running.append([{ stream: 'state.fleet', key: 'c', value: { schema: 1 } }])
  const claim = { schema: 3, writer: 'newer', host: 'h', pid: 1, since: '', partitions: 3, per_cluster: 1, records: 7 }
  const producer = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const timestamp = String(Date.now() + 1_000)
  for (const stream of ['state.fleet', 'state.runs'])
    for (const partition of [0, 1, 2]) {
      const message = { partition, key: '__writer', value: JSON.stringify(claim), timestamp }
      await producer.send({ topic: `${basename(folder.path)}.${stream}`, messages: [message] })
    }
  await producer.disconnect()
  await expect(openIn(folder.path, kafka.brokers)).rejects.toMatchObject({
    code: 'log_newer',
    message: `the log ${basename(folder.path)}.* is written by a newer virtbridge (records 7, this one knows ${RECORDS_VERSION})`,
    hint: expect.stringContaining('start the newer version again') as string,
  })
  await running.append([{ stream: 'state.fleet', key: 'c', value: { schema: 1 } }])
  expect(running.health()).toMatchObject({ writable: true })
})
