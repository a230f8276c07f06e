import { describe, expect, test } from 'vitest'
import { marker } from '../../src/aap/index.ts'
import type { VerbPolicy } from '../../src/day2/index.ts'
import { LOOKUP_AGE_MS } from '../../src/day2/lookup.ts'
import { intentsOf } from '../../src/day2/run-step.ts'
import { eventJudge } from '../../src/event/index.ts'
import type { OutcomeOf } from '../../src/simulator/controller/index.ts'
import type { JobTemplate } from '../../src/simulator/controller/job-records.ts'
import { guest, hostOf, uuid } from './guest.ts'
import { relaunchByHand } from './operator.ts'
import { cutAt, LAUNCH, names, PATCH, startWorld, type World, type WorldOptions } from './world.ts'

const PRECHECK = 'Day2 | Precheck'
const VERIFY = 'Day2 | Verify'
const STEPS = [
  { name: 'precheck', template: PRECHECK },
  { name: 'patch', template: PATCH },
  { name: 'verify', template: VERIFY },
]
const UPDATE: VerbPolicy = { template: '', steps: STEPS, driver: 'bridge', os: ['linux'] }

/** A world with a verb of three steps, whose controller knows three guests that were there before. */
async function known(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ verbs: { update: UPDATE }, ...options })
  world.put(...['web-1', 'web-2', 'web-3'].map(name => guest(name, { adopted: true })))
  await world.sync()
  return world
}

/** Asks for the verb on these guests. */
function update(world: World, ...short: readonly string[]): Promise<void> {
  return world.command({ id: uuid(7_000), verb: 'update', hosts: names(...short) })
}

/** What became of these hosts when a template runs on them; of any other ok. */
function ending(how: Readonly<Record<string, Readonly<Record<string, 'failed' | 'unreachable' | 'hang'>>>>): OutcomeOf {
  return (host, _, template) => how[template]?.[host.split('.')[0] ?? ''] ?? 'ok'
}

async function cancel(world: World): Promise<void> {
  const value = { schema: 1, kind: 'cancel', id: uuid(7_100), run: uuid(7_000), asked_by: 'bob', at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: value.id, value }])
}

/** Turns until the run is at this step, and its job runs. */
function reach(world: World, step: number): Promise<void> {
  return world.until(() => world.run().step === step && world.run().status === 'following', 200)
}

