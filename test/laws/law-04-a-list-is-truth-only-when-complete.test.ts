import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EventLog } from '../../src/log/index.ts'
import { laterPages, type Match } from '../../src/simulator/kube/faults.ts'
import { type Bridge, openLog, startBridge } from '../cluster/bridge.ts'
import { SOON, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'

const NAMES = Array.from({ length: 8 }, (_, index) => `vm-${index}`)

const vmLists: Match = request => request?.plural === 'virtualmachines' && request.verb === 'list'

let stack: AsyncDisposableStack
let at: World
let log: EventLog
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  // Pages, of which one can fail; of a streaming list the same is shown in test/kube/streaming.test.ts.
  at = stack.use(await startWorld({ watch: { streamingLists: false } }))
  log = stack.use(await openLog(folder.path))
})
afterEach(() => stack.disposeAsync())

/** A cluster that was adopted with so many VMs, by a bridge that is gone. */
async function adopted(count = NAMES.length): Promise<void> {
  for (const name of NAMES.slice(0, count)) at.addVm(name)
  const bridge = await started()
  await vi.waitUntil(() => bridge.status() === 'synced', SOON)
  await bridge[Symbol.asyncDispose]()
}

async function started(): Promise<Bridge> {
  return stack.use(await startBridge(at, log))
}

/** The same bridge after a restart; while it was away a person confirmed what has this digest. */
async function restarted(bridge: Bridge, digest: string): Promise<Bridge> {
  await bridge[Symbol.asyncDispose]()
  return stack.use(await startBridge(at, log, { confirmed: [digest] }))
}

async function gone(bridge: Bridge): Promise<readonly string[]> {
  return (await bridge.facts()).filter(fact => fact.startsWith('deleted')).sort()
}

async function keptVms(): Promise<number> {
  let count = 0
  for await (const { key } of log.latest('state.fleet')) if (key.includes('/')) count += 1
  return count
}

/** As often as the cluster was asked in vain. */
function asked(): number {
  return [...at.server.requests.values()].reduce((sum, count) => sum + count, 0)
}

