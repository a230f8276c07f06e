import { basename } from 'node:path'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { messageOf } from '../../src/errors.ts'
import type { EventLog, Stream } from '../../src/log/index.ts'
import { createTopics, inspectTopics } from '../../src/log/kafka/index.ts'
import { topicSpecs } from '../../src/log/kafka/topics.ts'
import { all, latest } from '../log/conformance.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { lostFleet } from './lost-fleet.ts'

const TOPIC = 2
/** Of a compacted topic. Altering one setting this way takes back the others. */
const SETTINGS = topicSpecs(planOf('x', 1)).find(({ topic }) => topic === 'x.state.fleet')?.settings ?? []

const SOON = { timeout: 60_000, interval: 20 }

let kafka: KafkaServer
let admin: Admin
beforeAll(async () => {
  kafka = await startKafka()
  admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
})
afterAll(async () => {
  await admin.disconnect()
  await kafka[Symbol.asyncDispose]()
})

function open(folder: string, more: Parameters<typeof openIn>[2] = {}): Promise<EventLog> {
  return openIn(folder, kafka.brokers, more)
}

/** Deletes topics, waits until the brokers have forgotten them, and makes them anew: a name may need a moment until it can be taken again. */
async function remove(folder: string, ...streams: readonly Stream[]): Promise<void> {
  const topics = streams.map(stream => `${basename(folder)}.${stream}`)
  await admin.deleteTopics({ topics })
  await expect.poll(() => admin.listTopics(), SOON).toEqual(expect.not.arrayContaining(topics))
  const plan = planOf(basename(folder), 1)
  await expect.poll(() => createTopics(connectionTo(kafka.brokers), plan).then(() => '', messageOf), SOON).toBe('')
}

async function filled(folder: string): Promise<void> {
  await using log = await open(folder)
  for (let n = 0; n < 12; n += 1) {
    await log.append([
      { stream: 'events.vm', key: `c-${n}/n/vm`, value: { n } },
      { stream: 'state.fleet', key: `c-${n}/n/vm`, value: { n } },
      { stream: 'state.runs', key: `run/${n}`, value: { n } },
    ])
  }
}

function lost(log: EventLog): readonly Stream[] {
  return log.losses().map(loss => loss.stream)
}

test('a log that is new has lost nothing, nor has one that is opened again after its broker was killed; that it can not be read is told', async () => {
  await using folder = await temporaryFolder()
  const first = await open(folder.path)
  expect(first.losses()).toEqual([])
  await first.append([{ stream: 'events.vm', key: 'c/n/vm', value: {} }])
  expect(first.health()).toMatchObject({ writable: true, readable: true, reason: '' })
  await kafka.nodes[0]?.signal('SIGKILL')
  // Nobody writes, so it is by reading alone that it is noticed, and told.
  await expect
    .poll(() => first.health(), SOON)
    .toMatchObject({
      readable: false,
      reason: expect.stringContaining('Kafka does not answer reads') as string,
    })
  kafka.nodes[0]?.start()
  // A broker that is just starting is waited for.
  const patient = { ...connectionTo(kafka.brokers), connectTimeoutMs: 30_000 }
  await inspectTopics(patient, planOf(basename(folder.path), 1))
  await expect.poll(() => first.health(), SOON).toMatchObject({ writable: true, readable: true, reason: '' })
  await using second = await open(folder.path)
  expect(second.losses()).toEqual([])
  expect(await all(second, 'events.vm')).toHaveLength(1)
  await first[Symbol.asyncDispose]()
})