describe('a verb with steps', () => {
  test('is a job for each, one after the other, with a marker of its own and the hosts that came through the one before', async () => {
    await using world = await known({
      outcome: ending({ [PRECHECK]: { 'web-1': 'failed' }, [PATCH]: { 'web-2': 'unreachable' } }),
    })
    await update(world, 'web-1', 'web-2', 'web-3')
    await world.settle()
    const run = world.run()
    expect(
      world
        .launches()
        .map(({ name, limit, skip_tags, extra_vars }) => [
          name,
          limit.split(',').map(host => host.split('.')[0]),
          skip_tags,
          extra_vars['virtbridge_step'],
          extra_vars['virtbridge_expected_count'],
        ]),
    ).toEqual([
      [PRECHECK, ['web-1', 'web-2', 'web-3'], marker(run.id), 'precheck', 3],
      [PATCH, ['web-2', 'web-3'], marker(intentsOf(run)[1] ?? ''), 'patch', 2],
      [VERIFY, ['web-3'], marker(intentsOf(run)[2] ?? ''), 'verify', 1],
    ])
    const ends = world.launches().map(({ finished }) => finished ?? NaN)
    const begins = world.launches().map(({ created }) => created)
    for (const index of [0, 1]) expect(begins[index + 1]).toBeGreaterThanOrEqual(ends[index] ?? Infinity)
    expect(new Set(intentsOf(run)).size).toBe(3)
    expect(run).toMatchObject({ status: 'finished', outcome: 'failed', counts: { failed: 1, unreachable: 1, ok: 1 } })
    expect(world.outcomes()).toEqual({
      [hostOf('web-1')]: 'failed',
      [hostOf('web-2')]: 'unreachable',
      [hostOf('web-3')]: 'ok',
    })
    expect(world.details()[hostOf('web-1')]).toMatch(/^step precheck: /)
    expect(world.details()[hostOf('web-2')]).toMatch(/^step patch: /)
    expect(world.ledger.results(run.id).map(({ step }) => step)).toEqual(['precheck', 'patch', undefined])
  })

  test('tells of each step what it came to, which job did it, and when', async () => {
    await using world = await known({ outcome: ending({ [PATCH]: { 'web-1': 'failed', 'web-2': 'failed' } }) })
    await update(world, 'web-1', 'web-2')
    await world.settle()
    const { steps = [] } = world.run()
    const [first, second] = world.launches()
    expect(steps).toMatchObject([
      { name: 'precheck', state: 'ok', job: { id: first?.id }, attempts: 1, counts: { ok: 2 } },
      { name: 'patch', state: 'failed', job: { id: second?.id }, attempts: 1, counts: { failed: 2 } },
      { name: 'verify', state: 'not_run', job: null, attempts: 0, counts: {}, started_at: 0, ended_at: 0 },
    ])
    expect(steps[0]?.started_at).toBeGreaterThan(0)
    expect(steps[0]?.ended_at).toBeGreaterThan(steps[0]?.started_at ?? 0)
    expect(steps[1]?.started_at).toBeGreaterThanOrEqual(steps[0]?.ended_at ?? Infinity)
  })

  test('is told once from its start to its end, and each host when it goes no further', async () => {
    await using world = await known({ outcome: ending({ [PRECHECK]: { 'web-1': 'failed' } }) })
    const before = world.log.end('events.day2')
    await update(world, 'web-1', 'web-2')
    await world.settle()
    const told = await world.events()
    expect(told.map(({ fact, host, of }) => [fact, host, of.step])).toEqual([
      ['run_started', '', 'precheck'],
      ['host_failed', hostOf('web-1'), 'precheck'],
      ['host_succeeded', hostOf('web-2'), 'verify'],
      ['run_finished', '', 'verify'],
    ])
    expect(told.at(-1)?.of.steps?.map(({ name, state, job }) => [name, state, job])).toEqual([
      ['precheck', 'failed', world.launches()[0]?.id],
      ['patch', 'ok', world.launches()[1]?.id],
      ['verify', 'ok', world.launches()[2]?.id],
    ])
    const judge = eventJudge()
    const page = await world.log.page('events.day2', before, 100)
    expect(page.map(({ value }) => judge('events.day2', JSON.stringify(value)))).toEqual(['', '', '', ''])
  })

  test('holds its VMs from the first to the last, and lets go of one that goes no further', async () => {
    await using world = await known({
      outcome: ending({ [PRECHECK]: { 'web-1': 'failed' }, [VERIFY]: { 'web-2': 'hang' } }),
    })
    await update(world, 'web-1', 'web-2')
    const holders = new Set<string>()
    await world.until(() => {
      holders.add(world.ledger.holder('uid-web-2')?.id ?? '')
      return world.run().step === 2 && world.run().status === 'following'
    }, 200)
    expect([...holders]).toEqual([uuid(7_000)])
    expect(world.ledger.holder('uid-web-1')).toBeUndefined()
    expect(world.ledger.verb('uid-web-1', 'update')).toMatchObject({ status: 'failed' })
    expect(world.ledger.verb('uid-web-2', 'update')).toMatchObject({ status: 'running' })
    await world.command({ id: uuid(7_001), hosts: names('web-1', 'web-2') })
    await world.turn()
    expect(world.run(1).left_out.map(({ host, reason }) => [host, reason])).toEqual([
      [hostOf('web-2'), `run ${uuid(7_000)} holds it`],
    ])
  })

  test('holds one that a later step leaves out until its result is told, as something was done to it', async () => {
    await using world = await known({
      patience: { settle: 0 },
      outcome: ending({ [PATCH]: { 'web-2': 'hang' } }),
    })
    await update(world, 'web-1', 'web-2')
    await reach(world, 0)
    world.put(guest('web-1', { adopted: true, address: '10.7.7.7' }))
    await reach(world, 1)
    expect(world.launches().at(-1)?.limit).toBe(hostOf('web-2'))
    expect(world.ledger.holder('uid-web-1')?.id).toBe(uuid(7_000))
    await cancel(world)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'failed', [hostOf('web-2')]: 'unknown' })
    expect(world.ledger.holder('uid-web-1')).toBeUndefined()
  })

  test('of a dry run only looks, in each of them', async () => {
    await using world = await known()
    await world.command({ schema: 2, check: true, verb: 'update', hosts: names('web-1') })
    await world.settle()
    expect(world.launches().map(({ job_type }) => job_type)).toEqual(['check', 'check', 'check'])
    expect(world.ledger.verb('uid-web-1', 'update')).toBeUndefined()
  })

  test('gets its variables in each', async () => {
    await using world = await known()
    await world.command({ schema: 2, variables: { note: 'monthly' }, verb: 'update', hosts: names('web-1') })
    await world.settle()
    expect(world.launches().map(({ extra_vars }) => extra_vars['note'])).toEqual(['monthly', 'monthly', 'monthly'])
  })

  test('may start by itself on a guest that is news, and does so once', async () => {
    await using world = await startWorld({ policy: { template: '', steps: STEPS } })
    world.put(guest('web-1'))
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK, PATCH, VERIFY])
    for (let turn = 0; turn < 5; turn += 1) {
      await world.turn()
      await world.clock.advance(3_600_000)
    }
    expect(world.runs()).toHaveLength(1)
  })

  test('of which nothing could be launched is refused as any other', async () => {
    await using world = await known()
    world.controller.store.templates.find(({ name }) => name === PRECHECK)!.name = 'gone'
    await update(world, 'web-1')
    await world.settle()
    expect(world.run()).toMatchObject({ outcome: 'refused', counts: { refused: 1 } })
    expect(world.run().steps?.map(({ state }) => state)).toEqual(['refused', 'not_run', 'not_run'])
    expect(world.ledger.verb('uid-web-1', 'update')).toMatchObject({ status: 'refused' })
  })

  test.each<[string, (template: JobTemplate) => void, RegExp]>([
    ['is gone', template => (template.name = 'gone'), /knows no job template "Day2 \| Verify"/],
    [
      'does not prompt for a limit',
      ({ prompts }) => (prompts.limit = false),
      /does not prompt for a limit.*to mend it/,
    ],
    ['only looks', template => (template.job_type = 'check'), /its job type is "check"/],
  ])('of which the template of a later step %s is refused before the first, and says which', async (_, spoil, why) => {
    await using world = await known()
    spoil(world.controller.store.templates.find(({ name }) => name === VERIFY)!)
    await update(world, 'web-1')
    await world.settle()
    expect(world.launches()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused', counts: { refused: 1 } })
    expect(world.details()[hostOf('web-1')]).toMatch(/^step precheck: a later step, verify, could not be launched: /)
    expect(world.details()[hostOf('web-1')]).toMatch(why)
    expect(world.run().steps?.map(({ state }) => state)).toEqual(['refused', 'not_run', 'not_run'])
  })

  test('waits for room at each of them', async () => {
    await using world = await known({ caps: { jobsPerTemplate: 1 }, outcome: ending({ [PATCH]: { 'web-2': 'hang' } }) })
    await world.command({ hosts: names('web-2') })
    await update(world, 'web-1')
    await world.until(() => world.run(1).message.startsWith('waits: '), 200)
    expect(world.run(1)).toMatchObject({
      step: 1,
      status: 'planned',
      message: `waits: 1 job of ${PATCH} is in flight`,
    })
  })
})

