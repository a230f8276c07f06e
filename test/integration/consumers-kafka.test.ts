import { afterAll, beforeAll, expect, test } from 'vitest'
import { pino } from 'pino'
import { ConsumerRegister } from '../../src/http/index.ts'
import type { Delivery } from '../../src/http/delivery.ts'
import { loadLedger } from '../../src/day2/index.ts'
import { type Entry, type EventLog, isAfter, type Stored } from '../../src/log/index.ts'
import { allowInvalidEvents } from '../event/seen.ts'
import { openIn, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

// What is appended here is a number and nothing else.
allowInvalidEvents()

const NAME = { token: 'eda', name: 'test', stream: 'events.vm' as const }
const EVERYTHING = { clusters: [], namespaces: [] }
const stack = new AsyncDisposableStack()
let kafka: KafkaServer
let folder: string

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path
  kafka = stack.use(await startKafka())
})
afterAll(() => stack.disposeAsync())

/** A bridge's log and its register of consumers; made anew, it is a restart. */
async function open(): Promise<{ log: EventLog; register: ConsumerRegister }> {
  const log = await openIn(folder, kafka.brokers, { topics: planOf('virtbridge', 1, 3) })
  const register = new ConsumerRegister({ log, now: Date.now, logger: pino({ level: 'silent' }) })
  await loadLedger(log, entry => register.restore(entry))
  return { log, register }
}

/** Numbered events, of VMs whose names lead to several partitions. */
function events(from: number, count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    return { stream: 'events.vm', key: `cluster-${n % 7}/shop/web-${n % 5}`, value: { n } }
  })
}

/** The next so many that a connection is sent. */
async function take(log: EventLog, delivery: Delivery, position: string, count: number): Promise<readonly Stored[]> {
  const leaving = new AbortController()
  const found: Stored[] = []
  const entries = delivery.deliver(log.follow('events.vm', position, leaving.signal), () => true, leaving.signal)
  for await (const entry of entries) {
    found.push(entry)
    if (found.length === count) leaving.abort()
  }
  return found
}

test('on Kafka, over several partitions: a consumer goes on after what it acknowledged, also after a restart, and nothing of it is a gap', async () => {
  const numberOf = ({ value }: Stored): number => (value as { n: number }).n
  let { log, register } = await open()
  const began = await register.open(NAME, { from: 'latest', scope: EVERYTHING })
  expect(began?.made).toBe(true)
  for (let batch = 0; batch < 6; batch += 1) await log.append(events(batch * 10, 10))
  if (began === null) throw new Error('there is no room')
  const first = await take(log, began.delivery, began.consumer.position, 60)
  expect(first.map(numberOf).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n))

  const half = first[29]?.position ?? ''
  expect(half === log.end('events.vm') || isAfter(log.end('events.vm'), half)).toBe(true)
  expect(await register.acknowledge(NAME, half)).toMatchObject({ position: half })
  await register.look()
  await log[Symbol.asyncDispose]()
  ;({ log, register } = await open())
  const again = await register.open(NAME, { from: 'latest', scope: EVERYTHING })
  expect(again).toMatchObject({ made: false, consumer: { position: half, gap: null } })
  if (again === null) throw new Error('there is no room')
  const rest = await take(log, again.delivery, half, 30)
  const seen = [...first.slice(0, 30), ...rest].map(numberOf)
  expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n))

  const last = rest.at(-1)?.position ?? ''
  await register.acknowledge(NAME, last)
  await register.look()
  expect(register.of('eda')).toMatchObject([{ position: last, pending: null, gap: null }])
  await log[Symbol.asyncDispose]()
})
