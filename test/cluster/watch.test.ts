import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EventLog } from '../../src/log/index.ts'
import { onPlural } from '../../src/simulator/kube/faults.ts'
import type { Forward } from '../../src/simulator/kube/front.ts'
import { listPage } from '../../src/simulator/kube/list.ts'
import { parseRequest } from '../../src/simulator/kube/request.ts'
import { VMS } from '../../src/simulator/kube/resource.ts'
import { Budget } from '../../src/kube/index.ts'
import { SOON, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, type Bridge, dying, openLog, SHORT, startBridge, watched } from './bridge.ts'

let stack: AsyncDisposableStack
let at: World
let log: EventLog
/** Answers in place of the API server when it gives true. */
let intercept: Forward
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  intercept = () => false
  at = stack.use(await startWorld({ forward: (...asked) => intercept(...asked) }))
  log = stack.use(await openLog(folder.path))
})
afterEach(() => stack.disposeAsync())

async function bridge(options: { log?: EventLog } = {}): Promise<Bridge> {
  return stack.use(await startBridge(at, options.log ?? log))
}

async function synced(some: Bridge): Promise<void> {
  await expect.poll(() => some.status(), SOON).toBe('synced')
}

const clusterFacts = async (some: Bridge): Promise<readonly string[]> =>
  (await some.clusterEvents()).map(event => event.data.fact)

test('the life of a VM becomes its facts in order, each with its state in one append, the event first', async () => {
  const seen = watched(log)
  const some = await bridge({ log: seen })
  await synced(some)
  at.addVm('web-1')
  at.boot('web-1')
  await expect.poll(() => some.facts(), SOON).toEqual(['created web-1', 'started web-1', 'reachable web-1'])
  at.halt('web-1')
  await expect.poll(async () => (await some.facts()).at(-1), SOON).toBe('stopped web-1')
  at.removeVm('web-1')
  await expect.poll(async () => (await some.facts()).at(-1), SOON).toBe('deleted web-1')
  const about = seen.appends.map(entries =>
    entries.filter(entry => entry.key === 'prod-1/shop/web-1').map(entry => entry.stream),
  )
  const withEvents = about.filter(streams => streams.includes('events.vm'))
  expect(withEvents).not.toEqual([])
  for (const streams of withEvents) {
    expect(streams.at(-1)).toBe('state.fleet')
    expect(streams.indexOf('events.vm')).toBeLessThan(streams.indexOf('state.fleet'))
  }
  expect((await all(log, 'state.fleet')).findLast(entry => entry.key === 'prod-1/shop/web-1')?.value).toBeNull()
})

describe('a kill', () => {
  test.each([
    ['before the append is durable', false],
    ['after it is, and before memory moved on', true],
  ])('%s repeats the same facts with the same ids, and loses none', async (_, durable) => {
    const first = await bridge()
    await synced(first)
    await first[Symbol.asyncDispose]()
    const mortal = dying(log, { durable, when: entries => entries.some(entry => entry.stream === 'events.vm') })
    const killed = await bridge({ log: mortal })
    await expect.poll(() => killed.status(), SOON).toBe('synced')
    at.addVm('web-1')
    at.boot('web-1')
    await expect(killed.done).rejects.toMatchObject({ reaction: 'fatal' })

    const again = await bridge()
    await expect
      .poll(async () => new Set(await again.facts()), SOON)
      .toEqual(new Set(['created web-1', 'started web-1', 'reachable web-1']))
    const events = await again.vmEvents()
    const byFact = new Map(events.map(event => [event.data.fact, event.id]))
    expect(new Set(events.map(event => event.id))).toEqual(new Set(byFact.values()))
    expect(byFact.size).toBe(3)
  })

  test('while it was down: what came, changed and went is found, and marked', async () => {
    for (const name of ['stays', 'goes', 'moves']) at.addVm(name)
    at.boot('moves')
    const first = await bridge()
    await synced(first)
    await first[Symbol.asyncDispose]()
    const before = (await first.facts()).length
    at.removeVm('goes')
    at.addVm('comes')
    at.relabel('stays', { x: 'y' })
    at.halt('moves')
    at.boot('moves', { node: 'node-2' })
    const second = await bridge()
    const facts = async (): Promise<string[]> =>
      (await second.vmEvents())
        .slice(before)
        .map(event => `${event.data.fact} ${event.data.vm.name} ${event.data.gap ? 'gap' : ''}`.trim())
    await expect
      .poll(async () => (await facts()).sort(), SOON)
      .toEqual([
        'created comes gap',
        'deleted goes gap',
        'labels_changed stays gap',
        'reachable moves gap',
        'restarted moves gap',
      ])
  })
})

