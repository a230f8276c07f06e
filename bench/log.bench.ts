import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { type Entry, type EventLog, openSqliteLog } from '../src/log/index.ts'
import { createTopics, openKafkaLog } from '../src/log/kafka/index.ts'
import { connectionTo, planOf } from '../test/log/kafka/place.ts'
import { startKafka } from '../test/servers/kafka.ts'
import type { Measure } from './bench.ts'

export const name = 'log'

const PARTITIONS = 12
const MEASURE_MS = 6_000
const TURNS = 6
/** 1 KB as it is stored. */
const FILLER = 'x'.repeat(960)
const BATCH = 500
const APPENDS = 1_600
const WARM = 800
const YEAR_MS = 31_536_000_000

/** Both engines: events a second against the barest program, what an append waits, what a follower waits, what idling costs. */
export async function* run(): AsyncIterable<Measure> {
  yield* sqlite()
  yield* kafka()
}

async function* sqlite(): AsyncIterable<Measure> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
  try {
    const file = join(folder, 'log.db')
    await using log = await openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
    using bare = openBare(join(folder, 'bare.db'))
    // In turns, so that what else the machine does is the same for both.
    const [ours, theirs] = [new Rate(), new Rate()]
    for (let turn = 0; turn < TURNS; turn += 1) {
      bare.write(MEASURE_MS / TURNS, theirs)
      await write(log, MEASURE_MS / TURNS, ours)
    }
    const [value, floor] = [ours.perSecond, theirs.perSecond]
    const what = 'SQLite, 1 KB events durable'
    yield { what, value, unit: 'events/s', must: { of: 'value', atLeast: 100_000 } }
    yield { what: `${what}, of a bare loop`, value, unit: 'events/s', floor, must: { of: 'ratio', atLeast: 0.6 } }
    const { append, seen } = await latencies(log)
    yield { what: 'SQLite, append at 100/s, p50', value: at(append, 0.5), unit: 'ms' }
    yield {
      what: 'SQLite, append at 100/s, p99',
      value: at(append, 0.99),
      unit: 'ms',
      must: { of: 'value', atMost: 10 },
    }
    yield {
      what: 'SQLite, append to follower, p99',
      value: at(seen, 0.99),
      unit: 'ms',
      must: { of: 'value', atMost: 50 },
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* kafka(): AsyncIterable<Measure> {
  await using server = await startKafka({ asShipped: true })
  const connection = connectionTo(server.brokers)
  const topics = planOf('bench', 1, PARTITIONS)
  await createTopics(connection, topics)
  await using log = await openKafkaLog({ connection, topics, perCluster: 1, compression: 'none' })
  const idle = await idleShare()
  yield { what: 'Kafka, idle process, of a core', value: idle, unit: '%', must: { of: 'value', atMost: 1 } }
  await using bare = await barePace(server.brokers, 'bench.events.dead')
  const { append, seen } = await latencies(log, bare)
  for (const [share, name, atMost] of [
    [0.5, 'p50', 4],
    [0.99, 'p99', 20],
  ] as const) {
    const what = `Kafka, append at 100/s, ${name}; floor: a bare send between`
    const floor = at(bare.taken(), share)
    yield { what, value: at(append, share), unit: 'ms', floor, must: { of: 'value', atMost } }
  }
  yield { what: 'Kafka, append to follower, p99', value: at(seen, 0.99), unit: 'ms', must: { of: 'value', atMost: 50 } }
  const floor = await bareKafka(server.brokers, 'bench.events.cluster')
  const value = await throughput(log)
  const what = 'Kafka, 1 KB events acknowledged by all'
  yield { what, value, unit: 'events/s', must: { of: 'value', atLeast: 30_000 } }
  yield { what: `${what}, of bare kafkajs`, value, unit: 'events/s', floor, must: { of: 'ratio', atLeast: 0.7 } }
  yield await bootstrap(log)
}

/** Clusters whose keys are in twelve different partitions, or as many as chance gives. */
function entry(n: number): Entry {
  return { stream: 'events.vm', key: `cluster-${n % 97}/n/vm`, value: { n, filler: FILLER } }
}

/** Events in the time that they took, over several turns. */
class Rate {
  #events = 0
  #ms = 0

  add(events: number, ms: number): void {
    this.#events += events
    this.#ms += ms
  }

  get perSecond(): number {
    return this.#events / (this.#ms / 1000)
  }
}

async function throughput(log: EventLog): Promise<number> {
  const rate = new Rate()
  await write(log, MEASURE_MS, rate)
  return rate.perSecond
}

/** Sixty that append fifty events at a time, for so long. */
async function write(log: EventLog, ms: number, rate: Rate): Promise<void> {
  let done = 0
  const began = performance.now()
  const writer = async (): Promise<void> => {
    while (performance.now() - began < ms) {
      await log.append(Array.from({ length: 50 }, (_, n) => entry(done + n)))
      done += 50
    }
  }
  await Promise.all(Array.from({ length: 60 }, writer))
  rate.add(done, performance.now() - began)
}

/** What is measured between two appends, so that whatever else the machine does happens to both. */
interface Beside {
  send(n: number): Promise<void>
}

const nothing: Beside = { send: () => Promise.resolve() }

async function latencies(
  log: EventLog,
  beside: Beside = nothing,
): Promise<{ append: readonly number[]; seen: readonly number[] }> {
  const append: number[] = []
  const seen: number[] = []
  const began = new Map<number, number>()
  const stop = new AbortController()
  const following = (async () => {
    for await (const { value } of log.follow('events.vm', log.end('events.vm'), stop.signal)) {
      const { n } = value as { n: number }
      seen.push(performance.now() - (began.get(n) ?? 0))
    }
  })()
  const appends: Promise<void>[] = []
  for (let n = 0; n < APPENDS; n += 1) {
    const at = performance.now()
    began.set(n, at)
    appends.push(log.append([entry(n)]).then(() => void append.push(performance.now() - at)))
    await sleep(5)
    appends.push(beside.send(n))
    await sleep(5)
  }
  await Promise.all(appends)
  while (seen.length < APPENDS) await sleep(10)
  stop.abort()
  await following
  // The first ones warm up this process and the broker's.
  return { append: append.slice(WARM).sort((a, b) => a - b), seen: seen.slice(WARM).sort((a, b) => a - b) }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN
}

async function idleShare(): Promise<number> {
  await sleep(1_000)
  const before = process.cpuUsage()
  await sleep(5_000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 50_000
}

/** 100,000 records of state, read as a start reads them. */
async function bootstrap(log: EventLog): Promise<Measure> {
  for (let n = 0; n < 100_000; n += 1_000) {
    const keys = Array.from({ length: 1_000 }, (_, m) => `cluster-${(n + m) % 97}/n/vm-${n + m}`)
    await log.append(keys.map(key => ({ stream: 'state.fleet', key, value: { filler: FILLER } })))
  }
  const began = performance.now()
  let count = 0
  for await (const _ of log.latest('state.fleet')) count += 1
  const seconds = (performance.now() - began) / 1000
  const what = `Kafka, reading ${count} records of state to the end`
  return { what, value: seconds, unit: 's', must: { of: 'value', atMost: 5 } }
}

interface Bare extends Disposable {
  write(ms: number, rate: Rate): void
}

/** The barest program that stores events durably, with the batches of the log. */
function openBare(file: string): Bare {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec('CREATE TABLE event (seq INTEGER PRIMARY KEY, stream TEXT, key TEXT, value TEXT, at INTEGER)')
  const insert = db.prepare('INSERT INTO event (seq, stream, key, value, at) VALUES (?, ?, ?, ?, ?)')
  const value = JSON.stringify(entry(0).value)
  let seq = 0
  return {
    write(ms, rate) {
      const [from, began] = [seq, performance.now()]
      while (performance.now() - began < ms) {
        db.exec('BEGIN IMMEDIATE')
        for (let n = 0; n < BATCH; n += 1) insert.run((seq += 1), 'events.vm', 'cluster/n/vm', value, 0)
        db.exec('COMMIT')
      }
      rate.add(seq - from, performance.now() - began)
    },
    [Symbol.dispose]: () => db.close(),
  }
}

interface BarePace extends Beside, AsyncDisposable {
  /** How long each send took, in ms, sorted, without those that warm up. */
  taken(): readonly number[]
}

/** What one record waits in the ordinary idempotent producer of kafkajs: one request, where a transaction takes three. */
async function barePace(brokers: readonly string[], topic: string): Promise<BarePace> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({ idempotent: true })
  await producer.connect()
  const took: number[] = []
  return {
    async send(n) {
      const { key, value } = entry(n)
      const began = performance.now()
      await producer.send({
        topic,
        acks: -1,
        messages: [{ key, value: JSON.stringify(value), partition: n % PARTITIONS }],
      })
      took.push(performance.now() - began)
    },
    taken: () => took.slice(WARM).sort((a, b) => a - b),
    [Symbol.asyncDispose]: () => producer.disconnect(),
  }
}

/** The ordinary idempotent producer of kafkajs, one partition a send, all partitions at once, as many records a round as a commit has. */
async function bareKafka(brokers: readonly string[], topic: string): Promise<number> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({ idempotent: true })
  await producer.connect()
  const value = Buffer.from(JSON.stringify(entry(0).value))
  const messages = Array.from({ length: Math.floor(2_000 / PARTITIONS) }, () => ({ key: 'cluster/n/vm', value }))
  let done = 0
  const round = (): Promise<unknown> =>
    Promise.all(
      Array.from({ length: PARTITIONS }, async (_, partition) => {
        await producer.send({ topic, acks: -1, messages: messages.map(message => ({ ...message, partition })) })
        done += messages.length
      }),
    )
  await round()
  done = 0
  const began = performance.now()
  while (performance.now() - began < MEASURE_MS) await round()
  const perSecond = done / ((performance.now() - began) / 1000)
  await producer.disconnect()
  return perSecond
}
