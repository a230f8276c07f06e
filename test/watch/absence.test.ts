import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EventLog } from '../../src/log/index.ts'
import type { Forward } from '../../src/simulator/kube/front.ts'
import { all, type Bridge, openLog, startBridge } from '../cluster/bridge.ts'
import { SOON, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'

let stack: AsyncDisposableStack
let at: World
let log: EventLog
/** What the cluster has of KubeVirt: nothing, its group but no kinds yet, all of it, or all of it for others. */
let has: 'nothing' | 'group' | 'all' | 'forbidden'

let asked = 0
const answers: Forward = (_, response, { pathname }) => {
  const json = (status: number, body: object): boolean => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    return true
  }
  const ours = pathname.startsWith('/apis/kubevirt.io/')
  if (has === 'forbidden' && ours) return json(403, { kind: 'Status', message: 'forbidden' })
  if (has !== 'nothing' && has !== 'group') return false
  const groups = ['apps', 'apiextensions.k8s.io', ...(has === 'group' ? ['kubevirt.io'] : [])]
  if (pathname === '/apis') asked += 1
  if (pathname === '/apis') return json(200, { kind: 'APIGroupList', groups: groups.map(name => ({ name })) })
  return ours ? json(404, { kind: 'Status', message: 'the server could not find the requested resource' }) : false
}

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  has = 'nothing'
  asked = 0
  at = stack.use(await startWorld({ forward: answers }))
  log = stack.use(await openLog(stack.use(await temporaryFolder()).path))
})
afterEach(() => stack.disposeAsync())

const bridge = async (absenceHoldMs = 30): Promise<Bridge> => stack.use(await startBridge(at, log, { absenceHoldMs }))

/** Another look at the cluster was taken, from its beginning. */
async function anotherLook(): Promise<void> {
  const before = asked
  await expect.poll(() => asked, SOON).toBeGreaterThan(before + 1)
}
const since = (some: Bridge): number => some.watch.record.no_kubevirt_since ?? 0
const facts = async (some: Bridge): Promise<readonly string[]> =>
  (await some.clusterEvents()).map(event => event.data.fact)

test('a cluster that has no KubeVirt is let go when that lasts, with the reason, and VMs that come with KubeVirt are no news', async () => {
  const some = await bridge()
  await expect.poll(() => since(some), SOON).toBeGreaterThan(0)
  expect(some.watch.record).toMatchObject({
    status: 'joining',
    adopted_at: 0,
    cause: 'absent',
    reason: 'KubeVirt is not installed there, so it has no VMs',
  })
  at.addVm('web-1')
  has = 'all'
  await expect.poll(() => some.status(), SOON).toBe('synced')
  expect([since(some), await some.facts(), await facts(some)]).toEqual([0, ['discovered web-1'], ['joined']])
})

test('not before it has lasted: an API server that comes up has its own kinds first', async () => {
  const some = await bridge(60_000)
  await expect.poll(() => some.watch.record.cause, SOON).toBe('absent')
  await expect.poll(() => asked, SOON).toBeGreaterThan(2)
  expect(since(some)).toBe(0)
})

describe('when the clock is set', () => {
  let now = 0
  let steady = 0
  beforeEach(() => {
    now = Date.UTC(2026, 0, 1)
    steady = 1_000
  })
  const clocked = async (): Promise<Bridge> =>
    stack.use(await startBridge(at, log, { absenceHoldMs: 60_000, now: () => now, steady: () => steady }))

  test('back, it is let go all the same when it has lasted, as of when it was first seen', async () => {
    const first = now
    const some = await clocked()
    await anotherLook()
    now -= 3_600_000
    steady += 60_000
    await expect.poll(() => since(some), SOON).toBe(first)
  })

  test('forward, it is not let go before it has lasted', async () => {
    const some = await clocked()
    await anotherLook()
    now += 3_600_000
    await anotherLook()
    expect(since(some)).toBe(0)
  })
})

test('whose group is there is waited for, also when it was let go before', async () => {
  const some = await bridge()
  await expect.poll(() => since(some), SOON).toBeGreaterThan(0)
  has = 'group'
  await expect.poll(() => since(some), SOON).toBe(0)
})

test('that may not be read any more is waited for: VMs may be there', async () => {
  const some = await bridge()
  await expect.poll(() => since(some), SOON).toBeGreaterThan(0)
  has = 'forbidden'
  await expect.poll(() => since(some), SOON).toBe(0)
})

test('whose VMs are known loses none of them with its KubeVirt, and is told as unavailable', async () => {
  has = 'all'
  at.addVm('web-1')
  const some = await bridge()
  await expect.poll(() => some.status(), SOON).toBe('synced')
  has = 'nothing'
  await at.server.down()
  await at.server.up()
  await expect.poll(() => some.status(), SOON).toBe('unavailable')
  expect([since(some), await some.facts()]).toEqual([0, ['discovered web-1']])
  expect((await all(log, 'state.fleet')).filter(({ value }) => value === null)).toEqual([])
})

test('that is let go stays so over a restart and while it does not answer', async () => {
  const first = await bridge()
  await expect.poll(() => since(first), SOON).toBeGreaterThan(0)
  const was = since(first)
  await first[Symbol.asyncDispose]()
  const again = await bridge(60_000)
  expect(since(again)).toBe(was)
  await at.server.down()
  const before = asked
  await at.server.up()
  await expect.poll(() => asked, SOON).toBeGreaterThan(before)
  expect(since(again)).toBe(was)
})
