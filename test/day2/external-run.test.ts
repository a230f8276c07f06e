import { describe, expect, test } from 'vitest'
import type { Onlooking, Verb } from '../../src/day2/index.ts'
import { guest, hostOf } from './guest.ts'
import { launchByHand, relaunchByHand } from './operator.ts'
import { BESIDE, names, ONBOARD, PATCH, startWorld, type World, type WorldOptions } from './world.ts'

const VERBS = new Map<string, Verb>([
  [ONBOARD, 'onboard'],
  [PATCH, 'patch'],
  ['Break glass', 'patch'],
])
const ONLOOKING: Onlooking = { everyMs: 5_000, verbs: VERBS, rulebooks: new Set() }

/** Two old VMs that the controller knows, and a dispatcher that looks for jobs of others, by an account that may (not) read all of them. */
async function watched(options: WorldOptions = {}, auditor = true): Promise<World> {
  const world = await startWorld({
    onlooking: ONLOOKING,
    objects: objects => {
      const [patch] = objects.templates.filter(({ name }) => name === PATCH)
      if (patch === undefined) throw new Error('no template')
      objects.templates.push({ ...patch, name: 'Break glass' }, { ...patch, name: 'Reboot' })
      if (auditor)
        objects.roles = [
          ...(objects.roles ?? []),
          { user: 'virtbridge', on: 'organization', name: 'Default', role: 'auditor' },
        ]
    },
    ...options,
  })
  world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
  await world.sync()
  await world.turn()
  return world
}

/** The account of the bridge gets, or loses, the right to read what others launch. */
function mayAudit(world: World, may: boolean): void {
  for (const user of world.controller.store.users.all())
    if (user.username === 'virtbridge')
      user.roles = user.roles.map(role =>
        role.on === 'organization' ? { ...role, role: may ? 'auditor' : 'none' } : role,
      )
}

/** A person lets go of what a job of others holds. */
async function letGo(world: World, run: string): Promise<void> {
  const value = { schema: 1, kind: 'cancel', id: run, run, asked_by: 'bob', at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: run, value }])
}

const later = (world: World): Promise<void> => world.clock.advance(5_000)

