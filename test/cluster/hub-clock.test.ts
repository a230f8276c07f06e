import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newCluster, watchHub } from '../../src/cluster/index.ts'
import { join } from '../../src/simulator/kube/hub.ts'
import { HUB_RESOURCES, MANAGED_CLUSTERS } from '../../src/simulator/kube/resource.ts'
import { BACKOFF, clientOf, SOON, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { openLog } from './bridge.ts'

const HOLD_MS = 60_000
const HOUR = 3_600_000

let stack: AsyncDisposableStack
let at: World
/** The clocks, which only the test moves. */
let now: number
let steady: number
/** What came (`+`) and left (`-`), in order. */
let told: string[]
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  now = Date.UTC(2026, 0, 1)
  steady = 1_000
  told = []
  at = stack.use(await startWorld({}, { resources: HUB_RESOURCES }))
  const log = stack.use(await openLog(stack.use(await temporaryFolder()).path))
  const client = stack.use(clientOf(at.server.url))
  for (const name of ['a', 'b']) put(name)
  const stop = new AbortController()
  const watched = watchHub({
    name: 'hub1',
    client,
    log,
    known: newCluster('hub1', ''),
    rule: { labels: [], clusterSet: '', placement: null },
    before: [],
    nameOf: name => name,
    now: () => now,
    steady: () => steady,
    signal: stop.signal,
    reflect: { backoff: BACKOFF },
    leaveHoldMs: HOLD_MS,
    onChange: ({ came, left }) => {
      told.push(...[...came.keys()].map(name => `+${name}`), ...[...left.keys()].map(name => `-${name}`))
      return Promise.resolve()
    },
  })
  stack.defer(async () => {
    stop.abort()
    await watched
  })
  await vi.waitUntil(() => told.join() === '+a,+b', SOON)
})
afterEach(() => stack.disposeAsync())

function put(name: string): void {
  join(at.store, { name, url: '', identity: name, clusterSet: 'global' }, '2026-01-01T00:00:00Z')
}

const remove = (name: string): void => void at.store.remove(MANAGED_CLUSTERS, { namespace: '', name })

/** The hub says something that is seen here, and so is what came before it. */
async function look(name: string): Promise<void> {
  put(name)
  await expect.poll(() => told, SOON).toContain(`+${name}`)
}

test('a cluster that leaves the selection is let go when it was away for long enough, however far the clock is put back', async () => {
  remove('a')
  await look('c')
  now -= HOUR
  steady += HOLD_MS
  await look('d')
  expect(told).toContain('-a')
})

test('a clock that is set forward lets no cluster go that has just left', async () => {
  remove('a')
  await look('c')
  now += HOUR
  await look('d')
  expect(told).not.toContain('-a')
})
