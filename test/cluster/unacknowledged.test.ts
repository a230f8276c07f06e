import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Entry, type EventLog, LogError } from '../../src/log/index.ts'
import { type Keep, PackedMap, type VmRecord } from '../../src/vm/index.ts'
import { SOON, startWorld, type World } from '../kube/world.ts'
import { appending } from '../support/appending.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type Bridge, openLog, startBridge } from './bridge.ts'

/** More than wait between sockets and log: the last of them are still in the socket, or at the API server. */
const MANY = 700

let stack: AsyncDisposableStack
let at: World
let log: EventLog
/** From where VMs were watched, each time a watch of them was opened. */
let resumed: number[]
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  resumed = []
  const folder = stack.use(await temporaryFolder())
  at = stack.use(
    await startWorld({
      forward: ({ url = '' }) => {
        const [path = '', query] = url.split('?')
        const from = new URLSearchParams(query)
        if (path.endsWith('/virtualmachines') && from.has('watch')) resumed.push(Number(from.get('resourceVersion')))
        return false
      },
    }),
  )
  log = stack.use(await openLog(folder.path))
})
afterEach(() => stack.disposeAsync())

/** A log that takes events of VMs and says nothing, until it is told what becomes of them. */
interface Silent {
  readonly log: EventLog
  /** Appends that wait. */
  readonly waiting: () => number
  acknowledge(): void
  refuse(error: LogError): void
}

function silent(): Silent {
  const gate = Promise.withResolvers<void>()
  gate.promise.catch(() => undefined)
  let waiting = 0
  const append = async (entries: readonly Entry[]): ReturnType<EventLog['append']> => {
    if (entries.some(({ stream }) => stream === 'events.vm')) {
      waiting += 1
      await gate.promise
    }
    return log.append(entries)
  }
  return {
    log: appending(log, append),
    waiting: () => waiting,
    acknowledge: () => gate.resolve(),
    refuse: error => gate.reject(error),
  }
}

/** A bridge whose watch of VMs has gone on past `count` of them, of which the log has acknowledged none. */
async function ahead(own: Silent, count: number, records: Keep<VmRecord>): Promise<Bridge> {
  const bridge = stack.use(await startBridge(at, own.log, { records, outageHoldMs: 60_000 }))
  stack.defer(() => own.acknowledge())
  await vi.waitUntil(() => bridge.status() === 'synced', SOON)
  const names = Array.from({ length: count }, (_, index) => `vm-${index}`)
  at.addVm(names[0] ?? '')
  await vi.waitUntil(() => own.waiting() > 0, SOON)
  const first = at.store.revision
  for (const name of names.slice(1)) at.addVm(name)
  const before = resumed.length
  for (const watch of at.server.watches) watch.end()
  // What may wait has been taken, and the watch is open again where that ended.
  const isPast = (): boolean => resumed.length > before && (resumed.at(-1) ?? 0) > first
  if (count < MANY) await vi.waitUntil(isPast, SOON)
  expect(await bridge.facts()).toEqual([])
  return bridge
}

async function created(bridge: Bridge): Promise<readonly string[]> {
  const events = (await bridge.vmEvents()).filter(({ data }) => data.fact === 'created')
  return [...new Map(events.map(({ id, data }) => [id, data.vm.name])).values()].toSorted()
}

describe.each([20, MANY])('a watch goes on past what was not published yet (%i VMs): all of it is told', count => {
  const all = Array.from({ length: count }, (_, index) => `vm-${index}`).toSorted()

  test('when the log acknowledges it late', async () => {
    const own = silent()
    const bridge = await ahead(own, count, new PackedMap<VmRecord>())
    own.acknowledge()
    await expect.poll(() => created(bridge), SOON).toEqual(all)
  })

  test('when its cluster is let go meanwhile, and taken back by the same process', async () => {
    const records = new PackedMap<VmRecord>()
    const own = silent()
    const gone = await ahead(own, count, records)
    const over = gone[Symbol.asyncDispose]()
    own.acknowledge()
    await over
    // What is known of it is what was published, and no more: that is what it is compared with.
    expect([...records.keys()].toSorted()).toEqual((await created(gone)).map(name => `shop/${name}`))
    const bridge = stack.use(await startBridge(at, log, { records }))
    await expect.poll(() => created(bridge), SOON).toEqual(all)
  })

  test('when another process takes over the log', async () => {
    const own = silent()
    const replaced = await ahead(own, count, new PackedMap<VmRecord>())
    own.refuse(new LogError('fenced', 'another process'))
    await expect(replaced.done).rejects.toMatchObject({ reaction: 'fenced' })
    const bridge = stack.use(await startBridge(at, log))
    await expect.poll(() => created(bridge), SOON).toEqual(all)
  })
})