describe('before each step the guest is looked at anew', () => {
  test('goes no further after a job that ran on hosts that nobody asked for', async () => {
    await using world = await known()
    await update(world, 'web-1')
    world.controller.faults.afterwards(LAUNCH, () => {
      for (const job of world.controller.store.jobs.all()) job.limit = ''
    })
    await world.settle()
    expect(world.launches()).toHaveLength(1)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'failed' })
    expect(world.details()[hostOf('web-1')]).toMatch(/^step patch: not launched: .*that nobody asked for/)
    expect(world.said('alarm')).toHaveLength(1)
  })

  test('and so are the templates of all that is to come: nothing is begun that can not be brought to its end', async () => {
    await using world = await known()
    await update(world, 'web-1')
    await reach(world, 0)
    world.controller.store.templates.find(({ name }) => name === VERIFY)!.prompts.limit = false
    await world.clock.advance(LOOKUP_AGE_MS)
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK])
    expect(world.details()[hostOf('web-1')]).toMatch(
      /^step patch: not launched: a later step, verify, could not be launched: job template "Day2 \| Verify": it does not prompt/,
    )
  })

  test('another VM of its name is not launched on, and it has failed: a step was done to the one before', async () => {
    await using world = await known({ patience: { settle: 10_000 } })
    await update(world, 'web-1', 'web-2')
    await reach(world, 0)
    world.put(guest('web-1', { adopted: true, uid: 'uid-anew' }))
    await world.settle()
    expect(world.launches().map(({ limit }) => limit)).toEqual([
      names('web-1', 'web-2').join(),
      hostOf('web-2'),
      hostOf('web-2'),
    ])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'failed', [hostOf('web-2')]: 'ok' })
    expect(world.details()[hostOf('web-1')]).toBe('step patch: not launched: another VM has its name by now')
    expect(world.ledger.verb('uid-web-1', 'update')).toMatchObject({ status: 'failed' })
  })

  test('one that has another address at the controller gets there by an update of the inventory', async () => {
    await using world = await known({ patience: { settle: 0 } })
    await update(world, 'web-1')
    await reach(world, 0)
    const there = world.controller.store.hosts.find(({ name }) => name === hostOf('web-1'))
    there!.variables = { ...there!.variables, ansible_host: '10.9.9.9' }
    const before = world.updates()
    await world.settle()
    expect(world.updates()).toBe(before + 1)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('one that restarts is waited for, and for so long', async () => {
    for (const [comesBack, outcome, jobs] of [
      [true, 'ok', 3],
      [false, 'failed', 1],
    ] as const) {
      await using world = await known({ patience: { settle: 60_000 } })
      await update(world, 'web-1')
      await reach(world, 0)
      world.put(guest('web-1', { adopted: true, told: { reachable: false } }))
      await world.until(() => world.run().message.startsWith('waits: 1 host is not as it was'), 500)
      if (comesBack) world.put(guest('web-1', { adopted: true }))
      await world.settle()
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: outcome })
      expect(world.launches()).toHaveLength(jobs)
    }
  })
})

