import { describe, expect, test } from 'vitest'
import { hostsDigest, newRun, type Run, type RunCommand } from '../../src/day2/index.ts'
import { runEntry } from '../../src/day2/record.ts'
import type { ControllerObjects } from '../../src/simulator/controller/index.ts'
import { guest, hostOf, uuid } from './guest.ts'
import { names, PATCH, startWorld, type World } from './world.ts'

const old = (name: string) => guest(name, { adopted: true })

/** A run under way with many bytes of variables. */
function heavy(index: number, variables: Record<string, unknown>): Run {
  const wish = { id: uuid(5_000 + index), verb: 'patch', template: PATCH, askedBy: 'ops', reason: '', hosts: [] }
  return { ...newRun({ ...wish, variables }, 0), status: 'following' }
}

/** A verb beside the two that are always there, whose template is of another organization. */
const REBOOT = {
  reboot: { template: 'Day2 | Reboot', organization: 'Ops', driver: 'bridge', os: ['linux'] },
} as const

function withReboot(objects: ControllerObjects): void {
  const [patch] = objects.templates.filter(({ name }) => name === PATCH)
  if (patch === undefined) throw new Error('no template')
  objects.organizations = [...(objects.organizations ?? []), { name: 'Ops' }]
  const others = objects.templates.filter(({ name }) => name !== 'Day2 | Reboot')
  objects.templates = [...others, { ...patch, name: 'Day2 | Reboot', organization: 'Ops' }]
  const execute = { user: 'virtbridge', on: 'job_template', name: 'Day2 | Reboot', role: 'execute' } as const
  objects.roles = [...(objects.roles ?? []), execute]
}

async function known(options: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld(options)
  world.put(old('web-1'), old('web-2'))
  await world.sync()
  return world
}

/** Somebody changes what the template of patch does. */
function jobTypeOf({ controller: { store } }: World, type: 'run' | 'check'): void {
  for (const template of store.templates.all()) if (template.name === PATCH) template.job_type = type
}

