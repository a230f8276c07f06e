import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HEARTBEAT_MS, startWatcher, type Watcher } from '../chaos/watcher.ts'
import { all } from './bridge.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import { SOON, startWorld, TOKEN, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'

const HOLD_MS = 60_000

let stack: AsyncDisposableStack
let at: World
let watcher: Watcher
let skew = 0
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  skew = 0
  at = stack.use(await startWorld())
  const { path: folder } = stack.use(await temporaryFolder())
  at.addVm('a')
  at.boot('a')
  watcher = stack.use(
    await startWatcher({
      folder,
      url: at.server.url,
      ca: '',
      token: () => Promise.resolve(TOKEN),
      now: () => Date.now() + skew,
      holds: { stopped: HOLD_MS, reachable: 1, unreachable: 60_000, address: 60_000 },
    }),
  )
  await vi.waitUntil(() => watcher.watch.record.status === 'synced', SOON)
})
afterEach(() => stack.disposeAsync())

async function facts(): Promise<readonly string[]> {
  return (await all(watcher.log, 'events.vm')).map(({ value }) => (value as Event<VmEventData>).data.fact)
}

/** What of `a` waits, by its record. */
async function waits(): Promise<VmRecord['waiting']> {
  for await (const { key, value } of watcher.log.latest('state.fleet'))
    if (key.endsWith('/shop/a')) return (value as VmRecord).waiting
  return []
}

async function waiting(): Promise<readonly string[]> {
  return (await waits()).map(({ fact }) => fact)
}

/** Nothing is read for so long, as while a machine sleeps; what is due by then comes before what came meanwhile. */
function sleepFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a clock that jumps an hour %s while a VM restarts tells no stop that never was', async (_, jump) => {
  at.halt('a')
  await expect.poll(waiting, SOON).toEqual(['stopped'])
  // After this timers come before sockets.
  await nextTurn()
  at.boot('a', { node: 'node-2' })
  skew = jump
  sleepFor(2 * HEARTBEAT_MS)
  await expect.poll(facts, SOON).toEqual(['discovered', 'restarted', 'reachable'])
})

test('what waits when a clock is put back an hour begins to wait anew, and is not told an hour late', async () => {
  at.halt('a')
  await expect.poll(waiting, SOON).toEqual(['stopped'])
  skew = -3_600_000
  const latest = async (): Promise<number> => Math.max(...(await waits()).map(({ due }) => due)) - Date.now()
  await expect.poll(latest, SOON).toBeLessThanOrEqual(HOLD_MS + skew)
  expect(await facts()).toEqual(['discovered'])
  skew += HOLD_MS
  await expect.poll(facts, SOON).toEqual(['discovered', 'stopped'])
})

test('the heart of a cluster beats on when a clock is put back', async () => {
  skew = -3_600_000
  await expect.poll(() => watcher.watch.record.heartbeat, SOON).toBeLessThan(Date.now() + skew / 2)
})

test('a clock that jumps an hour back tells a VM that is gone, and one that is new, all the same', async () => {
  skew = -3_600_000
  at.removeVm('a')
  at.addVm('b')
  await expect.poll(async () => (await facts()).slice(1).sort(), SOON).toEqual(['created', 'deleted'])
})
