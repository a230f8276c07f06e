import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../support/bridge.ts'
import { expectNothingLostOrInvented, readRecord, type Shown, startDemo } from '../support/demo.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

/** `well`, or everything it said. */
async function endOf(shown: Shown): Promise<string> {
  return (await shown.ended) === 0 ? 'well' : shown.text()
}

test('the whole bridge on Kafka: killed and the broker killed, it goes on where it was; nothing is lost, launched twice or invented', async () => {
  await using folder = await temporaryFolder()
  const dir = join(folder.path, 'demo')
  const more = ['--kafka', kafka.brokers.join(',')]

  const first = startDemo(dir, '--fresh', ...more)
  await first.printed('created          debian-cache.shop.dev-1')
  first.child.kill('SIGKILL')
  await first.ended

  const second = startDemo(dir, ...more)
  await second.printed('the inventory is open')
  await kafka.nodes[0]?.signal('SIGKILL')
  kafka.nodes[0]?.start()
  await second.printed('the story is told')
  expect(second.text()).toContain('is onboarded: news, reachable, the right guest, launched once')
  expect(second.text()).toContain('patched, host by host')
  const record = await readRecord(second, dir)
  second.child.kill('SIGTERM')
  expect(await endOf(second)).toBe('well')

  expectNothingLostOrInvented(record)
  expect(JSON.stringify(record)).not.toMatch(/password/i)
  expect(record.runs.filter(run => run.verb === 'patch')).toEqual([
    expect.objectContaining({ outcome: 'ok', hosts: 2, asked_by: 'operator' }),
  ])
  const onboarded = record.runs.filter(run => run.verb === 'onboard').reduce((sum, run) => sum + run.hosts, 0)
  expect(onboarded).toBeGreaterThanOrEqual(2)
  expect(onboarded).toBeLessThanOrEqual(3)
})