describe('a cluster that is adopted', () => {
  test('is joined once, its VMs are discovered and nothing else', async () => {
    at.addVm('a')
    at.boot('a')
    const some = await bridge()
    await synced(some)
    expect(await some.facts()).toEqual(['discovered a'])
    expect(await clusterFacts(some)).toEqual(['joined'])
    await some[Symbol.asyncDispose]()
    const again = await bridge()
    await expect.poll(() => clusterFacts(again), SOON).toEqual(['joined', 'resynced'])
    expect(await again.facts()).toEqual(['discovered a'])
  })

  test('is not adopted before its VMIs were read', async () => {
    at.addVm('a')
    const mend = at.server.faults.plant({ kind: 'forbidden' }, onPlural('virtualmachineinstances'))
    const some = await bridge()
    await expect.poll(() => some.watch.record.cause, SOON).toBe('forbidden')
    expect([some.status(), some.watch.record.adopted_at, await some.facts()]).toEqual(['joining', 0, []])
    expect(some.watch.record.hint).toMatch(/ClusterRole/)
    mend()
    await synced(some)
    expect(await some.facts()).toEqual(['discovered a'])
  })
})

describe('a cluster that can not be seen', () => {
  test('is unavailable and says so, once; when it is back, it is available, and nothing is lost', async () => {
    at.addVm('a')
    const some = await bridge()
    await synced(some)
    await at.server.down()
    await expect.poll(() => some.status(), SOON).toBe('unavailable')
    at.addVm('b')
    at.removeVm('a')
    expect(await some.facts()).toEqual(['discovered a'])
    await at.server.up()
    await synced(some)
    await expect.poll(() => some.facts(), SOON).toEqual(['discovered a', 'created b', 'deleted a'])
    expect(await clusterFacts(some)).toEqual(['joined', 'unreachable', 'available'])
    expect(some.watch.record).toMatchObject({ reason: '', hint: '', cause: '' })
  })

  test('whose history was forgotten meanwhile is available again too', async () => {
    const some = await bridge()
    await synced(some)
    await at.server.down()
    await expect.poll(() => some.status(), SOON).toBe('unavailable')
    at.addVm('b')
    at.store.compact()
    await at.server.up()
    await synced(some)
    await expect.poll(() => some.facts(), SOON).toEqual(['created b'])
    await expect
      .poll(async () => (await clusterFacts(some)).slice(0, 3), SOON)
      .toEqual(['joined', 'unreachable', 'available'])
  })

  test('at a start is unavailable, keeps its VMs, and is available when it is back', async () => {
    at.addVm('a')
    const first = await bridge()
    await synced(first)
    await first[Symbol.asyncDispose]()
    await at.server.down()
    const second = await bridge()
    await expect.poll(() => second.status(), SOON).toBe('unavailable')
    await at.server.up()
    await synced(second)
    expect(await clusterFacts(second)).toEqual(['joined', 'unreachable', 'available'])
    expect(await second.facts()).toEqual(['discovered a'])
  })

  test.each(['virtualmachines', 'virtualmachineinstances'])(
    'because %s are forbidden is held as it was, and stays unavailable until they are not',
    async plural => {
      at.addVm('a')
      at.boot('a')
      // Longer than it takes from the cut to the first refusal, on any machine.
      const some = stack.use(await startBridge(at, log, { outageHoldMs: 3_000 }))
      await synced(some)
      const mend = at.server.faults.plant({ kind: 'forbidden' }, onPlural(plural))
      at.store.compact()
      for (const watch of at.server.watches) watch.cut()
      await expect.poll(() => some.watch.record.cause, SOON).toBe('forbidden')
      const asked = (): number => at.server.requests.get(`watch ${plural}`) ?? 0
      const before = asked()
      await expect.poll(asked, SOON).toBeGreaterThan(before + 2)
      await expect.poll(() => some.status(), SOON).toBe('unavailable')
      expect([some.status(), await some.facts()]).toEqual(['unavailable', ['discovered a']])
      mend()
      await synced(some)
      expect(await some.facts()).toEqual(['discovered a'])
      const told = (await clusterFacts(some)).filter(fact => fact !== 'resynced')
      expect(told).toEqual(['joined', 'unavailable', 'available'])
    },
  )

  test('writes no heartbeat; one that is seen does', async () => {
    const some = await bridge()
    await synced(some)
    const first = some.watch.record.heartbeat
    await expect.poll(() => some.watch.record.heartbeat, SOON).toBeGreaterThan(first)
    await at.server.down()
    await expect.poll(() => some.status(), SOON).toBe('unavailable')
    const last = some.watch.record.heartbeat
    await expect.poll(() => Date.now() - last, SOON).toBeGreaterThan(200)
    expect(some.watch.record.heartbeat).toBe(last)
  })
})

