import { randomUUID } from 'node:crypto'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { loadObjects, readObjectFiles, startSimulatedController } from '../../src/simulator/controller/index.ts'
import type { SimulatedController } from '../../src/simulator/controller/index.ts'
import { rulebook } from '../servers/python-environment.ts'
import { ServerProcess } from '../servers/server-process.ts'

const root = join(import.meta.dirname, '..', '..')
/** The controller is the one that a site makes of these files. */
const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const token = 'rulebook-token'

let stack: AsyncDisposableStack
let controller: SimulatedController
let records: string
let log: string

beforeAll(async () => {
  await using starting = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-rulebook-'))
  starting.defer(() => rm(folder, { recursive: true, force: true }))
  records = join(folder, 'records.ndjson')
  log = join(folder, 'log')
  await writeFile(records, '')
  await writeFile(join(folder, 'vars.yml'), 'kafka_host: kafka.example.com\nkafka_port: 9093\n')

  controller = starting.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(DEPLOY)),
      tokens: { [token]: { user: 'virtbridge' } },
      timing: { pendingMs: 5, waitingMs: 5, playMs: 50, eventsDelayMs: 5 },
    }),
  )
  const { env } = await rulebook({})
  const args = [
    `--rulebook=${join(root, 'rulebooks', 'linux-onboard.yml')}`,
    `--vars=${join(folder, 'vars.yml')}`,
    `--source-dir=${join(root, 'test', 'eda', 'sources')}`,
    `--controller-url=${controller.url}`,
    `--controller-token=${token}`,
    '--verbose',
  ]
  const own = {
    VIRTBRIDGE_TEST_RECORDS: records,
    EDA_JOB_TEMPLATE_REFRESH_DELAY: '0.2',
    DROOLS_JPY_JVM_MAXMEM: '256m',
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const server = new ServerProcess({
    program: 'ansible-rulebook',
    args,
    env: { ...env, ...own },
    logFile: log,
    folder,
  })
  starting.use(server)
  await server.waitUntil(async () => (await readFile(log, 'utf8')).includes('Waiting for events'), 'ready')
  stack = starting.move()
})
afterAll(() => stack.disposeAsync())

type Change = Partial<Record<'type' | 'host' | 'origin' | 'burst' | 'family' | 'uid', unknown>>

/** Appends a `started` event of a guest of its own, with what differs; `undefined` leaves a key out. */
async function tell(change: Change = {}): Promise<{ id: string; host: string }> {
  const id = randomUUID()
  const host = `vm-${id.slice(0, 8)}.shop.prod-1`
  const { type, origin, burst, family, uid, ...rest } = {
    type: 'started',
    origin: 'live',
    burst: false,
    family: 'linux',
    uid: randomUUID(),
    host,
    ...change,
  }
  const event = {
    specversion: '1.0',
    id,
    source: '/hubs/hub1/clusters/prod-1',
    type: `io.virtbridge.vm.${String(type)}.v1`,
    subject: 'prod-1/shop/vm',
    time: '2026-11-21T08:00:00Z',
    datacontenttype: 'application/json',
    data: {
      schema_version: 1,
      fact: type,
      origin,
      gap: false,
      burst,
      ...rest,
      cluster: { name: 'prod-1', hub: 'hub1' },
      vm: { name: 'vm', namespace: 'shop', uid, os: { family, id: 'rhel', version: '9.4' } },
    },
  }
  await appendFile(records, `${JSON.stringify(event)}\n`)
  return { id, host }
}

/** Tells of a guest that is to be onboarded, and resolves when its job has ended: by then what was told before has been dealt with. */
async function tellAndSettle(change: Change = {}): Promise<{ id: string; host: string }> {
  const last = await tell(change)
  await vi.waitFor(
    async () => {
      const job = controller.store.jobs.find(({ limit }) => limit === last.host)
      if (job?.finished === null || job === undefined) throw new Error(await readFile(log, 'utf8'))
    },
    { timeout: 20_000, interval: 50 },
  )
  return last
}

function launches(): { limit: string; extra_vars: unknown }[] {
  return controller.store.jobs.all().map(({ limit, extra_vars }) => ({ limit, extra_vars }))
}

test('a Linux guest that started is onboarded, alone', async () => {
  const { id, host } = await tellAndSettle()
  const jobs = controller.store.jobs.filter(({ limit }) => limit === host)
  expect(jobs).toHaveLength(1)
  expect(jobs[0]?.name).toBe('Day2 | Onboard')
  const variables = jobs[0]?.extra_vars
  expect(typeof variables === 'string' ? JSON.parse(variables) : variables).toEqual({
    virtbridge_run_id: `eda-${id}`,
    virtbridge_expected_count: 1,
    virtbridge_verb: 'onboard',
  })
})

test('a guest whose start was found by a resync is onboarded, and one that starts again at once is not onboarded twice', async () => {
  const before = launches()
  const uid = randomUUID()
  const first = await tellAndSettle({ uid, origin: 'sync' })
  await tell({ uid, host: first.host })
  const last = await tellAndSettle()
  expect(launches().slice(before.length)).toMatchObject([{ limit: first.host }, { limit: last.host }])
})

test.each<[string, Change]>([
  ['is known from the first sight of its cluster', { origin: 'bootstrap' }],
  ['is told of for the record', { origin: 'audit' }],
  ['is one of too many at once', { burst: true }],
  ['runs Windows', { family: 'windows' }],
  ['runs nobody knows what', { family: '' }],
  ['stopped', { type: 'stopped' }],
  ['has no host name', { host: '' }],
  ['has no host name at all', { host: undefined }],
  ['is named like every host', { host: 'all' }],
  ['has a pattern for a name', { host: '*' }],
  ['has two names', { host: 'a.b.c,d.e.f' }],
  ['has a template for a name', { host: '{{ groups.all }}' }],
])('a guest that %s is left alone', async (_, change) => {
  const before = launches()
  await tell(change)
  const last = await tellAndSettle()
  expect(launches().slice(before.length)).toEqual([expect.objectContaining({ limit: last.host })])
})
