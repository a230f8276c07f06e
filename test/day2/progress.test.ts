import { describe, expect, test } from 'vitest'
import { MAX_WATCHED, WATCHED_MS } from '../../src/day2/spectator.ts'
import { MAX_TASK, noProgress, progressAfter } from '../../src/day2/progress.ts'
import { newRun, type Run } from '../../src/day2/index.ts'
import { guest, hostOf, meant, uuid } from './guest.ts'
import { names, startWorld, type World } from './world.ts'

const EVENTS = { method: 'GET', path: /\/job_events\// }

async function known(short: readonly string[], ms: (host: string) => number): Promise<World> {
  const world = await startWorld({
    policy: { driver: 'off' },
    outcome: host => ({ outcome: host.startsWith('web-2') ? 'failed' : 'changed', ms: ms(host) }),
  })
  world.put(...short.map(name => guest(name, { adopted: true })))
  await world.sync()
  return world
}

async function watch(world: World, run: Run): Promise<void> {
  const id = crypto.randomUUID()
  const value = { schema: 1, kind: 'watch', id, run: run.id, at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

/** Requests for events of jobs, counted from now on. */
function asked(world: World): { readonly count: number } {
  const seen = { count: 0 }
  const { faults } = world.controller
  const before = { ...faults }
  faults.take = (method, path) => {
    if (method === EVENTS.method && EVENTS.path.test(path)) seen.count += 1
    return before.take(method, path)
  }
  return seen
}

describe('how a job goes', () => {
  test('is told host by host while it runs and somebody watches, by what is new alone, and is gone when it has ended', async () => {
    const slow = (host: string): number => (host.startsWith('web-3') ? 50_000 : 10_000)
    await using world = await known(['web-1', 'web-2', 'web-3'], slow)
    await world.command({ hosts: names('web-1', 'web-2', 'web-3') })
    await world.until(() => world.run().status === 'following', 100)
    const requests = asked(world)
    await world.turn()
    expect([world.ledger.progress(world.run().id), requests.count]).toEqual([undefined, 0])
    await watch(world, world.run())
    await world.until(() => world.ledger.progress(world.run().id) !== undefined)
    const { hosts = [] } = world.ledger.progress(world.run().id) ?? {}
    expect(hosts.map(({ host, state, changed }) => [host, state, changed])).toEqual([
      [hostOf('web-1'), 'runs', 1],
      [hostOf('web-2'), 'failed', 0],
      [hostOf('web-3'), 'waits', 0],
    ])
    await world.turn()
    expect(world.ledger.progress(world.run().id)?.hosts).toEqual(hosts)
    await world.restart({ reopen: true })
    expect(world.ledger.progress(world.run().id)?.hosts).toEqual(hosts)
    await world.settle(20_000)
    expect(world.ledger.progress(world.run().id)).toBeUndefined()
    expect(Object.values(world.outcomes())).toEqual(['ok', 'failed', 'ok'])
  })

  test('costs at most two requests a turn, whoever watches how much, each run in its turn; and none a minute later', async () => {
    const short = Array.from({ length: 25 }, (_, index) => `web-${index + 10}`)
    await using world = await known(short, () => 600_000)
    for (const name of short) await world.command({ hosts: names(name) })
    await world.until(() => world.runs().length === 25 && world.runs().every(run => run.status === 'following'), 100)
    const requests = asked(world)
    for (const run of world.runs()) await watch(world, run)
    const perTurn: number[] = []
    for (let turn = 0; turn < 12; turn += 1) {
      const before = requests.count
      await world.turn()
      perTurn.push(requests.count - before)
    }
    expect(perTurn).toEqual(Array.from({ length: 12 }, () => 2))
    await world.clock.advance(WATCHED_MS + 1)
    const before = requests.count
    await world.turn()
    expect(requests.count).toBe(before)
    expect(MAX_WATCHED).toBe(20)
  })

  test('that can not be read holds up nothing: the run ends as it ends', async () => {
    await using world = await known(['web-1'], () => 20_000)
    await world.command({ hosts: names('web-1') })
    await world.until(() => world.run().status === 'following', 100)
    world.controller.faults.add(EVENTS, { kind: 'server-error' }, 1_000)
    await watch(world, world.run())
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })
})

describe('progress', () => {
  const hosts = ['web-1', 'web-2'].map(name => meant(guest(name)))
  const run = newRun({ id: uuid(1), verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts }, 0)
  const event = (
    kind: 'task' | 'ok' | 'failed' | 'unreachable' | 'skipped',
    host = '',
    task = 'T',
    changed = false,
  ) => ({
    kind,
    host: host === '' ? '' : hostOf(host),
    task,
    changed,
  })

  test('counts what is done, takes the last task, and a host that was rescued is under way again', () => {
    const events = [
      event('task', '', 'Update'),
      event('ok', 'web-1', 'Update', true),
      event('skipped', 'web-1', 'Skip'),
      event('failed', 'web-2', 'Update'),
      event('ok', 'web-2', 'Mend'),
      event('ok', 'web-9'),
    ]
    expect(progressAfter(noProgress(run), { events, after: 7 }, 5)).toMatchObject({
      at: 5,
      after: 7,
      task: 'Update',
      hosts: [
        { host: hostOf('web-1'), state: 'runs', done: 2, changed: 1, task: 'Skip' },
        { host: hostOf('web-2'), state: 'runs', done: 1, changed: 0, task: 'Mend' },
      ],
    })
  })

  test('is bounded: of the name of a task eighty characters are kept', () => {
    const long = progressAfter(
      noProgress(run),
      { events: [event('task', '', 'x'.repeat(500)), event('ok', 'web-1', 'y'.repeat(500))], after: 1 },
      0,
    )
    expect([long.task.length, long.hosts[0]?.task.length]).toEqual([MAX_TASK, MAX_TASK])
  })
})
