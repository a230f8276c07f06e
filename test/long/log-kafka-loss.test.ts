import { basename } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { Fault } from '../../src/errors.ts'
import { type EventLog, openKafkaLog } from '../../src/log/index.ts'
import { connectionTo, openIn, planOf } from '../log/kafka/place.ts'
import { startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 20 }
const ROUNDS = 6

/** A start finds out first whether topics are as they have to be, which a broker that has just died may answer no more. */
async function openAgain(prefix: string, brokers: readonly string[]): Promise<EventLog> {
  const topics = planOf(prefix, 3)
  const opening = (): Promise<EventLog> =>
    openKafkaLog({ connection: connectionTo(brokers), topics, perCluster: 1, compression: 'none' })
  for (let tries = 0; ; tries += 1) {
    try {
      return await opening()
    } catch (error) {
      if (tries === 20 || !(error instanceof Fault) || error.code !== 'log_kafka') throw error
    }
  }
}

test('three brokers, one after the other killed right before the log is taken over: nothing is ever taken for lost', async () => {
  await using kafka = await startKafka({ nodes: 3 })
  await using folder = await temporaryFolder()
  let last = await openIn(folder.path, kafka.brokers)
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let n = 0; n < 20; n += 1) {
      await last.append([
        { stream: 'events.vm', key: `c-${n}/n/vm`, value: { n } },
        { stream: 'state.fleet', key: `c-${n}/n/vm`, value: { n, round } },
      ])
    }
    const node = kafka.nodes[round % 3]
    await node?.signal('SIGKILL')
    const next = await openAgain(basename(folder.path), kafka.brokers)
    expect(next.losses()).toEqual([])
    await last[Symbol.asyncDispose]()
    last = next
    node?.start()
    await kafka.ready()
  }
  await last[Symbol.asyncDispose]()
})

test('a topic that is deleted under an open log and stays away ends it', async () => {
  await using kafka = await startKafka()
  await using folder = await temporaryFolder()
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await using log = await openIn(folder.path, kafka.brokers)
  const ended = (async () => {
    for await (const _ of log.follow('state.runs', log.end('state.runs'), new AbortController().signal)) continue
  })()
  ended.catch(() => undefined)
  await admin.deleteTopics({ topics: [`${basename(folder.path)}.events.dead`] })
  await expect.poll(() => log.health(), SOON).toMatchObject({ readable: false })
  await expect(ended).rejects.toMatchObject({
    reaction: 'fatal',
    message: expect.stringContaining('a topic of the log is gone') as string,
  })
  await admin.disconnect()
})
