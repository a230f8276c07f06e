import { describe, expect, test } from 'vitest'
import type { RequestFault } from '../../src/simulator/controller/faults.ts'
import { isUnfinished } from '../../src/simulator/controller/records.ts'
import { LOOKUP_AGE_MS } from '../../src/day2/lookup.ts'
import { guest, hostOf } from './guest.ts'
import { cutAt, LAUNCH, ONBOARD, startWorld, type World, type WorldOptions } from './world.ts'

const QUIET = 45_000

async function known(options: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld(options)
  world.put(guest('web-1'), guest('web-2'))
  await world.sync()
  return world
}

/** A person wants the end of the first run. */
async function cancel(world: World): Promise<void> {
  const { id } = world.run()
  const value = { schema: 1, kind: 'cancel', id, run: id, asked_by: 'bob', at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

/** What went on, from outside. */
async function seen(world: World) {
  const told = (await world.events()).map(event => `${event.fact} ${event.host}`)
  return {
    launches: world.launches().map(job => job.limit),
    outcomes: world.outcomes(),
    told: told.filter(each => each.startsWith('host_')).sort(),
  }
}

/** Exactly one launch that was meant, and exactly one outcome for each host. */
const ONCE = {
  launches: [`${hostOf('web-1')},${hostOf('web-2')}`],
  outcomes: { [hostOf('web-1')]: 'ok', [hostOf('web-2')]: 'ok' },
  told: [`host_succeeded ${hostOf('web-1')}`, `host_succeeded ${hostOf('web-2')}`],
}

describe('a launch whose answer is lost is settled by its marker, and never makes two jobs', () => {
  const gateway = (status: 502 | 503 | 504, commit: boolean): RequestFault => ({
    kind: 'gateway-error',
    status,
    commit,
  })
  const cases: [string, RequestFault, 'is there' | 'is not there'][] = [
    ['the connection ends after the commit', { kind: 'commit-then-drop' }, 'is there'],
    ['the connection ends before it', { kind: 'drop-before-commit' }, 'is not there'],
    ['the commit comes late', { kind: 'drop-then-commit', afterMs: 30_000 }, 'is there'],
    ['the commit comes at the last moment', { kind: 'drop-then-commit', afterMs: QUIET }, 'is there'],
    ['502 after the commit', gateway(502, true), 'is there'],
    ['503 after the commit', gateway(503, true), 'is there'],
    ['504 after the commit', gateway(504, true), 'is there'],
    ['502 before it', gateway(502, false), 'is not there'],
    ['503 before it', gateway(503, false), 'is not there'],
    ['504 before it', gateway(504, false), 'is not there'],
    ['the controller crashes', { kind: 'server-error' }, 'is not there'],
    ['nobody ever answers', { kind: 'hang' }, 'is not there'],
    ['the answer takes too long', { kind: 'slow', ms: 3_600_000 }, 'is there'],
    ['the answer is cut', { kind: 'truncated' }, 'is there'],
  ]

  test.each(cases)('%s: the job %s', async (...[, fault, there]) => {
    const waits = fault.kind === 'hang' || fault.kind === 'slow'
    await using world = await known(waits ? { requestTimeoutMs: 2_000 } : {})
    world.controller.faults.add(LAUNCH, fault)
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    const lost = world.clock.now()
    await world.settle(12_000)
    expect(await seen(world)).toEqual(ONCE)
    const [job] = world.launches()
    expect(world.run().attempts).toBe(there === 'is there' ? 1 : 2)
    expect((job?.created ?? 0) - lost > QUIET).toBe(there === 'is not there')
  })

  test.each([
    ['forward, it is searched for as long', { kind: 'drop-then-commit', afterMs: 30_000 }, 86_400_000, 1],
    ['back, it is searched no longer', { kind: 'drop-before-commit' }, -86_400_000, 2],
  ] satisfies [string, RequestFault, number, number][])(
    'and when somebody sets the clock %s',
    async (_, fault, ahead, attempts) => {
      await using world = await known()
      world.controller.faults.add(LAUNCH, fault)
      await world.until(() => world.runs()[0]?.status === 'searching', 10)
      world.ahead = ahead
      await world.settle(5_000)
      expect(await seen(world)).toEqual(ONCE)
      expect(world.run().attempts).toBe(attempts)
    },
  )

  test('and the job comes later than any should, while the controller can not be asked: it is found before another is launched', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 2 * QUIET })
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    await world.clock.advance(1_000)
    await world.until(() => world.run().status === 'planned', 5_000)
    world.controller.faults.add({ method: 'GET', path: /\/inventories\/$/ }, { kind: 'server-error' }, 20)
    await world.clock.advance(LOOKUP_AGE_MS)
    await world.settle(5_000)
    expect(await seen(world)).toEqual(ONCE)
    expect(world.run().attempts).toBe(1)
  })

  test('and its template goes when it is known that no job came of it: refused, as nothing ran', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
    await world.until(() => world.runs()[0]?.status === 'planned' && world.run().attempts === 1, 5_000)
    world.controller.renameTemplate(ONBOARD, 'gone')
    await world.clock.advance(LOOKUP_AGE_MS)
    await world.turn()
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused', attempts: 1 })
    expect(world.details()[hostOf('web-1')]).toContain('knows no job template "Day2 | Onboard"')
  })

  test('twice: each time it is searched for a whole quiet period long', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
    world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 40_000 })
    await world.settle(5_000)
    expect(await seen(world)).toEqual(ONCE)
    expect(world.run().attempts).toBe(2)
  })

  test('three times: it is given up, nothing ran, and it is told so', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' }, 3)
    await world.settle(10_000)
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused', attempts: 3 })
    expect(world.details()[hostOf('web-1')]).toMatch(/^gave up after 3 attempts: /)
  })

  test('and a person launches the job again: the first is ours, the copy is not', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    world.controller.faults.afterwards(LAUNCH, () => {
      const [first] = world.controller.store.jobs.all()
      if (first !== undefined) world.controller.store.jobs.add({ ...first, id: 500, launch_type: 'relaunch' })
    })
    await world.settle()
    expect(world.run().job?.id).not.toBe(500)
    expect(await seen(world)).toEqual(ONCE)
  })

  test('and only the copy of a person is left: unknown, and never launched again', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    world.controller.faults.afterwards(LAUNCH, () => {
      for (const job of world.controller.store.jobs.all()) job.launch_type = 'relaunch'
    })
    await world.settle()
    expect(world.launches()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'unknown', message: 'it was launched, and its job was deleted' })
    expect(world.details()[hostOf('web-1')]).toBe('it was launched, and its job was deleted')
  })

  test.each([
    ['launched once', false, 'successful', 'ok'],
    ['cancelled when a person wanted that', true, 'canceled', 'unknown'],
  ])(
    'and the search is answered too late: what it missed meanwhile is looked for again, and %s',
    async (_, isUnwanted, status, outcome) => {
      await using world = await known({
        outcome: () => (isUnwanted ? 'hang' : 'ok'),
        controllerOf: client => ({
          ...client,
          // The answer of before the commit, given after the quiet period.
          recover: async (template, request) => {
            const found = await client.recover(template, request)
            if (found.kind === 'absent') await world.clock.advance(QUIET + 1)
            return found
          },
        }),
      })
      world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 20_000 })
      await world.turn()
      expect(world.run().status).toBe('searching')
      if (isUnwanted) await cancel(world)
      await world.settle(isUnwanted ? 1_000 : 10)
      expect(world.launches()).toMatchObject([{ status, limit: ONCE.launches[0] }])
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: outcome, [hostOf('web-2')]: outcome })
    },
  )

  test('and the controller can not be searched for long: it is not posted again before it was', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    world.controller.faults.add(
      { method: 'GET', path: /\/jobs\/$/ },
      { kind: 'gateway-error', status: 503, commit: false },
      20,
    )
    await world.settle(12_000)
    expect(await seen(world)).toEqual(ONCE)
  })

  test('and it can not be searched at all: unknown after its time, and never posted again', async () => {
    await using world = await known({ patience: { job: 600_000 } })
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    world.controller.faults.add({ method: 'GET', path: /\/jobs\/$/ }, { kind: 'server-error' }, 10_000)
    await world.settle(30_000)
    expect(world.launches()).toHaveLength(1)
    expect(world.run()).toMatchObject({ outcome: 'unknown', attempts: 1 })
    expect(world.details()[hostOf('web-1')]).toMatch(/^whether it was launched could not be found out: .*500/)
    expect(world.said('alarm')).toEqual([
      expect.stringMatching(/^whether it was launched could not be found out: .*500/) as string,
    ])
  })

  describe('and its template is made anew before the job is found, which an account that is no auditor can not read then', () => {
    async function hidden(fault: RequestFault, controllerOf?: WorldOptions['controllerOf']): Promise<World> {
      const world = await known(controllerOf === undefined ? {} : { controllerOf })
      world.controller.faults.add(LAUNCH, fault)
      await world.until(() => world.runs()[0]?.status === 'searching', 10)
      const old = world.controller.store.templates.find(({ name }) => name === ONBOARD)?.id ?? 0
      world.controller.recreateTemplate(ONBOARD)
      const anew = world.controller.store.templates.find(({ name }) => name === ONBOARD)?.id ?? 0
      for (const { roles } of world.controller.store.users.all())
        for (const role of roles) if (role.on === 'job_template' && role.id === old) role.id = anew
      await world.clock.advance(2 * QUIET)
      await world.turn()
      await world.clock.advance(2 * QUIET)
      await world.turn()
      return world
    }

    test.each<RequestFault>([{ kind: 'commit-then-drop' }, { kind: 'drop-before-commit' }])(
      '%o: it is not launched once more, holds its VMs and says why',
      async fault => {
        await using world = await hidden(fault)
        expect(world.launches()).toHaveLength(fault.kind === 'commit-then-drop' ? 1 : 0)
        expect(world.run()).toMatchObject({ status: 'searching', attempts: 1 })
        expect(world.run().message).toMatch(
          /^its job can not be searched for: job template \d+ is not there any more, .*virtbridge runs cancel /,
        )
        await world.command({ hosts: [hostOf('web-1')] })
        await world.turn()
        expect(Object.values(world.details(world.run(1)))).toEqual([expect.stringMatching(/^run \S+ holds it$/)])
      },
    )

    test('and the controller is asked for it once in half a minute from then on', async () => {
      let searches = 0
      await using world = await hidden({ kind: 'commit-then-drop' }, client => ({
        ...client,
        recover: (template, request) => {
          searches += 1
          return client.recover(template, request)
        },
      }))
      searches = 0
      for (let turn = 0; turn < 60; turn += 1) {
        await world.clock.advance(2_000)
        await world.turn()
      }
      expect(searches).toBe(4)
    })

    test('and it stands still for half an hour: told once, with why and what to do', async () => {
      await using world = await hidden({ kind: 'commit-then-drop' })
      for (let turn = 0; turn < 4; turn += 1) {
        await world.clock.advance(900_000)
        await world.turn()
      }
      expect((await world.events()).filter(({ fact }) => fact === 'run_stuck')).toHaveLength(1)
      expect(world.said('trouble').filter(said => said.startsWith('stands still'))).toEqual([
        expect.stringMatching(
          /^stands still: whether it was launched is not known yet: its job can not be searched for: .* is not there any more, .* virtbridge runs cancel /,
        ) as string,
      ])
    })

    test('and a person gives it up: unknown after ten minutes, and its VMs are free', async () => {
      await using world = await hidden({ kind: 'commit-then-drop' })
      await cancel(world)
      await world.turn()
      expect(world.run()).toMatchObject({ status: 'searching', cancel: { by: 'bob' } })
      await world.clock.advance(600_001)
      await world.turn()
      expect(world.run()).toMatchObject({ outcome: 'unknown', attempts: 1 })
      expect(world.run().message).toMatch(/^bob cancelled it; whether it was launched could not be found out: /)
      await world.command({ hosts: [hostOf('web-1')] })
      await world.settle()
      expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-1')]: 'ok' })
    })

    test('and it gets the right to read it: found, and launched once', async () => {
      await using world = await hidden({ kind: 'commit-then-drop' })
      for (const user of world.controller.store.users.all())
        if (user.username === 'virtbridge') user.roles = [...user.roles, { on: 'organization', id: 1, role: 'auditor' }]
      await world.settle()
      expect(await seen(world)).toEqual(ONCE)
    })
  })

  describe('and the search for it fails', () => {
    const JOBS = { method: 'GET', path: /\/jobs\/$/ }

    test.each([
      ['is launched once', false],
      ['is cancelled when a person wanted that', true],
    ])(
      'and its right comes back between that and the look at its template: the job is found, and %s',
      async (_, isUnwanted) => {
        let hides = true
        const outcome = isUnwanted ? 'hang' : 'ok'
        const account = (world: World) =>
          world.controller.store.users.find(({ username }) => username === 'virtbridge')!
        await using world: World = await known({
          outcome: () => outcome,
          controllerOf: client => ({
            ...client,
            recover: async (template, request) => {
              const { roles } = account(world)
              if (hides) account(world).roles = []
              const found = await client.recover(template, request)
              account(world).roles = roles
              return found
            },
            confirmReadable: async template => {
              hides = false
              await client.confirmReadable(template)
            },
          }),
        })
        world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
        await world.until(() => world.runs()[0]?.status === 'searching', 10)
        if (isUnwanted) await cancel(world)
        await world.settle(12_000)
        expect(world.launches()).toHaveLength(1)
        expect(world.jobs()).toMatchObject([{ status: isUnwanted ? 'canceled' : 'successful' }])
        expect(world.run()).toMatchObject({ attempts: 1, outcome: isUnwanted ? 'unknown' : 'ok' })
      },
    )

    test('each time that a bridge takes over: that makes it wait no longer', async () => {
      await using world = await known({ patience: { job: 600_000 } })
      world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
      await world.until(() => world.runs()[0]?.status === 'searching', 10)
      world.controller.faults.add(JOBS, { kind: 'server-error' }, 10_000)
      for (let times = 0; times < 3; times += 1) {
        await world.restart()
        for (const ms of [100_000, 200_000]) {
          await world.turn()
          await world.clock.advance(ms)
        }
      }
      expect(world.launches()).toHaveLength(1)
      expect(world.run()).toMatchObject({ outcome: 'unknown', attempts: 1 })
    })

    test('once right after a bridge took over, long after a person cancelled it: it is searched for before it is given up', async () => {
      await using world = await known({ outcome: () => 'hang' })
      world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
      await world.until(() => world.runs()[0]?.status === 'searching', 10)
      await cancel(world)
      world.controller.faults.add(JOBS, { kind: 'server-error' }, 2)
      await world.turn()
      await world.clock.advance(900_000)
      await world.restart()
      await world.turn()
      expect(world.run()).toMatchObject({ status: 'searching', cancel: { by: 'bob' } })
      await world.settle()
      expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
    })

    test('once more before it is launched again, for an hour: it is refused, and says what could not be looked for', async () => {
      await using world = await known()
      world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
      await world.until(() => world.runs()[0]?.status === 'planned' && world.run().attempts === 1, 5_000)
      world.controller.faults.add(JOBS, { kind: 'server-error' }, 10_000)
      await world.settle(300_000)
      expect(world.jobs()).toEqual([])
      expect(world.run()).toMatchObject({ outcome: 'refused', attempts: 1 })
      expect(world.details()[hostOf('web-1')]).toMatch(
        /^not launched again, as the job of the launch before can not be searched for once more: .*500/,
      )
    })
  })

  test('and what was committed late was widened too: it is cancelled', async () => {
    await using world = await known()
    world.controller.flipPromptAfterPreflight('Day2 | Onboard', 'limit')
    world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 10_000 })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
    expect(world.run()).toMatchObject({ outcome: 'unknown' })
  })
})

