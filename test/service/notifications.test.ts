import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Run } from '../../src/day2/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { type Clusters, startClusters } from './clusters.ts'

/** A machine may be busy: what is waited for here takes milliseconds on a quiet one. */
const SOON = { timeout: 60_000, interval: 20 }
const WEB = 'web-1.shop.prod-1'
const TOKEN = 'a-token-of-the-bridge'
const NOTIFY = 'notify-token-of-sixteen'

let stack: AsyncDisposableStack
let clusters: Clusters
let controller: SimulatedController
let bridge: Bridge
const feed: string[] = []

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder()).path
  clusters = stack.use(await startClusters(folder, 'prod-1'))
  controller = stack.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(new URL('../../deploy/aap/', import.meta.url))),
      tokens: { [TOKEN]: { user: 'virtbridge', description: 'virtbridge' } },
      timing: { pendingMs: 5, waitingMs: 5, playMs: 200, eventsDelayMs: 50, updateMs: 20 },
      onFeed: ({ kind, text }) => void (kind === 'notification' && feed.push(text)),
    }),
  )
  // It looks by itself once an hour: what is found sooner was told.
  bridge = stack.use(
    await startBridge(
      folder,
      {
        clusters: clusters.config,
        http: {
          listen: '127.0.0.1:0',
          tokens: [
            { name: 'test', token: { env: 'TEST_TOKEN' }, can: ['read', 'run', 'admin'] },
            { name: 'controller', token: { env: 'NOTIFY' }, can: ['notify'] },
          ],
        },
        controller: { url: controller.url, token: { env: 'OWN' }, poll_seconds: 3_600, quiet_period_seconds: 5 },
        verbs: { onboard: { driver: 'off' } },
        dispatch: { look_seconds: 3_600 },
      },
      { OWN: TOKEN, NOTIFY },
    ),
  )
  controller.setOrigin('virtbridge', () => bridge.api.get('/api/v1/inventory'))
  controller.setVariable('virtbridge_url', bridge.url)
  await vi.waitUntil(async () => (await explained())?.launch.possible === true, SOON)
  const source = controller.store.sources.find(({ name }) => name === 'virtbridge')
  await fetch(`${controller.url}/api/v2/inventory_sources/${source?.id}/update/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  await vi.waitUntil(() => controller.store.hosts.find(({ name }) => name === WEB) !== undefined, SOON)
})
afterAll(() => stack.disposeAsync())

async function explained(): Promise<{ launch: { possible: boolean } } | null> {
  return (await bridge.api.get(`/api/v1/explain/${WEB}`).catch(() => null)) as { launch: { possible: boolean } } | null
}

/** Launches, and gives the run when its job has ended at the controller. */
async function patched(): Promise<string> {
  const { id } = (await bridge.api.post('/api/v1/runs', { verb: 'patch', hosts: [WEB] })) as { id: string }
  const job = async (): Promise<number> => (await run(id))?.job?.id ?? 0
  await vi.waitUntil(async () => (await job()) > 0, SOON)
  const number = await job()
  await vi.waitUntil(() => controller.store.jobs.get(number)?.event_processing_finished === true, SOON)
  return id
}

async function run(id: string): Promise<Run | null> {
  return (await bridge.api.get(`/api/v1/runs/${id}`).catch(() => null)) as Run | null
}

const finished = (id: string) => async (): Promise<boolean> => (await run(id))?.status === 'finished'

test('who notifies with another secret is refused, and nothing is looked at; the secret itself opens nothing else', async () => {
  controller.setVariable('virtbridge_notify_token', 'another-one-of-sixteen')
  const id = await patched()
  await vi.waitUntil(() => feed.includes('notification "virtbridge" was refused: 401'), SOON)
  expect((await run(id))?.status).toBe('following')
  const asked = await fetch(`${bridge.url}/api/v1/vms`, { headers: { authorization: `Bearer ${NOTIFY}` } })
  expect(asked.status).toBe(403)
  controller.setVariable('virtbridge_notify_token', NOTIFY)
  await tell({})
  await vi.waitUntil(finished(id), SOON)
})

test('a job that has ended is found at once, as the templates of deploy/aap tell of it; once, however often it is told', async () => {
  controller.faults.addNotification('doubled')
  const id = await patched()
  await vi.waitUntil(finished(id), SOON)
  expect((await run(id))?.outcome).toBe('ok')
  const ends = (await bridge.day2()).filter(({ data }) => data.fact === 'run_finished' && data.run.id === id)
  expect(ends).toHaveLength(1)
})

test('a notification that comes after that of the next job changes nothing, and one that never comes is not waited for', async () => {
  controller.faults.addNotification('late')
  const first = await patched()
  expect((await run(first))?.status).toBe('following')
  // Nobody tells: another hint, of whatever, finds it.
  await tell({ id: 0, status: 'failed', hosts: { [WEB]: { failed: true } } })
  await vi.waitUntil(finished(first), SOON)
  expect((await run(first))?.outcome).toBe('ok')
  const second = await patched()
  await vi.waitUntil(finished(second), SOON)
  expect([(await run(first))?.outcome, (await run(second))?.outcome]).toEqual(['ok', 'ok'])
})

/** Tells until it counts: one a second does. */
async function tell(body: object): Promise<void> {
  await vi.waitUntil(async () => {
    const answer = await fetch(`${bridge.url}/api/v1/controller/notifications`, {
      method: 'POST',
      headers: { authorization: `Bearer ${NOTIFY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return ((await answer.json()) as { look: boolean }).look
  }, SOON)
}