describe('a job that a person launches from the controller', () => {
  test('is a run of its own in the ledger, holds its VM while it runs, and counts as what its template is known to do', async () => {
    await using world = await watched()
    const job = await launchByHand(world, 'Break glass', { limit: hostOf('web-1') })
    await later(world)
    // It has ended before it was looked for; a second one right behind it has not.
    const second = await launchByHand(world, PATCH, { limit: names('web-1').join() })
    await world.turn()
    const held = world.ledger.holder('uid-web-1')
    expect(held).toMatchObject({ asked_by: 'controller:alice', status: 'following', external: { by: 'alice' } })
    const allowed_by = 'the rights of alice at the controller (manual)'
    expect(held).toMatchObject({ trigger: 'controller', allowed_by })
    expect(world.ledger.verb('uid-web-1', 'patch')).toMatchObject({ status: 'running' })
    await world.command({ hosts: names('web-1', 'web-2') })
    await world.settle()
    const runs = world.runs()
    expect(runs.map(run => [run.job?.id, run.verb, run.outcome, run.external?.launch_type])).toEqual([
      [job, 'patch', 'ok', 'manual'],
      [second, 'patch', 'ok', 'manual'],
      [expect.any(Number), 'patch', 'failed', undefined],
    ])
    expect(world.details(runs[2])).toMatchObject({
      [hostOf('web-1')]: expect.stringMatching(/^run \S+, launched from the controller, may run on it$/) as string,
    })
    expect(world.outcomes(runs[2])).toEqual({ [hostOf('web-1')]: 'refused', [hostOf('web-2')]: 'ok' })
    expect(world.ledger.verb('uid-web-1', 'patch')).toMatchObject({ status: 'ok', run: runs[1]?.id })
    const told = (await world.events()).filter(event => event.run === runs[0]?.id)
    expect(told.map(event => event.fact)).toEqual(['run_started', 'host_succeeded', 'run_finished'])
  })

  test('is seen when a workflow launches it, on its limit where that is prompted for, else on all hosts', async () => {
    await using world = await watched()
    world.controller.launchInWorkflow('Monthly', PATCH, hostOf('web-1'))
    await later(world)
    await world.turn()
    expect(world.run()).toMatchObject({ verb: 'patch', external: { launch_type: 'workflow', whole: false } })
    expect(world.run().hosts.map(({ host }) => host)).toEqual(names('web-1'))
    for (const template of world.controller.store.templates.all())
      if (template.name === 'Reboot') Object.assign(template, { limit: '' })
    world.controller.setPrompt('Reboot', 'limit', false)
    world.controller.launchInWorkflow('Monthly', 'Reboot', hostOf('web-1'))
    await later(world)
    await world.turn()
    expect(world.run(1)).toMatchObject({ external: { launch_type: 'workflow', limit: '', whole: true } })
  })

  test.each([-86_400_000, 86_400_000])(
    'is seen although somebody sets the clock of the controller (%i ms)',
    async ms => {
      await using world = await watched()
      await launchByHand(world, PATCH, { limit: hostOf('web-1') })
      await later(world)
      world.controller.setClock(ms)
      const second = await launchByHand(world, PATCH, { limit: hostOf('web-2') })
      await later(world)
      await world.until(() => world.runs().length === 2 && world.ledger.active().length === 0)
      expect(world.runs().map(run => [run.job?.id, run.outcome])).toEqual([
        [second - 1, 'ok'],
        [second, 'ok'],
      ])
    },
  )

  test('is seen although somebody sets the clock of the bridge back', async () => {
    await using world = await watched()
    world.ahead = -86_400_000
    await later(world)
    await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await world.turn()
    expect(world.ledger.holder('uid-web-1')).toMatchObject({ external: { by: 'alice' } })
  })

  test('is seen although the controller was set up anew, or put back, and counts its jobs from lower', async () => {
    await using world = await watched()
    const { jobs } = world.controller.store
    const before = await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await world.clock.advance(60_000)
    const second = await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await later(world)
    await world.settle()
    const [first] = jobs.all()
    if (first === undefined) throw new Error('no job')
    for (const id of [before, second]) jobs.delete(id)
    jobs.add({ ...first, id: before - 1, status: 'running', created: world.clock.now() })
    await world.clock.advance(60_000)
    await world.turn()
    expect(world.ledger.holder('uid-web-1')).toMatchObject({ job: { id: before - 1 } })
  })

  test('from a template that is not known is recorded as a whole, and is no patch', async () => {
    await using world = await watched({ outcome: host => (host.startsWith('web-2') ? 'failed' : 'ok') })
    await launchByHand(world, 'Reboot', { limit: names('web-1', 'web-2').join() })
    await later(world)
    await world.settle()
    expect(world.run()).toMatchObject({ verb: '', template: 'Reboot', outcome: 'failed', counts: { ok: 1, failed: 1 } })
    expect(world.ledger.results(world.run().id)).toEqual([])
    expect(world.ledger.verb('uid-web-1', 'patch')).toBeUndefined()
    expect((await world.events()).map(event => event.fact)).toEqual(['run_started', 'run_finished'])
  })

  test('is not seen without the right to read it: Execute on a template opens the jobs of that template alone', async () => {
    await using world = await watched({}, false)
    await launchByHand(world, 'Reboot', { limit: hostOf('web-1') })
    const seen = await launchByHand(world, PATCH, { limit: hostOf('web-2') })
    await later(world)
    await world.settle()
    expect(world.runs().map(run => run.job?.id)).toEqual([seen])
  })

  test.each(['', 'all', 'cluster_prod_1', 'web*', '!web-1.shop.prod-1'])(
    'with the limit %j holds every VM, as it may run on any; its results say where it ran',
    async limit => {
      await using world = await watched({ outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
      await launchByHand(world, PATCH, { limit })
      await later(world)
      await world.turn()
      world.put(guest('new-9'))
      await world.command({ hosts: names('web-2') })
      await world.turn()
      expect(world.run().external).toMatchObject({ whole: true, limit })
      expect(world.details(world.run(1))).toEqual({
        [hostOf('web-2')]: expect.stringContaining('launched from the controller, may run on it') as string,
      })
      expect(world.launches()).toHaveLength(1)
      await world.until(() => world.run().status === 'finished', 5_000)
      const ran = world.jobs()[0]?.run?.results.map(({ host_name }) => host_name) ?? []
      expect(Object.keys(world.outcomes())).toEqual(ran)
      expect(ran.length).toBeGreaterThan(0)
      await world.until(() => world.ledger.verb('uid-new-9', 'onboard')?.status === 'ok', 5_000)
    },
  )

  test('that can not be read any more is told of once, with what to do; it holds what it held until a person lets go of it, also after a restart', async () => {
    await using world = await watched({ outcome: () => 'hang' })
    const job = await launchByHand(world, 'Reboot', { limit: 'all', timeout: 0 })
    await later(world)
    await world.turn()
    mayAudit(world, false)
    for (let turn = 0; turn < 3; turn += 1) await world.turn()
    const { id } = world.run()
    const why = `its job can not be read, and it holds every VM: give the account of virtbridge Read on its template, or, when job ${job} has ended at the controller, let go of it: virtbridge runs cancel ${id}`
    expect([world.said('alarm'), world.run().message]).toEqual([[why], why])
    await world.command({ hosts: names('web-1') })
    await world.turn()
    expect(Object.values(world.details(world.run(1)))).toEqual([
      `run ${id}, launched from the controller, may run on it`,
    ])
    await letGo(world, id)
    await world.restart()
    await world.turn()
    expect(world.ledger.runs.get(id)).toMatchObject({
      status: 'finished',
      outcome: 'unknown',
      message: 'bob let go of it; it was given up, and may still run',
    })
    expect(world.jobs()[0]?.cancel_at).toBeNull()
    await world.command({ hosts: names('web-1') })
    await world.until(() => world.ledger.active().some(run => run.status === 'following'))
  })

  test('that can be read again is followed as before, although a person would have let go of it', async () => {
    await using world = await watched({ outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
    await launchByHand(world, 'Reboot', { limit: 'all' })
    await later(world)
    await world.turn()
    const before = world.run()
    mayAudit(world, false)
    await world.turn()
    mayAudit(world, true)
    await letGo(world, before.id)
    await world.turn()
    expect(world.run()).toEqual(before)
    await world.until(() => world.run().status === 'finished', 5_000)
    expect(world.run()).toMatchObject({ outcome: 'ok', message: '' })
  })

  test('and that can be read is let go of by nobody', async () => {
    await using world = await watched({ outcome: () => 'hang' })
    await launchByHand(world, 'Reboot', { limit: 'all', timeout: 0 })
    await later(world)
    await world.turn()
    await letGo(world, world.run().id)
    await world.turn()
    expect(world.run().status).toBe('following')
    expect(world.said('deferred')).toContainEqual(
      `not cancelled: run ${world.run().id} was launched from the controller, where it can be cancelled`,
    )
  })

  test('that began and ended while nobody looked, also while the bridge was down, is recorded once', async () => {
    await using world = await watched()
    await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await world.clock.advance(600_000)
    await world.restart()
    await world.settle()
    await world.restart()
    for (let turn = 0; turn < 5; turn += 1) {
      await world.turn()
      await later(world)
    }
    expect(world.runs()).toHaveLength(1)
    expect(world.run()).toMatchObject({ verb: 'patch', outcome: 'ok' })
    expect((await world.events()).filter(event => event.fact === 'run_finished')).toHaveLength(1)
  })

  test('before the first look of all is not: what had ended by then is no news', async () => {
    await using world = await startWorld({ onlooking: ONLOOKING })
    world.put(guest('web-1', { adopted: true }))
    await world.sync()
    await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await world.clock.advance(60_000)
    const running = await launchByHand(world, PATCH, { limit: hostOf('web-1') })
    await world.settle()
    await later(world)
    await world.turn()
    expect(world.runs().map(run => run.job?.id)).toEqual([running])
  })

  test('again, as it was launched by us, is theirs: a copy of our run, which keeps its own outcome', async () => {
    await using world = await watched({ outcome: host => (host.startsWith('web-1') ? 'failed' : 'ok') })
    await world.command({ hosts: names('web-1') })
    await world.settle()
    world.controller.setOutcome(() => 'ok')
    const [ours] = world.runs()
    await relaunchByHand(world, ours?.job?.id ?? 0)
    await later(world)
    await world.settle()
    const [, theirs] = world.runs()
    expect(theirs).toMatchObject({
      asked_by: 'controller:alice',
      external: { launch_type: 'relaunch', copy_of: ours?.id },
    })
    expect([ours, theirs].map(run => world.outcomes(run)[hostOf('web-1')])).toEqual(['failed', 'ok'])
    expect(world.ledger.verb('uid-web-1', 'patch')).toMatchObject({ status: 'ok', run: theirs?.id })
  })

  test('that never ends holds its VMs for a day, is not cancelled, and is given up', async () => {
    let cancels = 0
    await using world = await watched({
      outcome: () => 'hang',
      controllerOf: client => ({
        ...client,
        cancel: job => {
          cancels += 1
          return client.cancel(job)
        },
      }),
    })
    const job = await launchByHand(world, PATCH, { limit: hostOf('web-1'), timeout: 0 })
    await later(world)
    await world.turn()
    expect(world.ledger.holder('uid-web-1')?.job?.id).toBe(job)
    await world.until(() => world.run().status === 'finished', 3_600_000)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    // It might not be allowed to: whether it tries is what counts.
    expect(cancels).toBe(0)
    expect(world.jobs()[0]?.cancel_at).toBeNull()
  })

  test('right between our look and our launch runs beside ours, and a person is told', async () => {
    await using world = await watched({
      controllerOf: client => ({
        ...client,
        launch: async (template, request) => {
          await launchByHand(world, PATCH, { limit: hostOf('web-1') })
          return client.launch(template, request)
        },
      }),
    })
    await world.command({ hosts: names('web-1') })
    await world.turn()
    await later(world)
    await world.turn()
    expect(world.said('alarm')).toEqual([
      expect.stringMatching(/^web-1.shop.prod-1: job \d+ runs beside job \d+ of run /) as string,
    ])
  })
})

test('what a rulebook launches of a verb that is not its own is an alarm, once; a person who does it again is none', async () => {
  await using world = await watched()
  const said = { virtbridge_run_id: 'eda-5b0a2f6e-0b1c-5e8e-9d39-6f2f0d8b8a10', virtbridge_expected_count: 1 }
  const job = await launchByHand(world, PATCH, { limit: hostOf('web-1'), extra_vars: said })
  await later(world)
  await world.settle()
  await relaunchByHand(world, job)
  await launchByHand(world, 'Reboot', { limit: hostOf('web-1'), extra_vars: said })
  await later(world)
  await world.settle()
  expect(world.said('alarm')).toEqual([
    `job ${job} of alice: a rulebook launches patch, and its driver is not eda; switch the activation off, or set verbs.patch.driver: eda`,
  ])
  expect(world.runs().map(run => [run.template, run.reason])).toEqual([
    [PATCH, 'a rulebook launched it, and its driver is not eda'],
    [PATCH, 'launched from the controller'],
    ['Reboot', 'launched from the controller'],
  ])
})

test('with the driver eda the bridge launches nothing, and sees, holds and records what the rulebook launches', async () => {
  await using world = await watched({
    policy: { driver: 'eda' },
    onlooking: { ...ONLOOKING, rulebooks: new Set(['onboard']) },
    outcome: () => ({ outcome: 'ok', ms: 20_000 }),
  })
  world.put(guest('new-9'))
  await world.sync()
  await world.turn()
  expect(world.launches()).toEqual([])
  await launchByHand(world, ONBOARD, { limit: hostOf('new-9') })
  await later(world)
  await world.turn()
  expect(world.ledger.holder('uid-new-9')).toMatchObject({ verb: 'onboard', reason: 'its driver is eda' })
  expect(world.ledger.verb('uid-new-9', 'onboard')).toMatchObject({ status: 'running' })
  await world.settle()
  expect(world.ledger.verb('uid-new-9', 'onboard')).toMatchObject({ status: 'ok', asked_by: 'controller:alice' })
  expect(world.launches()).toHaveLength(1)
})

test('what a rulebook launches is seen and holds its VM in whatever inventory its template has, from the first look on', async () => {
  const launching = [
    { template: ONBOARD, organization: '' },
    { template: 'No such template', organization: '' },
  ]
  await using world = await startWorld({
    policy: { driver: 'eda' },
    onlooking: { ...ONLOOKING, rulebooks: new Set(['onboard']), launching },
    outcome: () => ({ outcome: 'ok', ms: 20_000 }),
    // To the bridge it is the inventory of that template, and nothing else.
    besideLater: true,
    objects: objects => {
      for (const template of objects.templates) if (template.name === ONBOARD) template.inventory = BESIDE
    },
  })
  world.put(guest('new-9'))
  await world.sync(BESIDE)
  await world.sync()
  const job = await launchByHand(world, ONBOARD, { limit: hostOf('new-9') })
  await world.turn()
  expect(world.ledger.holder('uid-new-9')).toMatchObject({ job: { id: job }, reason: 'its driver is eda' })
  await world.settle()
  expect(world.ledger.verb('uid-new-9', 'onboard')).toMatchObject({ status: 'ok', asked_by: 'controller:alice' })
  expect(world.said('trouble')).toContainEqual(expect.stringContaining('No such template') as string)
})

test('a look that fails holds up nothing, and is made again', async () => {
  await using world = await watched()
  world.controller.faults.add({ method: 'GET', path: /\/jobs\/$/ }, { kind: 'server-error' }, 2)
  await launchByHand(world, PATCH, { limit: hostOf('web-1') })
  await world.command({ hosts: names('web-2') })
  await later(world)
  await world.turn()
  expect(world.said('trouble')).toEqual([expect.stringContaining('looking for jobs of others') as string])
  await later(world)
  await world.turn()
  await later(world)
  await world.settle()
  expect(world.runs().map(run => run.outcome)).toEqual(['ok', 'ok'])
})