describe('a person asks', () => {
  test('and the job runs on the hosts asked for, adopted ones too, with who and why', async () => {
    await using world = await known()
    await world.command({ id: uuid(4_001), hosts: names('web-1', 'web-2') })
    await world.settle()
    expect(world.launches()).toMatchObject([{ name: PATCH, limit: `${hostOf('web-1')},${hostOf('web-2')}` }])
    expect(world.run()).toMatchObject({
      id: uuid(4_001),
      verb: 'patch',
      asked_by: 'ops',
      reason: 'monthly',
      outcome: 'ok',
    })
    expect(world.ledger.verb('uid-web-1', 'patch')).toMatchObject({ status: 'ok', asked_by: 'ops' })
    const told = await world.events()
    expect(told.map(({ of }) => [of.asked_because, of.trigger, of.allowed_by, of.attempts])).toEqual(
      told.map(() => ['monthly', 'wish', 'the right run of the token ops', 1]),
    )
  })

  test('for any verb that is configured: its own template is launched, from its own organization, and the ledger keeps it apart', async () => {
    await using world = await known({ verbs: REBOOT, objects: withReboot })
    await world.command({ hosts: names('web-1'), verb: 'reboot' })
    await world.settle()
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.launches().map(({ name, extra_vars }) => [name, extra_vars['virtbridge_verb']])).toEqual([
      ['Day2 | Reboot', 'reboot'],
      [PATCH, 'patch'],
    ])
    expect(world.run()).toMatchObject({ verb: 'reboot', organization: 'Ops', outcome: 'ok' })
    const done = [expect.objectContaining({ verb: 'patch', status: 'ok' }), { verb: 'reboot', run: world.run().id }]
    expect(world.ledger.verbsOf('uid-web-1')).toMatchObject(done)
    await world.restart({ reopen: true })
    expect(world.ledger.verbsOf('uid-web-1')).toMatchObject(done)
    expect(world.ledger.verbsOf('uid-web-2')).toEqual([])
  })

  test.each<[string, Partial<RunCommand>]>([
    ['hosts', { hosts: names('web-2') }],
    ['a verb', { verb: 'reboot' }],
    ['variables', { schema: 2, variables: { note: 'b' } }],
    ['a dry run', { schema: 2, variables: { note: 'a' }, check: true }],
  ])(
    'twice by one id, with other %s: the first runs, the other is refused on record with its reason',
    async (_, other) => {
      await using world = await known({ verbs: REBOOT, objects: withReboot })
      const first = { id: uuid(4_003), schema: 2, hosts: names('web-1'), variables: { note: 'a' } } as const
      await world.command(first)
      await world.command({ ...first, reason: 'the same once more' })
      await world.command({ ...first, ...other })
      await world.restart()
      await world.settle()
      expect(world.launches().map(({ extra_vars }) => extra_vars['virtbridge_run_id'])).toEqual([first.id])
      const refused = world.runs().filter(({ id }) => id !== first.id)
      const message = `its idempotency key was used for run ${first.id}, which is another wish: use a key of its own for each`
      expect(refused).toMatchObject([{ outcome: 'refused', status: 'finished', message, asked_by: 'ops' }])
      expect(Object.values(world.details(refused[0]))).toContain((other.check === true ? 'dry run: ' : '') + message)
      expect(world.said('trouble')).toEqual([expect.stringContaining(message)])
      const told = (await world.events()).filter(({ run }) => run === refused[0]?.id)
      expect(told.map(({ fact }) => fact)).toEqual(['launch_refused', 'run_finished'])
      await world.restart({ reopen: true })
      await world.turn()
      expect(world.runs()).toHaveLength(2)
    },
  )

  describe('by wishes that share a run, with idempotency keys', () => {
    const both = { id: uuid(4_010), hosts: names('web-1', 'web-2'), shared: { [uuid(1)]: [0], [uuid(2)]: [1] } }

    test('the run says which they are, also when the ledger is read again', async () => {
      await using world = await known()
      await world.command(both)
      await world.settle()
      await world.restart({ reopen: true })
      expect(world.ledger.ofWish(uuid(1))).toMatchObject({ id: both.id, outcome: 'ok' })
      expect(world.ledger.ofWish(uuid(2))?.id).toBe(both.id)
      expect(world.ledger.ofWish(both.id)?.id).toBe(both.id)
      expect(world.ledger.ofWish(uuid(3))).toBeUndefined()
      expect(world.run().shared).toEqual({
        [uuid(1)]: hostsDigest(names('web-1')),
        [uuid(2)]: hostsDigest(names('web-2')),
      })
    })

    test.each<[string, Partial<RunCommand> & Pick<RunCommand, 'hosts'>, string[]]>([
      ['alone', { hosts: names('web-1'), shared: { [uuid(1)]: [0] } }, []],
      ['not to share', { id: uuid(1), hosts: names('web-1') }, []],
      ['beside a new one', { hosts: names('web-1', 'web-2'), shared: { [uuid(1)]: [0], [uuid(3)]: [1] } }, ['web-2']],
      [
        'beside a new one for the same',
        { hosts: names('web-1'), shared: { [uuid(1)]: [0], [uuid(3)]: [0] } },
        ['web-1'],
      ],
    ])('one that comes once more, as nobody knew it yet, is not done again: %s', async (_, again, done) => {
      await using world = await known()
      await world.command(both)
      await world.settle()
      await world.command({ id: uuid(4_011), ...again })
      await world.settle()
      const later = world.ledger.runs.get(again.id ?? uuid(4_011))
      const launched = world.launches().filter(({ extra_vars }) => extra_vars['virtbridge_run_id'] === later?.id)
      expect(launched.map(({ limit }) => limit)).toEqual(done.length === 0 ? [] : [names(...done).join()])
      const repeated = [{ reason: `its idempotency key was used for run ${both.id}: it is not done again` }]
      const left = later?.left_out.filter(({ host }) => host === hostOf('web-1'))
      expect(left).toMatchObject(done.includes('web-1') ? [] : repeated)
      expect(later?.status).toBe('finished')
    })
  })

  test('for a verb that this bridge has not: refused with that reason, and nothing is launched', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1'), verb: 'reboot' })
    await world.settle()
    expect(world.details()).toEqual({ [hostOf('web-1')]: 'this bridge has no verb reboot' })
    expect(world.jobs()).toEqual([])
  })

  test('with variables: the job gets them, beside those of virtbridge, and the run says which they were', async () => {
    await using world = await known()
    await world.command({
      schema: 2,
      hosts: names('web-1'),
      variables: { patch_reboot: 'never', packages: ['openssl'] },
    })
    await world.settle()
    const [job] = world.launches()
    expect(job?.extra_vars).toEqual({
      patch_reboot: 'never',
      packages: ['openssl'],
      virtbridge_run_id: world.run().id,
      virtbridge_expected_count: 1,
      virtbridge_verb: 'patch',
    })
    expect(world.run()).toMatchObject({
      schema: 3,
      outcome: 'ok',
      variables: { patch_reboot: 'never', packages: ['openssl'] },
      variables_bytes: 47,
    })
  })

  test('with variables that nobody may give: refused where it is launched too, whoever wrote the command', async () => {
    await using world = await known()
    await world.command({ schema: 2, hosts: names('web-1'), variables: { ansible_host: '10.9.9.9' } })
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toMatch(/^ansible_host is not for a run to say/)
  })

  test('with variables beyond what all runs under way may have: refused', async () => {
    await using world = await known()
    const variables = { note: 'x'.repeat(900_000) }
    const full = Math.floor(67_108_864 / 900_011)
    for (let index = 0; index < full; index += 1) world.ledger.apply(runEntry(heavy(index, variables)))
    await world.command({ schema: 2, hosts: names('web-1'), variables })
    await world.turn()
    const last = world.runs().find(run => run.asked_by === 'ops' && run.hosts.length + run.left_out.length === 1)
    expect(last).toMatchObject({ outcome: 'refused' })
    expect(last?.left_out[0]?.reason).toBe('the runs under way have too many bytes of variables already')
  })

  test('for a dry run: the job only looks, it says so host by host, and what was done to the VM stays what it was', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1') })
    await world.settle()
    const before = world.ledger.verb('uid-web-1', 'patch')
    await world.command({ schema: 2, hosts: names('web-1'), check: true })
    await world.settle()
    expect(world.launches().map(({ job_type }) => job_type)).toEqual(['run', 'check'])
    expect(world.run(1)).toMatchObject({ schema: 3, check: true, outcome: 'ok' })
    expect(world.details(world.run(1))[hostOf('web-1')]).toMatch(/^dry run: \d+ ok/)
    expect(world.ledger.verb('uid-web-1', 'patch')).toEqual(before)
  })

  test('for a dry run of a template that does not prompt for the job type: refused with the mend, and nothing runs', async () => {
    await using world = await known()
    world.controller.setPrompt(PATCH, 'job_type', false)
    await world.command({ schema: 2, hosts: names('web-1'), check: true })
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toMatch(/switch on "Prompt on launch" for Job type/)
  })

  test('for a dry run that came out as one in earnest: cancelled at once, an alarm, and its host is unknown', async () => {
    await using world = await known({ outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
    world.controller.flipPromptAfterPreflight(PATCH, 'job_type')
    await world.command({ schema: 2, hosts: names('web-1'), check: true })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ job_type: 'run', status: 'canceled' }])
    expect(world.said('alarm').join()).toMatch(/field job_type was ignored; job type is "run", not "check"/)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
  })

  test('in earnest, of a template that only looks: refused with the mend, and nothing counts as done', async () => {
    await using world = await known()
    jobTypeOf(world, 'check')
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toMatch(/jobs change nothing and report success; .* set Job type to Run/)
    await world.command({ schema: 2, hosts: names('web-1'), check: true })
    await world.settle()
    expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('in earnest, and its job came out as one that only looks: cancelled at once, an alarm, and its host is unknown', async () => {
    await using world = await known({ outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
    const path = /\/job_templates\/\d+\/launch\/?$/
    world.controller.faults.afterwards({ method: 'GET', path }, () => jobTypeOf(world, 'check'))
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ job_type: 'check', status: 'canceled' }])
    expect(world.said('alarm').join()).toMatch(/job type is "check", not "run"/)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
  })

  test('and the play tells what does not fit: the outcome stands, nothing of it is kept, and the run says so', async () => {
    const artifacts = { virtbridge: { [hostOf('web-1')]: { verb: 'patch', outcome: 'splendid' } } }
    await using world = await known({ outcome: () => ({ outcome: 'changed', artifacts }) })
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.run()).toMatchObject({ outcome: 'ok' })
    expect(world.run().message).toMatch(/^what its play told does not fit: web-1\.shop\.prod-1: must have required/)
    expect(world.ledger.results(world.run().id)[0]).not.toHaveProperty('returned')
  })

  test('twice with one id: it is done once, also after a restart', async () => {
    await using world = await known()
    await world.command({ id: uuid(4_002), hosts: names('web-1', 'web-2') })
    await world.command({ id: uuid(4_002), hosts: names('web-2', 'web-1') })
    await world.settle()
    await world.command({ id: uuid(4_002), hosts: names('web-1', 'web-2') })
    await world.restart({ reopen: true })
    await world.settle()
    await world.turn()
    expect(world.runs()).toHaveLength(1)
    expect(world.launches()).toHaveLength(1)
  })

  test('for hosts of which some may not be launched on: those are left out with the reason, the rest is done', async () => {
    await using world = await known()
    world.put(old('off-3'), guest('off-3', { adopted: true, seen: { boot: '' } }))
    world.put(guest('win-4', { adopted: true, family: 'windows' }))
    await world.command({ hosts: [...names('web-1', 'off-3', 'win-4', 'web-1'), 'ghost', 'a/b', '', '!all'] })
    await world.settle()
    expect(world.launches()).toMatchObject([{ limit: hostOf('web-1') }])
    expect(world.details()).toMatchObject({
      [hostOf('off-3')]: 'not ready: stopped',
      [hostOf('win-4')]: 'its OS (windows) is not one the verb is for',
      ghost: 'no VM has this host name',
      'a/b': 'no VM has this host name',
      '': 'no VM has this host name',
      '!all': 'no VM has this host name',
    })
    expect(world.run().counts).toEqual({ ok: 1, refused: 6 })
    const facts = (await world.events()).filter(event => event.fact === 'launch_refused')
    expect(new Set(facts.map(event => event.id)).size).toBe(6)
  })

  test('for nobody that can be launched on: the run ends at once, refused', async () => {
    await using world = await known()
    await world.command({ hosts: ['ghost'] })
    await world.turn()
    expect(world.run()).toMatchObject({
      status: 'finished',
      outcome: 'refused',
      message: 'no host could be launched on',
    })
    expect(world.jobs()).toEqual([])
  })

  test('while another run holds the VM: refused, and told which; afterwards it goes', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1') })
    await world.turn()
    await world.command({ hosts: names('web-1'), verb: 'onboard' })
    await world.turn()
    expect(world.details(world.run(1))).toEqual({ [hostOf('web-1')]: `run ${world.run().id} holds it` })
    await world.settle()
    await world.command({ hosts: names('web-1'), verb: 'onboard' })
    await world.settle()
    expect(world.outcomes(world.run(2))).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.jobs()).toHaveLength(2)
  })

  test('two at once for one VM: one of them runs', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1') })
    await world.command({ hosts: names('web-2', 'web-1') })
    await world.settle()
    expect(world.launches().map(job => job.limit)).toEqual([hostOf('web-1'), hostOf('web-2')])
    expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-1')]: 'refused', [hostOf('web-2')]: 'ok' })
  })

  test.each(['eda', 'off'] as const)(
    'for a verb whose driver is %s: refused, and nothing is launched',
    async driver => {
      await using world = await known({ patchDriver: driver, policy: { driver } })
      await world.command({ hosts: names('web-1') })
      await world.command({ hosts: names('web-1'), verb: 'onboard' })
      await world.turn()
      for (const run of world.runs())
        expect(world.details(run)).toEqual({ [hostOf('web-1')]: `its driver is ${driver}` })
      expect(world.runs()).toHaveLength(2)
      expect(world.jobs()).toEqual([])
    },
  )

  test('for more hosts than one limit has room for: refused, and told to split', async () => {
    await using world = await startWorld()
    const short = Array.from({ length: 501 }, (_, index) => `web-${index + 1}`)
    world.put(...short.map(old))
    await world.sync()
    await world.command({ hosts: names(...short) })
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toBe('501 hosts are too many for one job, 500 is the most; split them')
  })
})

