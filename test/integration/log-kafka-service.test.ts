import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../support/bridge.ts'
import { expectNothingLostOrInvented, readRecord, startDemo } from '../support/demo.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

test('the whole bridge on Kafka: killed and the broker killed, it goes on where it was; nothing is lost, launched twice or invented', async () => {
  await using folder = await temporaryFolder()
  const dir = join(folder.path, 'demo')
  const more = ['--kafka', kafka.brokers.join(',')]

  const first = startDemo(dir, '--fresh', ...more)
  await first.printed('created          debian-cache.shop.dev-1')
  first.child.kill('SIGKILL')
  await first.ended

  const second = startDemo(dir, '--exit-when-done', ...more)
  await second.printed('the inventory is open')
  await kafka.nodes[0]?.signal('SIGKILL')
  kafka.nodes[0]?.start()
  expect(await second.ended, second.text()).toBe(0)
  expect(second.text()).toContain('is onboarded: news, reachable, the right guest, launched once')
  expect(second.text()).toContain('patched, host by host')

  const third = startDemo(dir, ...more)
  await third.printed('the story is told')
  const record = await readRecord(third, dir)
  third.child.kill('SIGTERM')
  expect(await third.ended, third.text()).toBe(0)

  expectNothingLostOrInvented(record)
  expect(JSON.stringify(record)).not.toMatch(/password/i)
  expect(record.runs.filter(run => run.verb === 'patch')).toEqual([
    expect.objectContaining({ outcome: 'ok', hosts: 2, asked_by: 'operator' }),
  ])
  const onboarded = record.runs.filter(run => run.verb === 'onboard').reduce((sum, run) => sum + run.hosts, 0)
  expect(onboarded).toBeGreaterThanOrEqual(2)
  expect(onboarded).toBeLessThanOrEqual(3)
})