describe('a cluster whose watches end, are cut, or go on from another server', () => {
  test('is told as nothing: what is mended in time is no fact, and nothing is lost', async () => {
    const some = stack.use(await startBridge(at, log, { outageHoldMs: 5_000 }))
    await synced(some)
    for (const [turn, name] of ['a', 'b', 'c', 'd'].entries()) {
      const watches = [...at.server.watches]
      if (turn === 2) at.server.faults.plant({ kind: 'status', code: 503 }, undefined, 3)
      for (const watch of watches)
        if (turn % 2 === 0) watch.end()
        else watch.cut()
      at.addVm(name)
      await expect.poll(async () => (await some.facts()).at(-1), SOON).toBe(`created ${name}`)
    }
    expect([await clusterFacts(some), some.status()]).toEqual([['joined'], 'synced'])
  })

  test('tells no fact that waited before it has read what it missed', async () => {
    const some = stack.use(await startBridge(at, log, { outageHoldMs: 5_000, holds: { ...SHORT, stopped: 1_500 } }))
    at.addVm('a')
    at.boot('a')
    await synced(some)
    await expect.poll(() => some.facts(), SOON).toContain('discovered a')
    at.halt('a')
    await expect.poll(() => at.server.requests.get('watch virtualmachineinstances') ?? 0, SOON).toBe(0)
    const mend = at.server.faults.plant({ kind: 'status', code: 503 })
    for (const watch of at.server.watches) watch.cut()
    at.boot('a', { node: 'node-2' })
    const cut = Date.now()
    await expect.poll(() => Date.now() - cut, SOON).toBeGreaterThan(2_000)
    mend()
    await expect.poll(async () => (await some.facts()).at(-1), SOON).toBe('reachable a')
    expect(await some.facts()).toEqual(['discovered a', 'restarted a', 'reachable a'])
  })
})

describe('an audit', () => {
  test('that finds what is known tells nothing; what a watch lost it finds, counts and tells', async () => {
    await stack.disposeAsync()
    stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    at = stack.use(await startWorld({ watch: { bookmarkEveryMs: 10 }, forward: (...asked) => intercept(...asked) }))
    log = stack.use(await openLog(folder.path))
    for (const name of ['a', 'b', 'c', 'd']) at.addVm(name)
    const budget = new Budget({ atOnce: 4, perSecond: 1_000 })
    const some = stack.use(await startBridge(at, log, { reflect: { audit: { everyMs: 1, budget } } }))
    await synced(some)
    await expect.poll(() => some.audits.length, SOON).toBeGreaterThan(4)
    expect([Math.max(...some.audits), await some.facts(), await clusterFacts(some)]).toEqual([
      0,
      ['discovered a', 'discovered b', 'discovered c', 'discovered d'],
      ['joined'],
    ])
    // As a watch cache that has lost a deletion: the list from etcd does not have it any more.
    intercept = (request, response) => {
      if (!/virtualmachines\?limit/.test(request.url ?? '')) return false
      const parsed = parseRequest('GET', new URL(`http://x${request.url ?? ''}`))
      if (parsed === null) return false
      const page = listPage(at.store, VMS, parsed)
      response.end(JSON.stringify({ ...page, items: page.items.filter(({ metadata }) => metadata.name !== 'd') }))
      return true
    }
    await expect.poll(async () => (await some.facts()).at(-1), SOON).toBe('deleted d')
    const [deleted] = (await some.vmEvents()).slice(-1)
    expect([deleted?.data.origin, deleted?.data.gap]).toEqual(['audit', true])
    await expect.poll(() => Math.max(...some.audits), SOON).toBe(1)
    const told = async (): Promise<readonly unknown[]> =>
      (await some.clusterEvents()).map(({ data }) => [data.fact, data.origin, data.corrections])
    await expect.poll(told, SOON).toContainEqual(['resynced', 'audit', 1])
  })
})

