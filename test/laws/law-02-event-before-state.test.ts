import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ClusterBook } from '../../src/cluster/book.ts'
import { ClusterFold } from '../../src/cluster/fold.ts'
import { newCluster } from '../../src/cluster/index.ts'
import type { Inbound } from '../../src/cluster/resources.ts'
import type { EventLog } from '../../src/log/index.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { type Bridge, dying, openLog, startBridge, watched } from '../cluster/bridge.ts'
import { aVm, listed, live } from '../cluster/folding.ts'
import { SOON, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { CLUSTER, HOLDS } from '../vm/story.ts'

let stack: AsyncDisposableStack
let at: World
let log: EventLog
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  at = stack.use(await startWorld())
  log = stack.use(await openLog(folder.path))
})
afterEach(() => stack.disposeAsync())

async function adopted(): Promise<void> {
  const bridge = await startBridge(at, log)
  await expect.poll(() => bridge.status(), SOON).toBe('synced')
  await bridge[Symbol.asyncDispose]()
}

async function started(own: EventLog): Promise<Bridge> {
  return stack.use(await startBridge(at, own))
}

describe('Event before state, both before memory. A crash between repeats the same fact with the same id.', () => {
  test('each event of a VM and of a cluster stands before the state it led to, in the same append', async () => {
    const seen = watched(log)
    const bridge = await started(seen)
    await expect.poll(() => bridge.status(), SOON).toBe('synced')
    at.addVm('a')
    at.boot('a')
    await expect.poll(() => bridge.facts(), SOON).toContain('reachable a')
    at.removeVm('a')
    await expect.poll(() => bridge.facts(), SOON).toContain('deleted a')
    const events = seen.appends.flatMap(entries =>
      entries.flatMap((entry, index) =>
        entry.stream.startsWith('events.')
          ? [{ entry, before: entries.slice(0, index), after: entries.slice(index + 1) }]
          : [],
      ),
    )
    expect(events.map(({ entry }) => entry.stream)).toEqual(
      expect.arrayContaining(['events.vm', 'events.cluster']) as unknown,
    )
    for (const { entry, before, after } of events) {
      const state = (other: { stream: string; key: string }): boolean =>
        other.stream === 'state.fleet' && other.key === entry.key
      expect([before.some(state), after.some(state)]).toEqual([false, true])
    }
  })

  test('a crash after the event and before the state repeats the fact with its id', async () => {
    await adopted()
    // What an engine does that does not know appends of several entries: the first is durable, the rest is not.
    const torn: EventLog = {
      ...dying(log, { when: () => false, durable: true }),
      append: async entries => {
        const [first] = entries
        if (first?.stream !== 'events.vm') return log.append(entries)
        await log.append([first])
        return dying(log, { when: () => true, durable: false }).append([])
      },
    }
    const crashed = await started(torn)
    await expect.poll(() => crashed.status(), SOON).toBe('synced')
    at.addVm('a')
    await expect(crashed.done).rejects.toThrow('killed')
    const again = await started(log)
    await expect.poll(() => again.facts(), SOON).toEqual(['created a', 'created a'])
    const [one, other] = await again.vmEvents()
    expect(other?.id).toBe(one?.id)
  })

  test('memory does not move before what it moved for is durable', async () => {
    const ahead: unknown[] = []
    let bridge: Bridge | null = null
    const looking: EventLog = {
      ...dying(log, { when: () => false, durable: true }),
      append: async entries => {
        const next = entries.find(entry => entry.key === 'prod-1' && entry.stream === 'state.fleet')?.value
        const position = await log.append(entries)
        if (next !== undefined && bridge?.watch.record === next) ahead.push(next)
        return position
      },
    }
    bridge = await started(looking)
    const { watch } = bridge
    await expect.poll(() => watch.record.status, SOON).toBe('synced')
    await at.server.down()
    await expect.poll(() => watch.record.status, SOON).toBe('unavailable')
    await at.server.up()
    await expect.poll(() => watch.record.status, SOON).toBe('synced')
    expect(ahead).toEqual([])
  })

  test('nor does that of a VM', async () => {
    const records = new Map<string, VmRecord>()
    const known: (readonly string[])[] = []
    const looking: EventLog = {
      ...dying(log, { when: () => false, durable: true }),
      append: async entries => {
        const position = await log.append(entries)
        known.push([...records.keys()])
        return position
      },
    }
    const fold = new ClusterFold({ cluster: CLUSTER, holds: HOLDS, adopted: true, records })
    const book = new ClusterBook({ log: looking, now: () => 0 }, newCluster(CLUSTER.name, ''))
    const store = async (...inbound: readonly Inbound[]): Promise<void> => {
      for (const one of inbound) await book.store(fold, fold.fold(one, 0))
    }
    await store(listed('vm', aVm('a')), listed('vmi'), live('changed', 'vm', aVm('b')), live('gone', 'vm', aVm('a')))
    expect(known).toEqual([[], ['shop/a'], ['shop/a', 'shop/b']])
    expect([...records.keys()]).toEqual(['shop/b'])
  })
})