describe('what is gone when the log is opened is told, by that stream alone', () => {
  const cases: readonly (readonly [string, readonly Stream[], (folder: string) => Promise<void>])[] = [
    ['the ledger was deleted', ['state.runs'], folder => remove(folder, 'state.runs')],
    ['a topic of events was deleted', ['events.vm'], folder => remove(folder, 'events.vm')],
    ['all state was deleted', ['state.fleet', 'state.runs'], folder => remove(folder, 'state.fleet', 'state.runs')],
    [
      'records of one partition of the fleet were deleted',
      ['state.fleet'],
      async folder => {
        // Brokers refuse it of a compacted topic: somebody made it another for that.
        const topic = `${basename(folder)}.state.fleet`
        const policy = (value: string): Promise<unknown> => {
          const configEntries = [
            ...SETTINGS.filter(({ name }) => name !== 'cleanup.policy'),
            { name: 'cleanup.policy', value },
          ]
          return admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries }] })
        }
        await policy('compact,delete')
        const cut = { topic, partitions: [{ partition: 1, offset: '3' }] }
        // The broker hears of its topic's new settings a little later.
        await expect.poll(() => admin.deleteTopicRecords(cut).then(() => '', messageOf), SOON).toBe('')
        await policy('compact')
      },
    ],
  ]
  test.each(cases)('%s', async (_, streams, harm) => {
    await using folder = await temporaryFolder()
    await filled(folder.path)
    await harm(folder.path)
    {
      await using log = await open(folder.path)
      expect(lost(log)).toEqual(streams)
      for (const loss of log.losses())
        expect(loss.reason).toContain(`${basename(folder.path)}.${loss.stream} lost records`)
      // The rest is as it was, and it is written on.
      const left = { fleet: (await latest(log, 'state.fleet')).length, events: (await all(log, 'events.vm')).length }
      expect(left.fleet).toBeGreaterThanOrEqual(streams.includes('state.fleet') ? 0 : 12)
      expect(left.events).toBe(streams.includes('events.vm') ? 0 : 12)
      await log.append([{ stream: 'state.runs', key: 'run/after', value: {} }])
    }
    // Told at every open, the same loss, until a person confirms it.
    const told = await open(folder.path)
    expect(lost(told)).toEqual(streams)
    await told.confirmLoss('no loss at all')
    for (const { id } of told.losses()) await told.confirmLoss(id)
    expect(told.losses()).toEqual([])
    await told[Symbol.asyncDispose]()
    await using later = await open(folder.path)
    expect(later.losses()).toEqual([])
  })
})

test('a confirmation is durable although the process is killed right after it, and means no later loss', async () => {
  await using folder = await temporaryFolder()
  await filled(folder.path)
  await remove(folder.path, 'state.runs')
  const first = await open(folder.path)
  const [loss] = first.losses()
  await first.confirmLoss(loss?.id ?? '')
  // A successor is what a killed process leaves behind: nothing is written at the end.
  await using second = await open(folder.path)
  expect(second.losses()).toEqual([])
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  await remove(folder.path, 'state.runs')
  await using third = await open(folder.path)
  await third.confirmLoss(loss?.id ?? '')
  expect(lost(third)).toEqual(['state.runs'])
})

test('a topic that is deleted under an open log ends it, with words; the next start tells what is gone', async () => {
  await using folder = await temporaryFolder()
  const log = await open(folder.path)
  await log.append([{ stream: 'state.runs', key: 'run/1', value: {} }])
  const ended = (async () => {
    for await (const _ of log.follow('state.runs', log.end('state.runs'), new AbortController().signal)) continue
  })()
  ended.catch(() => undefined)
  await remove(folder.path, 'state.runs')
  await expect.poll(() => log.health(), SOON).toMatchObject({ readable: false })
  await expect(ended).rejects.toMatchObject({
    reaction: 'fatal',
    message: expect.stringMatching(/state\.runs has lost records|a topic of the log is gone/) as string,
  })
  await expect(log.append([{ stream: 'state.runs', key: 'run/2', value: {} }])).rejects.toMatchObject({
    reaction: 'fatal',
  })
  expect(log.health()).toMatchObject({
    writable: false,
    readable: false,
    hint: expect.stringContaining('start it anew') as string,
  })
  await log[Symbol.asyncDispose]()
  await using again = await open(folder.path)
  expect(lost(again)).toEqual(['state.runs'])
})

test('a changed spread of the keys is a fault that names both values, and takes the log from nobody who has the right one', async () => {
  await using folder = await temporaryFolder()
  const plan = planOf(basename(folder.path), 1, 4)
  await using log = await open(folder.path, { topics: plan })
  await log.append([{ stream: 'state.fleet', key: 'c', value: {} }])
  await expect(open(folder.path, { topics: plan, perCluster: 2 })).rejects.toMatchObject({
    code: 'log_spread',
    message: expect.stringContaining('log.kafka.partitions_per_cluster is 2 and was 1') as string,
    hint: expect.stringContaining('set log.kafka.partitions_per_cluster back to 1') as string,
  })
  await log.append([{ stream: 'state.fleet', key: 'c', value: { still: 'ours' } }])
  await log[Symbol.asyncDispose]()
  const names = (await admin.listTopics()).filter(topic => topic.startsWith(`${basename(folder.path)}.`))
  await admin.createPartitions({ topicPartitions: names.map(topic => ({ topic, count: 8 })) })
  await expect(open(folder.path, { topics: { ...plan, partitions: 8 } })).rejects.toMatchObject({
    code: 'log_spread',
    message: expect.stringContaining('log.kafka.partitions is 8 and was 4') as string,
  })
})

lostFleet(() => ({ brokers: kafka.brokers, admin }))