describe('another cluster behind the same URL', () => {
  test('is not read: what is known is held, and the record says what happened', async () => {
    at.addVm('a')
    const some = await bridge()
    await synced(some)
    await at.server.down()
    at.store.replaceIdentity()
    at.removeVm('a')
    at.addVm('stranger')
    at.store.compact()
    await at.server.up()
    await expect.poll(() => some.watch.record.cause, SOON).toBe('replaced')
    expect(some.watch.record).toMatchObject({
      status: 'unavailable',
      hint: expect.stringMatching(/name of its own/) as string,
    })
    const again = await afterRestart(some)
    await expect.poll(() => again.watch.record.cause, SOON).toBe('replaced')
    expect(await again.facts()).toEqual(['discovered a'])
  })
})

describe('a mass loss', () => {
  const names = Array.from({ length: 8 }, (_, index) => `vm-${index}`)

  test('in a list is asked again, held, and ended by a person', async () => {
    for (const name of names) at.addVm(name)
    const first = await bridge()
    await synced(first)
    await first[Symbol.asyncDispose]()
    for (const name of names) at.removeVm(name)
    const lists = at.server.requests.get('list virtualmachines') ?? 0
    const some = await bridge()
    await expect.poll(() => some.status(), SOON).toBe('held')
    expect(at.server.requests.get('list virtualmachines')).toBe(lists + 2)
    expect(some.watch.record).toMatchObject({
      missing: 8,
      cause: 'missing_vms',
      hint: expect.stringContaining('virtbridge confirm-deletions prod-1') as string,
    })
    expect((await some.facts()).filter(fact => fact.startsWith('deleted'))).toEqual([])
    some.confirm()
    await synced(some)
    expect((await some.facts()).filter(fact => fact.startsWith('deleted')).sort()).toEqual(
      names.map(name => `deleted ${name}`),
    )
  })

  test('that the second list does not confirm is none', async () => {
    for (const name of names) at.addVm(name)
    const first = await bridge()
    await synced(first)
    await first[Symbol.asyncDispose]()
    let wrong = 1
    intercept = (request, response) => {
      if (!/virtualmachines\?.*sendInitialEvents/.test(request.url ?? '') || wrong === 0) return false
      wrong -= 1
      const metadata = {
        resourceVersion: String(at.store.revision),
        annotations: { 'k8s.io/initial-events-end': 'true' },
      }
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`)
      return true
    }
    const some = await bridge()
    await expect.poll(() => clusterFacts(some), SOON).toEqual(['joined', 'resynced'])
    await synced(some)
    expect([wrong, some.watch.record.missing, (await some.facts()).length]).toEqual([0, 0, 8])
  })

  test('seen live is told at once and marked as a burst', async () => {
    for (const name of names) at.addVm(name)
    const some = await bridge()
    await synced(some)
    for (const name of names) at.removeVm(name)
    await expect.poll(async () => (await some.facts()).filter(fact => fact.startsWith('deleted')).length, SOON).toBe(8)
    const bursts = (await some.vmEvents()).filter(event => event.data.fact === 'deleted').map(event => event.data.burst)
    expect(bursts).toEqual([false, false, false, false, false, true, true, true])
    expect(some.status()).toBe('synced')
  })
})

test('what is not required and can not be read stands in the record, with why, until it can be', async () => {
  const mend = at.server.faults.plant({ kind: 'forbidden' }, onPlural('virtualmachinesnapshots'))
  const some = stack.use(await startBridge(at, log, { resources: ['vm', 'vmi', 'snapshot', 'clone'] }))
  await synced(some)
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual(['snapshot: forbidden'])
  expect(some.status()).toBe('synced')
  mend()
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual([])
})

test('a thousand VMs are read in appends of bounded size', async () => {
  for (let index = 0; index < 1_000; index += 1) at.addVm(`vm-${index}`)
  const seen = watched(log)
  const some = stack.use(await startBridge(at, seen, {}))
  await synced(some)
  expect(Math.max(...seen.appends.map(entries => entries.length))).toBeLessThanOrEqual(402)
  expect((await all(log, 'events.vm')).length).toBe(1_000)
})

async function afterRestart(some: Bridge): Promise<Bridge> {
  await some[Symbol.asyncDispose]()
  return bridge()
}
