import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { MOVE_KEY, moveOf } from '../../src/log/move.ts'
import { EXIT } from '../../src/cli/exit.ts'
import { loadLedger } from '../../src/day2/index.ts'
import { type Entry, type EventLog, EVENT_STREAMS, openSqliteLog, type StateStream } from '../../src/log/index.ts'
import { createTopics, glimpse } from '../../src/log/kafka/index.ts'
import { virtbridge } from '../cli/console.ts'
import { all, latest } from '../log/conformance.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { startClusters } from '../service/clusters.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const SOON = { timeout: 60_000, interval: 20 }
const MORE_EVENTS = 40_000

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

function open(file: string): Promise<EventLog> {
  return openSqliteLog({ file, retentionMs: 1e12, auditRetentionMs: 1e12 })
}

function kafkaConfig(prefix: string): { kafka: object } {
  return { kafka: { brokers: kafka.brokers, topic_prefix: prefix, partitions: 3, replicas: 1 } }
}

/** What a bridge without a controller does not do by itself: runs, commands of which two of three were taken in, and very many events. */
async function live(file: string): Promise<void> {
  await using log = await open(file)
  const command = (n: number): Entry => ({
    stream: 'commands',
    key: `c${n}`,
    value: { schema: 1, kind: 'confirm', id: `c${n}`, cluster: 'none', asked_by: 'x' },
  })
  await log.append([command(1)])
  const position = await log.append([command(2)])
  const filler = 'x'.repeat(500)
  for (let n = 0; n < MORE_EVENTS; n += 1_000) {
    const event = (m: number): Entry => ({
      stream: 'events.day2',
      key: `dev-1/shop/vm-${m % 50}`,
      value: { id: `old-${n + m}`, filler },
    })
    await log.append(Array.from({ length: 1_000 }, (_, m) => event(m)))
  }
  await log.append([
    {
      stream: 'state.runs',
      key: 'vm/gone/onboard',
      value: { schema: 1, uid: 'gone', verb: 'onboard', status: 'ok', at: 1, run: 'r', asked_by: 'x', detail: '' },
    },
    { stream: 'state.runs', key: 'position/commands', value: { schema: 1, kind: 'position', position } },
  ])
  await log.append([command(3)])
}

/** What a log says: each event stream in the order of each key, each state by its keys. */
async function content(log: EventLog): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const stream of EVENT_STREAMS) {
    const keys = new Map<string, unknown[]>()
    for (const { key, value } of await all(log, stream))
      keys.set(key, [...(keys.get(key) ?? []), 'id' in (value ?? {}) ? (value as { id: string }).id : value])
    found[stream] = Object.fromEntries(keys)
  }
  for (const stream of ['state.fleet', 'state.runs'] as const) found[stream] = await state(log, stream)
  return found
}

async function state(log: EventLog, stream: StateStream): Promise<Record<string, unknown>> {
  const entries = (await latest(log, stream)).filter(({ key }) => key !== MOVE_KEY && key !== 'position/commands')
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

async function synced(bridge: Bridge): Promise<void> {
  await expect
    .poll(async () => JSON.stringify(await bridge.api.get('/api/v1/clusters')), SOON)
    .toContain('"status":"synced"')
}

test('a log is carried to Kafka, killed in the middle and gone on; a bridge does not start on half of it, and goes on on all of it', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'dev-1')
  const shared = { clusters: clusters.config }
  const file = join(folder.path, 'virtbridge.db')
  {
    await using bridge = await startBridge(folder.path, shared)
    await synced(bridge)
    clusters.worlds['dev-1']?.addVm('web-2')
    clusters.worlds['dev-1']?.boot('web-2')
    await expect
      .poll(async () => (await bridge.facts('web-2.shop.dev-1')).length + (await bridge.events()).length, SOON)
      .toBeGreaterThan(3)
  }
  await live(file)
  const prefix = basename(folder.path)
  const log = kafkaConfig(prefix)
  const config = await fileIn(folder.path, 'kafka.yaml', stringify({ log, ...shared }))
  const command = ['log', 'copy', '--from', file, '--config', config, '--json']

  const without = await virtbridge(command)
  expect(without).toMatchObject({
    code: EXIT.fault,
    err: expect.stringContaining('virtbridge topics --create') as string,
  })
  const plan = planOf(prefix, 1)
  await createTopics(connectionTo(kafka.brokers), plan)

  const child = spawn(process.execPath, [MAIN, ...command], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  const left = once(child, 'exit')
  const reading = { connection: connectionTo(kafka.brokers), prefix, partitions: 3 }
  const copied = async (): Promise<number> =>
    moveOf(await glimpse(reading, 1, found => found.latest('state.runs', MOVE_KEY)))?.entries ?? 0
  await expect.poll(copied, { timeout: 60_000, interval: 1 }).toBeGreaterThan(0)
  child.kill('SIGKILL')
  await left
  const half = await copied()
  expect(half).toBeLessThan(MORE_EVENTS)
  await expect(startBridge(folder.path, { log, ...shared })).rejects.toMatchObject({
    code: 'log_half_copied',
    hint: expect.stringContaining('virtbridge log copy --from') as string,
  })

  const checked = await virtbridge(['check', '--config', config])
  expect(checked.out).toMatch(/FAIL {2}log on Kafka .*a copy that was not finished/)

  const went = await virtbridge(command)
  expect(went).toMatchObject({ code: EXIT.ok, err: '' })
  const told = JSON.parse(went.out) as { before: number; entries: number }
  expect(told.before).toBeGreaterThanOrEqual(half)
  expect(told.entries).toBeGreaterThan(MORE_EVENTS)
  const before = await open(file)
  const expected = await content(before)
  await before[Symbol.asyncDispose]()
  {
    await using there = await openIn(folder.path, kafka.brokers)
    expect(await content(there)).toEqual(expected)
    const { ledger } = await loadLedger(there)
    expect((await all(there, 'commands', ledger.commands)).map(({ key }) => key)).toEqual(['c3'])
  }
  // Another log does not come on top of it.
  const other = await temporaryFolder()
  await (await open(join(other.path, 'other.db')))[Symbol.asyncDispose]()
  const refused = await virtbridge(['log', 'copy', '--from', join(other.path, 'other.db'), '--config', config])
  expect(refused).toMatchObject({ code: EXIT.fault, err: expect.stringContaining('copied from another log') as string })
  await other[Symbol.asyncDispose]()

  {
    await using bridge = await startBridge(folder.path, { log, ...shared })
    await synced(bridge)
    const heard = (await bridge.events()).length
    clusters.worlds['dev-1']?.addVm('web-3')
    // The first fact after the move is the first thing that happened after it.
    await expect
      .poll(async () => (await bridge.events()).slice(heard).map(({ data }) => `${data.host} ${data.fact}`), SOON)
      .toContain('web-3.shop.dev-1 created')
  }
  await using after = await openIn(folder.path, kafka.brokers)
  const now = await content(after)
  const vms = now['events.vm'] as Record<string, unknown[]>
  for (const [key, ids] of Object.entries(expected['events.vm'] as Record<string, unknown[]>)) {
    // What becomes of a VM later is told behind it; nothing is told again.
    expect(vms[key]?.slice(0, ids.length)).toEqual(ids)
    expect(new Set(vms[key]).size).toBe(vms[key]?.length)
  }
  expect(now['state.runs']).toEqual(expected['state.runs'])
  expect(now['events.day2']).toEqual(expected['events.day2'])
  expect(now['commands']).toEqual(expected['commands'])
})
