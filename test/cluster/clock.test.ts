import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HEARTBEAT_MS, startWatcher, type Watcher } from '../chaos/watcher.ts'
import { all } from './bridge.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import type { ClusterEventData, Event, VmEventData } from '../../src/event/index.ts'
import { SOON, startWorld, TOKEN, type World } from '../kube/world.ts'
import { appending } from '../support/appending.ts'
import { temporaryFolder } from '../support/bridge.ts'

const HOLD_MS = 60_000
const HOUR = 3_600_000

let stack: AsyncDisposableStack
let at: World
let watcher: Watcher
let skew: number
/** When the wall clock stands still, but for `skew`; null: it goes on. */
let still: number | null
/** What the steady clock is ahead. */
let passed: number
/** How often the API server was asked, or was to be. */
let asked: number
/** What happens when something of a VM was stored, before the watch goes on. */
let stored: (vm: string) => void
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  skew = 0
  still = null
  passed = 0
  asked = 0
  stored = () => undefined
  at = stack.use(await startWorld())
  const { path: folder } = stack.use(await temporaryFolder())
  at.addVm('a')
  at.boot('a')
  watcher = stack.use(
    await startWatcher({
      folder,
      url: at.server.url,
      ca: '',
      token: () => {
        asked += 1
        return Promise.resolve(TOKEN)
      },
      now: () => (still ?? Date.now()) + skew,
      steady: () => performance.now() + passed,
      holds: { stopped: HOLD_MS, reachable: 1, unreachable: 60_000, address: 60_000 },
      outageHoldMs: HOLD_MS,
      through: log =>
        appending(log, async entries => {
          const position = await log.append(entries)
          for (const { key } of entries) stored(key.slice(key.lastIndexOf('/') + 1))
          return position
        }),
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
  ['forward', HOUR],
  ['back', -HOUR],
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

test('what came while its reader was busy for long is read before anything that waits is told', async () => {
  still = Date.now()
  at.halt('a')
  await expect.poll(waiting, SOON).toEqual(['stopped'])
  stored = vm => {
    if (vm !== 'b' || skew > 0) return
    skew = HOLD_MS
    at.boot('a', { node: 'node-2' })
  }
  at.addVm('b')
  await expect.poll(facts, SOON).toEqual(['discovered', 'created', 'restarted'])
})

test('what waits when a clock is put back an hour begins to wait anew, and is not told an hour late', async () => {
  at.halt('a')
  await expect.poll(waiting, SOON).toEqual(['stopped'])
  skew = -HOUR
  const latest = async (): Promise<number> => Math.max(...(await waits()).map(({ due }) => due)) - Date.now()
  await expect.poll(latest, SOON).toBeLessThanOrEqual(HOLD_MS + skew)
  expect(await facts()).toEqual(['discovered'])
  skew += HOLD_MS
  await expect.poll(facts, SOON).toEqual(['discovered', 'stopped'])
})

test('the heart of a cluster beats on when a clock is put back', async () => {
  skew = -HOUR
  await expect.poll(() => watcher.watch.record.heartbeat, SOON).toBeLessThan(Date.now() + skew / 2)
})

describe('of a cluster that does not answer', () => {
  /** It is asked in vain, and asked again: that it was, is known by then. */
  async function askedInVain(): Promise<void> {
    const before = asked
    await expect.poll(() => asked, SOON).toBeGreaterThan(before + 5)
  }
  const told = async (): Promise<readonly string[]> =>
    (await all(watcher.log, 'events.cluster')).map(({ value }) => (value as Event<ClusterEventData>).data.fact)

  test('it is told when that has lasted, however far the clock is put back', async () => {
    await at.server.down()
    await askedInVain()
    skew = -HOUR
    passed = HOLD_MS
    await expect.poll(told, SOON).toEqual(['joined', 'unreachable'])
  })

  test('nothing is told before that when the clock is set forward', async () => {
    await at.server.down()
    await askedInVain()
    skew = HOUR
    await askedInVain()
    await at.server.up()
    const { heartbeat } = watcher.watch.record
    await expect.poll(() => watcher.watch.record.heartbeat, SOON).toBeGreaterThan(heartbeat)
    expect(await told()).toEqual(['joined'])
  })
})

test('a clock that jumps an hour back tells a VM that is gone, and one that is new, all the same', async () => {
  skew = -HOUR
  at.removeVm('a')
  at.addVm('b')
  await expect.poll(async () => (await facts()).slice(1).sort(), SOON).toEqual(['created', 'deleted'])
})
