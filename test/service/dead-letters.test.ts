import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/index.ts'
import { startService } from '../../src/service.ts'
import { virtbridge } from '../cli/console.ts'
import { allowInvalidEvents } from '../event/seen.ts'
import { SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'
import { startClusters } from './clusters.ts'

allowInvalidEvents()

const TOKEN = 'test-token-of-sixteen-and-more'
const SOON = { timeout: 60_000, interval: 10 }

/** What a bridge said whose clock stands before 1970: every event of it is one that its schema does not allow. */
async function lifeBefore1970(folder: string, validate_events: boolean) {
  await using clusters = await startClusters(folder, 'prod-1')
  const settings = {
    log: { path: 'virtbridge.db', validate_events },
    http: { listen: '127.0.0.1:0', tokens: [{ name: 'test', token: { env: 'TEST_TOKEN' } }] },
    watch: SHORT_HOLDS,
    clusters: clusters.config,
  }
  const logged: string[] = []
  await using service = await startService(parseConfig(stringify(settings), join(folder, 'virtbridge.yaml')), {
    env: { TEST_TOKEN: TOKEN },
    logger: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    now: () => -5_000,
    newId: () => randomUUID(),
  })
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await virtbridge(args, { VIRTBRIDGE_URL: service.url, VIRTBRIDGE_TOKEN: TOKEN })).out
  await expect.poll(() => ask('clusters'), SOON).toContain('synced')
  const [vm, dead, cluster, records] = await Promise.all([
    ask('events'),
    ask('events', '--stream', 'dead'),
    ask('events', '--stream', 'cluster'),
    ask('events', '--stream', 'dead', '--json'),
  ])
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  return { vm, dead, cluster, records: records.split('\n'), metrics, logged, vms: await ask('vms') }
}

test('an event that its schema does not allow is a dead letter: told, counted and logged, and the rest goes on', async () => {
  await using folder = await temporaryFolder()
  const { vm, dead, cluster, records, metrics, logged, vms } = await lifeBefore1970(folder.path, true)
  expect([vm, cluster]).toEqual(['', ''])
  expect(dead).toMatch(
    /^\d\d:\d\d:\d\d {2}not_valid {8}events\.vm prod-1\/shop\/web-1, io\.virtbridge\.vm\.discovered\.v1 \S+: by its schema: \/data\/time_epoch must be >= 0$/m,
  )
  expect(records.map(line => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ schema: 1, kind: 'dead', stream: 'events.cluster', key: 'prod-1', cause: 'not_valid' }),
  )
  expect(metrics).toMatch(/^virtbridge_dead_letters_total\{stream="events\.vm",cause="not_valid"\} 1$/m)
  expect(logged.map(line => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ level: 50, stream: 'events.vm', key: 'prod-1/shop/web-1', cause: 'not_valid' }),
  )
  expect(vms).toContain('web-1.shop.prod-1')
})

test('nothing is judged unless the configuration says so', async () => {
  await using folder = await temporaryFolder()
  const { vm, dead } = await lifeBefore1970(folder.path, false)
  expect(vm).toContain('discovered')
  expect(dead).toBe('')
})
