import { describe, expect, test } from 'vitest'
import { guest, hostOf, uuid } from './guest.ts'
import { LAUNCH, names, PATCH, startWorld, type World, type WorldOptions } from './world.ts'

const CANCEL = { method: 'POST', path: /\/cancel\/$/ }

async function known(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld(options)
  world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
  await world.sync()
  return world
}

let wishes = 0
async function cancel(world: World, run: string, by = 'bob'): Promise<void> {
  const id = uuid(800_000 + ++wishes)
  const value = { schema: 1, kind: 'cancel', id, run, asked_by: by, at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

describe('a person cancels a run', () => {
  test('that runs: its job is cancelled, its hosts are unknown, and it says who did it', async () => {
    await using world = await known({ outcome: () => 'hang' })
    await world.command({ hosts: names('web-1') })
    await world.until(() => world.run().status === 'following')
    await cancel(world, world.run().id)
    await cancel(world, world.run().id, 'too late')
    await world.settle()
    expect(world.launches()[0]).toMatchObject({ status: 'canceled' })
    expect(world.run()).toMatchObject({ outcome: 'unknown', cancel: { by: 'bob' } })
    expect(world.run().message).toContain('bob cancelled it')
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
  })

  test('that has launched nothing: nothing is launched', async () => {
    await using world = await known({ caps: { jobs: 1 }, outcome: () => 'hang' })
    await world.command({ id: uuid(8_101), hosts: names('web-1') })
    await world.command({ id: uuid(8_102), hosts: names('web-2') })
    await world.turn()
    expect(world.run(1)).toMatchObject({ status: 'planned', message: 'waits: 1 job is in flight' })
    await cancel(world, uuid(8_102))
    await world.turn()
    expect(world.run(1)).toMatchObject({ outcome: 'refused', message: 'bob cancelled it before anything ran' })
    expect(world.launches()).toHaveLength(1)
  })

  test('whose launch is still searched for: when its job is found it is cancelled, when there is none it is not launched again', async () => {
    for (const [fault, jobs, outcome] of [
      [{ kind: 'drop-then-commit', afterMs: 10_000 }, 1, 'unknown'],
      [{ kind: 'drop-before-commit' }, 0, 'refused'],
    ] as const) {
      await using world = await known({ outcome: () => 'hang' })
      world.controller.faults.add(LAUNCH, fault)
      await world.command({ hosts: names('web-1') })
      await world.turn()
      await cancel(world, world.run().id)
      await world.settle(2_500)
      expect([world.launches().length, world.run().outcome]).toEqual([jobs, outcome])
    }
  })

  test('and the controller does not hear it at once: it is told again', async () => {
    await using world = await known({ outcome: () => 'hang' })
    await world.command({ hosts: names('web-1') })
    await world.until(() => world.run().status === 'following')
    world.controller.faults.add(CANCEL, { kind: 'gateway-error', status: 503, commit: false }, 3)
    await cancel(world, world.run().id)
    await world.settle()
    expect(world.launches()[0]).toMatchObject({ status: 'canceled' })
    expect(world.said('trouble')).toHaveLength(3)
  })

  test('that has ended, or that nobody knows: nothing happens, also after a restart', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1') })
    await world.settle()
    const before = world.run()
    await cancel(world, before.id)
    await cancel(world, uuid(5))
    await world.turn()
    await world.restart()
    await world.turn()
    expect(world.runs()).toEqual([before])
    expect(world.said('deferred').filter(said => said.startsWith('not cancelled'))).toEqual([
      `not cancelled: run ${before.id} has ended`,
      `not cancelled: there is no run ${uuid(5)}`,
    ])
  })
})

describe('a run that stands still is told of once', () => {
  const facts = async (world: World): Promise<number> =>
    (await world.events()).filter(event => event.fact === 'run_stuck').length

  test('when its job waits at the controller for half an hour, with what the controller says of why', async () => {
    await using world = await known({
      objects: objects => {
        for (const template of objects.templates) if (template.name === PATCH) template.allow_simultaneous = false
      },
      outcome: () => ({ outcome: 'ok', ms: 3_600_000 }),
    })
    await world.command({ hosts: names('web-1') })
    await world.turn()
    await world.command({ hosts: names('web-2') })
    await world.until(() => world.said('trouble').length > 0, 60_000)
    expect(world.said('trouble')).toEqual([
      expect.stringMatching(/^stands still: its job waits at the controller: waiting for .* to finish$/) as string,
    ])
    await world.settle(60_000)
    expect(await facts(world)).toBe(1)
    expect(world.runs().map(run => run.outcome)).toEqual(['ok', 'ok'])
  })

  test('when the controller does not answer for as long, and not before', async () => {
    await using world = await known()
    world.controller.faults.add({}, { kind: 'server-error' }, 10_000)
    await world.command({ hosts: names('web-1') })
    for (let minute = 0; minute <= 30; minute += 1) {
      await world.turn()
      expect(await facts(world)).toBe(0)
      await world.clock.advance(60_000)
    }
    for (let minute = 0; minute < 5; minute += 1) {
      await world.turn()
      await world.clock.advance(60_000)
    }
    expect(await facts(world)).toBe(1)
  })
})

test('why a host failed and what its play told of it stand with its outcome', async () => {
  const told = { verb: 'patch', outcome: 'ok', check: false, message: '', reboot: 'not_needed', packages_count: 3 }
  await using world = await known({
    outcome: (host, _variables, _template, { extra_vars }) => ({
      outcome: host.startsWith('web-1') ? 'failed' : 'ok',
      message: 'no space left on device',
      artifacts: { virtbridge: { [host]: { ...told, run_id: extra_vars['virtbridge_run_id'] } } },
    }),
  })
  world.controller.faults.add({ method: 'GET', path: /\/job_events\// }, { kind: 'server-error' })
  await world.command({ hosts: names('web-1', 'web-2') })
  await world.settle()
  // Its reason could not be read: the outcome did not wait for it.
  expect(world.details()[hostOf('web-1')]).toMatch(/^1 failed, .* skipped$/)
  await world.command({ hosts: names('web-1', 'web-2') })
  await world.settle()
  const results = world.ledger.results(world.run(1).id)
  expect(results.map(result => [result.host, result.outcome])).toEqual([
    [hostOf('web-1'), 'failed'],
    [hostOf('web-2'), 'ok'],
  ])
  expect(results[0]?.detail).toContain('no space left on device')
  expect(results[1]?.returned).toEqual({ ...told, run_id: world.run(1).id })
})
