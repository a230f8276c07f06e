import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { SNAPSHOTS } from '../../src/simulator/kube/resource.ts'
import { startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, type Bridge, openLog, startBridge } from '../cluster/bridge.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { believed, happen, mortal, randomOf, trouble, truth } from './chaos.ts'

const PATIENT = { timeout: 60_000, interval: 10 }
const TURNS = 12

/** Waits until the events say the truth, or the bridge is dead. */
async function settled(bridge: Bridge, isTrue: () => Promise<boolean>): Promise<void> {
  let dead = false
  void bridge.done.then(
    () => (dead = true),
    () => (dead = true),
  )
  await vi.waitUntil(async () => dead || (await isTrue()), PATIENT)
}

describe('Nothing is lost: a net change of a VM is published at least once, whatever crashes; order per VM name is kept.', () => {
  test.each([1, 2, 3])(
    'seed %i: after all that goes wrong, who heard only the events knows what the API server has',
    async seed => {
      const random = randomOf(seed)
      await using stack = new AsyncDisposableStack()
      const folder = stack.use(await temporaryFolder())
      const at = stack.use(await startWorld())
      const log = stack.use(await openLog(folder.path))
      at.addVm('vm-0')
      let bridge: Bridge = await startBridge(at, mortal(log, random))
      stack.defer(() => bridge[Symbol.asyncDispose]())
      for (let turn = 0; turn < TURNS; turn += 1) {
        const mend = random() < 0.4 ? await trouble(at, random) : () => Promise.resolve()
        for (let count = Math.floor(random() * 3); count > 0; count -= 1) happen(at, random)
        await mend()
        if (random() < 0.6) {
          await bridge[Symbol.asyncDispose]()
          bridge = await startBridge(at, random() < 0.7 ? mortal(log, random) : log)
        }
        if (random() < 0.5) await settled(bridge, async () => isDeepStrictEqual(await believed(log), truth(at)))
      }
      await bridge[Symbol.asyncDispose]()
      at.server.faults.clear()
      bridge = await startBridge(at, log)
      await expect.poll(() => believed(log), PATIENT).toEqual(truth(at))
      // How many changes a gap hid, and so how many were told, is up to the machine.
      expect((await all(log, 'events.vm')).length).toBeGreaterThan(TURNS / 2)
    },
  )

  test.each([1, 2, 3])(
    'seed %i: each snapshot that ended is told once, by one id, whatever went wrong meanwhile; those from before are not',
    async seed => {
      const random = randomOf(seed + 100)
      await using stack = new AsyncDisposableStack()
      const folder = stack.use(await temporaryFolder())
      const at = stack.use(await startWorld())
      const log = stack.use(await openLog(folder.path))
      const resources = ['vm', 'vmi', 'snapshot'] as const
      at.addVm('vm-0')
      const ended = [snapshotOf(at, 'old', random)]
      let bridge = await startBridge(at, log, { resources })
      stack.defer(() => bridge[Symbol.asyncDispose]())
      await expect.poll(() => knowsSnapshots(log), PATIENT).toBe(true)
      ended.length = 0
      for (let turn = 0; turn < TURNS; turn += 1) {
        const mend = random() < 0.4 ? await trouble(at, random) : () => Promise.resolve()
        for (let count = Math.floor(random() * 3); count > 0; count -= 1)
          ended.push(snapshotOf(at, `s-${turn}-${count}`, random))
        await mend()
        if (random() < 0.5) {
          await bridge[Symbol.asyncDispose]()
          bridge = await startBridge(at, random() < 0.7 ? mortal(log, random) : log, { resources })
        }
      }
      await bridge[Symbol.asyncDispose]()
      at.server.faults.clear()
      bridge = await startBridge(at, log, { resources })
      expect(ended.length).toBeGreaterThan(3)
      await expect.poll(() => toldSnapshots(log), PATIENT).toEqual(ended.toSorted())
    },
  )

  test('however its watches end, a bridge that goes on misses nothing, and lists nothing anew', async () => {
    const random = randomOf(5)
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const at = stack.use(await startWorld())
    const log = stack.use(await openLog(folder.path))
    const bridge = stack.use(await startBridge(at, log))
    await expect.poll(() => bridge.status(), PATIENT).toBe('synced')
    const lists = at.server.requests.get('list virtualmachines')
    for (let turn = 0; turn < 20; turn += 1) {
      const end = (['cut', 'end', 'truncateNext'] as const)[Math.floor(random() * 3)] ?? 'cut'
      for (const watch of at.server.watches) watch[end]()
      happen(at, random)
      await expect.poll(() => believed(log), PATIENT).toEqual(truth(at))
    }
    expect(at.server.requests.get('list virtualmachines')).toBe(lists)
  })

  test('what a gap hid is marked, and nothing in between is invented', async () => {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const at = stack.use(await startWorld())
    const log = stack.use(await openLog(folder.path))
    at.addVm('vm-0', { turn: '0' })
    const first = await startBridge(at, log)
    await expect.poll(() => first.status(), PATIENT).toBe('synced')
    await first[Symbol.asyncDispose]()
    for (const turn of ['1', '2', '3']) at.relabel('vm-0', { turn })
    at.boot('vm-0')
    at.halt('vm-0')
    stack.use(await startBridge(at, log))
    await expect.poll(() => believed(log), PATIENT).toEqual(truth(at))
    const told = (await all(log, 'events.vm')).map(({ value }) => (value as Event<VmEventData>).data)
    expect(told.map(data => [data.fact, data.gap, data.vm.labels['turn']])).toEqual([
      ['discovered', false, '0'],
      ['labels_changed', true, '3'],
    ])
  })
})

/** A snapshot of vm-0 that has ended, well or not. Gives what is to be told of it. */
function snapshotOf(at: World, name: string, random: () => number): string {
  const ref = { namespace: 'shop', name }
  at.store.create(SNAPSHOTS, { metadata: ref, spec: { source: { kind: 'VirtualMachine', name: 'vm-0' } } })
  const well = random() < 0.5
  const status = well ? { phase: 'Succeeded', readyToUse: true } : { phase: 'Failed', readyToUse: false }
  at.store.patch(SNAPSHOTS, ref, { status }, 'status')
  return `${well ? 'snapshot_succeeded' : 'snapshot_failed'} ${name}`
}

/** What was told of snapshots, each id once. */
async function toldSnapshots(log: EventLog): Promise<readonly string[]> {
  const events = (await all(log, 'events.vm')).map(({ value }) => value as Event<VmEventData>)
  const once = new Map(events.map(event => [event.id, event.data]))
  const about = [...once.values()].filter(({ fact }) => fact.startsWith('snapshot'))
  return about.map(({ fact, transition }) => `${fact} ${transition.to}`).toSorted()
}

async function knowsSnapshots(log: EventLog): Promise<boolean> {
  for await (const { key, value } of log.latest('state.fleet'))
    if (key === 'prod-1/shop/vm-0') return (value as VmRecord).knows?.includes('snapshot') === true
  return false
}