describe('the stream of commands', () => {
  test.each([
    ['an id that is no UUID', { id: 'run-1' }],
    ['a verb that can be none', { verb: 'Re boot' }],
    ['a schema of a later version', { schema: 4 }],
    ['variables that are none', { schema: 2, variables: ['x'] }],
    ['secrets that are none', { schema: 3, secrets: ['x'] }],
    ['secrets in clear', { schema: 3, secrets: { db_password: 'x' } }],
    ['wishes that are none', { shared: 'x' as never }],
    ['wishes for hosts that it has not', { shared: { [uuid(1)]: [1] } }],
    ['hosts that are no list', { hosts: 'web-1' }],
    ['hosts that are no names', { hosts: [1] }],
    ['no name of who asks', { asked_by: 5 }],
    ['a reason that is no text', { reason: {} }],
  ])(
    'may hold what can not be read, as %s: it is told, passed over, and what comes after it is done',
    async (_, change) => {
      await using world = await known()
      await world.command({ hosts: names('web-2'), ...change } as never)
      await world.command({ hosts: names('web-1') })
      await world.settle()
      expect(world.runs()).toHaveLength(1)
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
      expect(world.said('trouble')).toEqual([expect.stringMatching(/^command .* can not be read: /)])
      await world.restart()
      await world.turn()
      expect(world.runs()).toHaveLength(1)
    },
  )

  test('may hold what is meant for others: passed over without a word', async () => {
    await using world = await known()
    await world.log.append([
      { stream: 'commands', key: 'x', value: { schema: 1, kind: 'confirm', id: 'x', cluster: 'prod-1' } },
    ])
    await world.turn()
    expect(world.runs()).toEqual([])
    expect(world.said('trouble')).toEqual([])
  })

  test('is taken in a hundred at a time', async () => {
    await using world = await known()
    for (let index = 0; index < 101; index++) await world.command({ hosts: ['ghost'] })
    await world.turn()
    expect(world.runs()).toHaveLength(100)
    await world.turn()
    expect(world.runs()).toHaveLength(101)
  })
})

test('runs beyond those that are to be kept are forgotten a hundred at a turn, the oldest first', async () => {
  await using world = await startWorld({ keepRuns: 10 })
  const wish = { verb: 'patch', template: PATCH, askedBy: 'ops', reason: '', hosts: [] }
  for (let number = 0; number < 250; number += 1) {
    const run = newRun({ ...wish, id: uuid(number) }, number)
    world.ledger.apply(runEntry({ ...run, status: 'finished', finished_at: number }))
  }
  const left: number[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    await world.turn()
    left.push(world.ledger.runs.size)
  }
  expect(left).toEqual([150, 50, 10, 10])
  expect(Math.min(...world.runs().map(run => run.finished_at))).toBe(240)
})