describe('A list is truth only when complete.', () => {
  // Two VMs where the whole list is spoilt: of more, their loss would be held for being too large, which is another rule.
  test.each([
    [8, 'a page fails', () => at.server.faults.plant({ kind: 'status', code: 500 }, laterPages), 'server'],
    [8, 'a page’s token expires', () => at.server.faults.plant({ kind: 'status', code: 410 }, laterPages), 'expired'],
    [2, 'the resource is forbidden (403)', () => at.server.faults.plant({ kind: 'forbidden' }, vmLists), 'forbidden'],
    [2, 'the API group is gone (404)', () => at.server.faults.plant({ kind: 'absent' }, vmLists), 'absent'],
    [2, 'credentials are refused (401)', () => at.server.faults.plant({ kind: 'status', code: 401 }), 'unauthorized'],
    [2, 'no answer comes', () => at.server.faults.plant({ kind: 'drop' }), 'unreachable'],
    [2, 'another cluster answers', () => at.store.replaceIdentity(), 'replaced'],
  ] as const)('of %i VMs none is inferred to be deleted when %s', async (count, _, spoil, cause) => {
    await adopted(count)
    spoil()
    at.removeVm('vm-0')
    const bridge = await started()
    await expect.poll(() => [bridge.status(), bridge.watch.record.cause], SOON).toEqual(['unavailable', cause])
    const before = asked()
    await expect.poll(asked, SOON).toBeGreaterThan(before + 10)
    expect([bridge.status(), await gone(bridge), await keptVms()]).toEqual(['unavailable', [], count])
  })

  test('nor when another cluster takes the place of one that is being watched', async () => {
    await adopted(2)
    const bridge = await started()
    await expect.poll(() => at.server.watches.size, SOON).toBe(2)
    await at.server.down()
    at.store.replaceIdentity()
    at.removeVm('vm-0')
    at.store.compact()
    await at.server.up()
    await expect.poll(() => bridge.watch.record.cause, SOON).toBe('replaced')
    const before = asked()
    await expect.poll(asked, SOON).toBeGreaterThan(before + 10)
    expect([bridge.status(), await gone(bridge), await keptVms()]).toEqual(['unavailable', [], 2])
  })

  test('when a resync finds too many gone it asks again, and then waits for a person', async () => {
    await adopted()
    for (const name of NAMES) at.removeVm(name)
    const lists = at.server.requests.get('list virtualmachines') ?? 0
    const bridge = await started()
    await expect.poll(() => bridge.status(), SOON).toBe('held')
    expect([at.server.requests.get('list virtualmachines'), await gone(bridge), await keptVms()]).toEqual([
      // One of the three was refused: this server streams no lists.
      lists + 3,
      [],
      8,
    ])
    bridge.confirm()
    await expect.poll(() => gone(bridge), SOON).toEqual(NAMES.map(name => `deleted ${name}`))
    await expect.poll(() => bridge.status(), SOON).toBe('synced')
  })

  test('a person confirms the VMs that were missing when they looked: that of others is worth nothing, and that of before a restart is not lost', async () => {
    await adopted()
    for (const name of NAMES.slice(1)) at.removeVm(name)
    const bridge = await started()
    await expect.poll(() => bridge.status(), SOON).toBe('held')
    const seen = bridge.watch.record
    expect(seen).toMatchObject({ missing: 7, missing_names: NAMES.slice(1).map(name => `shop/${name}`) })
    at.addVm('vm-1')
    await expect.poll(() => bridge.watch.record.missing, SOON).toBe(6)
    expect(bridge.watch.record.missing_digest).not.toBe(seen.missing_digest)
    const second = await restarted(bridge, seen.missing_digest)
    await expect.poll(() => second.status(), SOON).toBe('held')
    const { heartbeat, missing_digest } = second.watch.record
    await expect.poll(() => second.watch.record.heartbeat, SOON).toBeGreaterThan(heartbeat)
    expect([second.status(), await gone(second)]).toEqual(['held', ['deleted vm-1']])

    const third = await restarted(second, missing_digest)
    await expect.poll(() => third.status(), SOON).toBe('synced')
    expect(await gone(third)).toEqual(NAMES.slice(1).map(name => `deleted ${name}`))
  })

  test('what is held stays held over a restart', async () => {
    await adopted()
    for (const name of NAMES) at.removeVm(name)
    const first = await started()
    await expect.poll(() => first.status(), SOON).toBe('held')
    await first[Symbol.asyncDispose]()
    const second = await started()
    const lists = at.server.requests.get('list virtualmachines') ?? 0
    await expect.poll(() => at.server.requests.get('list virtualmachines'), SOON).toBeGreaterThanOrEqual(lists + 2)
    await expect.poll(() => [second.status(), second.watch.record.missing], SOON).toEqual(['held', 8])
    expect(await gone(second)).toEqual([])
  })

  test('live deletions in such a burst are told at once, marked, and wait for a person', async () => {
    await adopted()
    const bridge = await started()
    await expect
      .poll(async () => (await bridge.clusterEvents()).map(event => event.data.fact), SOON)
      .toContain('resynced')
    for (const name of NAMES) at.removeVm(name)
    await expect.poll(() => gone(bridge), SOON).toHaveLength(8)
    const marks = (await bridge.vmEvents())
      .filter(event => event.data.fact === 'deleted')
      .map(event => event.data.burst)
    expect(marks).toEqual([false, false, false, false, false, true, true, true])
    await expect.poll(() => bridge.watch.record.burst?.count, SOON).toBe(3)
    bridge.confirm()
    await expect.poll(() => bridge.watch.record.burst, SOON).toBeNull()
    const last = (await bridge.clusterEvents()).at(-1)?.data
    expect(last).toMatchObject({ fact: 'deletions_confirmed', confirmed_by: 'alice', message: '3 VMs are gone' })
    expect(last?.deleted).toHaveLength(3)
  })
})