describe('a person cancels a run with steps', () => {
  test('its job is cancelled, and no further step is launched', async () => {
    await using world = await known({ outcome: ending({ [PATCH]: { 'web-1': 'hang' } }) })
    await update(world, 'web-1')
    await reach(world, 1)
    await cancel(world)
    await world.settle()
    expect(world.launches().map(({ name, status }) => [name, status])).toEqual([
      [PRECHECK, 'successful'],
      [PATCH, 'canceled'],
    ])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.run().steps?.map(({ state }) => state)).toEqual(['ok', 'unknown', 'not_run'])
  })

  test('between two steps the next one is not launched', async () => {
    await using world = await known()
    await update(world, 'web-1')
    await world.until(() => world.run().step === 1 && world.run().status === 'planned', 200)
    await cancel(world)
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK])
    expect(world.details()).toEqual({
      [hostOf('web-1')]: 'step patch: not launched: bob cancelled it before this step ran',
    })
    expect(world.run()).toMatchObject({ outcome: 'failed', counts: { failed: 1 } })
  })
})

describe('the steps of a run are those that it began with', () => {
  test.each([
    ['one is renamed', [{ name: 'before', template: PRECHECK }, ...STEPS.slice(1)]],
    ['one is gone', STEPS.slice(0, 2)],
    ['one does something else', [STEPS[0]!, { name: 'patch', template: 'Day2 | Reboot' }, STEPS[2]!]],
    ['the verb is one job by now', undefined],
  ])('%s: it ends, says so, and launches nothing more', async (_, steps) => {
    const verbs: Record<string, VerbPolicy> = { update: UPDATE }
    await using world = await known({ verbs })
    await update(world, 'web-1')
    await reach(world, 0)
    const { steps: _steps, ...plain } = UPDATE
    verbs['update'] = steps === undefined ? { ...plain, template: PATCH } : { ...UPDATE, steps }
    await world.restart()
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK])
    expect(world.run().message).toContain('its verb has other steps by now')
    expect(world.run().message).toContain('it began with precheck ("Day2 | Precheck"), patch')
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'failed' })
  })
})