describe('a dispatcher that dies and is started again', () => {
  /** Appends of the happy path, from the plan to the end. */
  async function died(after: number, durable: boolean, fault?: RequestFault): Promise<boolean> {
    const fuse = cutAt(after, durable)
    await using world = await known({ logOf: fuse.logOf })
    // Old enough that the controller needs an update first.
    world.put(guest('web-1', { address: '10.7.7.7' }))
    if (fault !== undefined) world.controller.faults.add(LAUNCH, fault)
    const first = await world.settle(20_000).catch((error: unknown) => error)
    if (!fuse.cut) return false
    expect(String(first)).toContain('the process is dead')
    await world.restart({ reopen: fault === undefined && after % 3 === 0 })
    await world.settle(20_000)
    expect(await seen(world)).toEqual(ONCE)
    const ids = (await world.events()).map(event => event.id)
    expect(new Set(ids).size).toBe(ids.length)
    return true
  }

  test.each([
    ['right after an append', true, undefined],
    ['right before an append', false, undefined],
    ['right after an append, when the answer of the launch was lost', true, { kind: 'commit-then-drop' }],
    ['right before an append, when the answer of the launch was lost', false, { kind: 'drop-before-commit' }],
    ['right before an append, when the launch commits late', false, { kind: 'drop-then-commit', afterMs: 40_000 }],
  ] as [string, boolean, RequestFault | undefined][])('goes on wherever it was, %s', async (...[, durable, fault]) => {
    let appends = 0
    while (await died(appends + 1, durable, fault)) appends += 1
    expect(appends).toBeGreaterThanOrEqual(6)
  })

  test('and dies again each time it searches: the quiet period is waited out all the same', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 44_000 })
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    for (let times = 0; times < 4; times++) {
      await world.clock.advance(10_000)
      await world.restart()
      await world.turn()
    }
    await world.settle()
    expect(await seen(world)).toEqual(ONCE)
  })

  test('and a bridge takes over: the job that may still come has its room under the caps, and nothing is launched in its place', async () => {
    await using world = await known({ caps: { jobs: 1 }, policy: { driver: 'off' } })
    world.controller.faults.add(LAUNCH, { kind: 'drop-then-commit', afterMs: 40_000 })
    await world.command({ hosts: [hostOf('web-1')] })
    await world.until(() => world.runs()[0]?.status === 'searching')
    await world.restart({ reopen: true })
    await world.command({ hosts: [hostOf('web-2')] })
    let most = 0
    await world.until(() => {
      most = Math.max(most, world.launches().filter(isUnfinished).length)
      return world.runs().length === 2 && world.ledger.active().length === 0
    })
    expect(world.launches().map(job => job.limit)).toEqual([hostOf('web-1'), hostOf('web-2')])
    expect(most).toBe(1)
  })
})