describe('a lost answer, or a dead dispatcher', () => {
  test('the job of a later step is searched for by its own marker, and not by that of another', async () => {
    await using world = await known()
    await update(world, 'web-1')
    await reach(world, 0)
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK, PATCH, VERIFY])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('whose job can not be searched for, as its template was made anew: it goes no further, and is unknown when a person gives it up', async () => {
    await using world = await known()
    await update(world, 'web-1', 'web-2')
    await reach(world, 0)
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    await world.until(() => world.run().step === 1 && world.run().status === 'searching', 200)
    const idOf = () => world.controller.store.templates.find(({ name }) => name === PATCH)?.id ?? 0
    const old = idOf()
    world.controller.recreateTemplate(PATCH)
    for (const { roles } of world.controller.store.users.all())
      for (const role of roles) if (role.on === 'job_template' && role.id === old) role.id = idOf()
    for (let turn = 0; turn < 3; turn += 1) {
      await world.clock.advance(60_000)
      await world.turn()
    }
    expect(world.run()).toMatchObject({ step: 1, status: 'searching', attempts: 1 })
    expect(world.run().message).toContain(`job template ${old} is not there any more`)
    await cancel(world)
    await world.turn()
    await world.clock.advance(600_001)
    await world.settle()
    expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK, PATCH])
    expect(world.run().steps?.map(({ state }) => state)).toEqual(['ok', 'unknown', 'not_run'])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown', [hostOf('web-2')]: 'unknown' })
    expect(world.details()[hostOf('web-1')]).toMatch(/^step patch: .*could not be found out/)
  })

  test.each([true, false])(
    'whichever append it dies at (durable: %s): no step is launched twice, and none is left out',
    { timeout: 120_000 },
    async durable => {
      for (let append = 1; ; append += 1) {
        await using world = await known({ outcome: ending({ [PRECHECK]: { 'web-2': 'failed' } }) })
        const cut = cutAt(append, durable)
        await world.restart(cut)
        await update(world, 'web-1', 'web-2')
        await world.settle().catch(() => undefined)
        await world.restart({})
        await world.settle(2_500)
        expect(world.launches().map(({ name }) => name)).toEqual([PRECHECK, PATCH, VERIFY])
        expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok', [hostOf('web-2')]: 'failed' })
        const told = (await world.events()).filter(({ host }) => host !== '')
        expect(new Set(told.map(({ id }) => id)).size).toBe(2)
        if (!cut.cut) return
      }
    },
  )
})

describe('what others launch', () => {
  const onlooking = { everyMs: 1, verbs: new Map([[VERIFY, 'verify']]), rulebooks: new Set<string>() }

  test('its own jobs are never taken for those of others, whichever step they are of', async () => {
    await using world = await known({ onlooking })
    await update(world, 'web-1')
    await world.settle()
    await world.turn()
    expect(world.runs()).toHaveLength(1)
  })

  test('a copy of the job of a later step is told as a copy of its run', async () => {
    await using world = await known({ onlooking, outcome: ending({ [VERIFY]: { 'web-1': 'hang' } }) })
    await update(world, 'web-2')
    await world.settle()
    await relaunchByHand(world, world.launches().at(-1)?.id ?? 0)
    await world.until(() => world.runs().length === 2, 200)
    expect(world.run(1)).toMatchObject({ verb: 'verify', external: { launch_type: 'relaunch', copy_of: uuid(7_000) } })
  })
})
