import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { History } from '../../src/day2/index.ts'
import { hostEvent } from '../../src/day2/event.ts'
import { newRun } from '../../src/day2/new-run.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest, hostOf, meant, uuid } from '../day2/guest.ts'
import { type Desk, NOW, openDesk, TOKENS } from '../http/desk.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { type Outcome, start, virtbridge } from './console.ts'

const history = new History(null)
let desk: Desk
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let env: Record<string, string>

beforeAll(async () => {
  folder = await temporaryFolder()
  const view = { ...viewOfAll('dev', { builtin: true, labels: [], maxPerLabel: 10 }), clusters: ['dev-1'] }
  desk = await openDesk({ history, dueBySelf: () => [hostOf('db-1')] }, [view])
  for (const name of ['prod-1', 'dev-1']) desk.cluster(name)
  desk.put(
    guest('web-1', { seen: { labels: { app: 'web' } } }),
    guest('web-2', { seen: { labels: { app: 'web' }, boot: '' } }),
    guest('db-1', { seen: { labels: { app: 'db' } } }),
    guest('web-1', { cluster: 'dev-1', uid: 'another', address: '10.9.9.9', seen: { labels: { app: 'web' } } }),
  )
  const host = meant(guest('web-1'))
  const run = newRun({ id: uuid(1), verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts: [host] }, NOW)
  const result = {
    schema: 1,
    kind: 'host',
    run: run.id,
    host: host.host,
    uid: host.uid,
    outcome: 'ok',
    detail: '1 ok',
    at: NOW,
  } as const
  const value = hostEvent(run, host, result, NOW)
  history.add([{ stream: 'events.day2', key: host.key, value, position: '1', at: NOW }])
  env = { VIRTBRIDGE_URL: await desk.listen(), VIRTBRIDGE_TOKEN: TOKENS.admin }
})
afterAll(async () => {
  await desk[Symbol.asyncDispose]()
  history[Symbol.dispose]()
  await folder[Symbol.asyncDispose]()
})

const ask = (...args: readonly string[]): Promise<Outcome> => virtbridge(args, env)
const commands = async (): Promise<number> => (await desk.log.page('commands', '0', 100)).length

describe('whom a run is for', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['by name', ['--limit', `${hostOf('web-1')}, ${hostOf('db-1')}`], [hostOf('web-1'), hostOf('db-1')]],
    ['by labels', ['--selector', 'app=web'], ['web-1.shop.dev-1', hostOf('web-1'), hostOf('web-2')]],
    ['by cluster', ['--cluster', 'dev-1'], ['web-1.shop.dev-1']],
    ['by namespace and labels', ['--namespace', 'shop', '--selector', 'app in (db)'], [hostOf('db-1')]],
    ['by a view', ['--view', 'dev'], ['web-1.shop.dev-1']],
  ])('can be said %s, and be looked at before anything starts', async (_, args, hosts) => {
    const { code, out } = await ask('run', 'patch', ...args, '--preview', '--json')
    expect(code).toBe(0)
    const shown = JSON.parse(out) as { verb: string; hosts: { host: string }[] }
    expect([shown.verb, shown.hosts.map(each => each.host).toSorted()]).toEqual(['patch', hosts.toSorted()])
    expect(await commands()).toBe(0)
  })

  test('is shown with why some are left out, and starts nothing without a yes', async () => {
    const { code, err } = await ask('run', 'patch', '--limit', [hostOf('web-1'), hostOf('web-2')].join())
    expect(code).toBe(1)
    expect(err).toMatch(/nothing was started\n.*--yes/)
    expect(err).toContain(
      `patch on 1 host:\n  ${hostOf('web-1')}\nnot now, and left out: 1\n  ${hostOf('web-2')}: not ready`,
    )
    expect(await commands()).toBe(0)
  })

  test('brings variables and a dry run: those of a file, and over them those of the line; JSON is taken as such', async () => {
    const file = await fileIn(folder.path, 'vars.yaml', 'patch_reboot: never\ncount: 1\n')
    const limit = ['--limit', hostOf('web-1')]
    const said = [
      '--vars-file',
      file,
      '--var',
      'count=3',
      '--var',
      'packages=["openssl"]',
      '--var',
      'note=a=b',
      '--check',
    ]
    const { code } = await ask('run', 'Day2 | Ssh Keys', ...limit, ...said, '--yes', '--no-wait')
    expect(code).toBe(0)
    const [last] = await desk.log.page('commands', '0', 100)
    expect(last?.value).toMatchObject({
      verb: 'ssh_keys',
      check: true,
      variables: { patch_reboot: 'never', count: 3, packages: ['openssl'], note: 'a=b' },
    })
  })

  test.each<[string, readonly string[], RegExp]>([
    ['a pair that is none', ['--var', 'count'], /--var is name=value/],
    [
      'a file that is not there',
      ['--vars-file', '/nowhere.yaml'],
      /the variables of \/nowhere.yaml can not be read: ENOENT/,
    ],
    ['a secret', ['--var', 'db_password=Very-Particular-42'], /db_password is, or holds, what looks like a secret/],
  ])('says what is wrong with %s, and no value', async (_, said, message) => {
    const before = await commands()
    const { code, err } = await ask('run', 'patch', '--limit', hostOf('web-1'), ...said, '--yes')
    expect([code, err]).toEqual([1, expect.stringMatching(message) as string])
    expect(err).not.toContain('Very-Particular-42')
    expect(await commands()).toBe(before)
  })

  test.each<[string, readonly string[], string]>([
    ['nobody who is there', ['--selector', 'app=none'], 'no VM is as asked for'],
    ['two ways at once', ['--limit', 'a', '--cluster', 'b'], '--limit names hosts, and so does what else is given'],
    ['an empty list', ['--limit', ' , '], '--limit names no host'],
  ])('is refused when it is %s', async (_, args, message) => {
    const before = await commands()
    const { code, err } = await ask('run', 'patch', ...args, '--yes')
    expect(code).not.toBe(0)
    expect(err).toContain(message)
    expect(await commands()).toBe(before)
  })
})

describe('what was done', () => {
  test('to a host is listed', async () => {
    const { out } = await ask('runs', 'of', hostOf('web-1'))
    expect(out).toContain('2026-11-21T00:00:00')
    expect(out).toContain('1 ok')
  })

  test('is exported as lines', async () => {
    const { out } = await ask('runs', 'export', '--format', 'csv', '--verb', 'patch')
    expect(out.split('\n')).toEqual([
      'at,run,verb,template,asked_by,job,host,vm_uid,outcome,detail,asked_because,trigger,allowed_by,attempts,step',
      `2026-11-21T00:00:00.000Z,${uuid(1)},patch,T,ops,0,${hostOf('web-1')},uid-web-1,ok,1 ok,,,,0,`,
    ])
    expect((await ask('runs', 'export', '--format', 'jsonl', '--outcome', 'failed')).out).toBe('')
  })
})

test('hosts whose names are too long for one limit become several runs, each with a key of its own', async () => {
  desk.cluster('far-1')
  const far = Array.from({ length: 400 }, (_, index) => guest(`${'long-'.repeat(40)}${index}`, { cluster: 'far-1' }))
  desk.put(...far)
  const before = await commands()
  const { code, out } = await ask('run', 'patch', '--cluster', 'far-1', '--yes', '--no-wait', '--key', 'far')
  expect(code).toBe(0)
  expect(out.trim().split('\n')).toHaveLength(2)
  expect(await commands()).toBe(before + 2)
  const asked = (await desk.log.page('commands', '0', 200))
    .slice(-2)
    .flatMap(({ value }) => (value as { hosts: string[] }).hosts)
  expect(new Set(asked)).toEqual(new Set(far.map(({ name }) => `${name}.shop.far-1`)))
})

test.each(['runs', 'run'])('a run is cancelled by its id: %s cancel', async command => {
  desk.run({ id: uuid(7), status: 'following' })
  const { code, err } = await ask(command, 'cancel', uuid(7))
  expect([code, err]).toEqual([0, `run ${uuid(7)} is to end; virtbridge runs show ${uuid(7)} tells what came of it`])
  const last = (await desk.log.page('commands', '0', 100)).at(-1)
  expect(last?.value).toMatchObject({ kind: 'cancel', run: uuid(7), asked_by: 'admin' })
})

describe('a run is called by the beginning of its id, as events show it', () => {
  const [first, second] = ['0a1b2c3d-0000-4000-8000-000000000001', '0a1b2c3d-0000-4000-8000-000000000002']
  const alone = 'feedbeef-0000-4000-8000-000000000001'

  test('which is enough to show it, and to end it', async () => {
    desk.run({ id: alone, status: 'following' })
    expect((await ask('runs', 'show', 'feedbeef', '--json')).out).toContain(`"id":"${alone}"`)
    expect((await ask('runs', 'cancel', 'feedbeef')).err).toContain(`run ${alone} is to end`)
    expect((await desk.log.page('commands', '0', 500)).at(-1)?.value).toMatchObject({ kind: 'cancel', run: alone })
  })

  test('and does nothing where several begin so, which are named', async () => {
    desk.run({ id: first, status: 'following' })
    desk.run({ id: second, status: 'following' })
    const before = await commands()
    const { code, err } = await ask('runs', 'cancel', '0a1b2c3d')
    expect([code, err]).toEqual([1, expect.stringContaining(`2 runs begin with 0a1b2c3d`)])
    expect(err).toContain(first)
    expect(err).toContain(second)
    expect(await commands()).toBe(before)
    expect((await ask('runs', 'show', second, '--json')).out).toContain(`"id":"${second}"`)
  })

  test.each(['feedbeee', 'feed', 'nope'])('and %s is no run', async id => {
    expect(await ask('runs', 'show', id)).toMatchObject({ code: 1, err: expect.stringContaining('no run has the id') })
  })
})

test('a host of which nothing is on record is no table without a word', async () => {
  const { code, out, err } = await ask('runs', 'of', 'nobody')
  expect([code, out]).toEqual([0, expect.stringMatching(/^AT/)])
  expect(err).toContain('nothing is on record of a host nobody')
})

test('a run on nobody who could be launched on is not asked for', async () => {
  const before = await commands()
  const { code, err } = await ask('run', 'patch', '--limit', 'nobody')
  expect(code).toBe(1)
  expect(err).toContain('nobody: no VM has this host name')
  expect(err).toContain('nothing was started: it would be launched on no host now')
  expect(err).not.toContain('say yes')
  expect(await commands()).toBe(before)
})

test('a run is shown with its variables, why it was allowed, when and at which attempt it was launched, and that it only looked', async () => {
  const variables = { patch_reboot: 'never' }
  const allowed_by = 'the right run of the token ops on the whole fleet'
  const launch = { job: { id: 14, url: '/api/v2/jobs/14/' }, attempts: 2, launched_at: NOW + 2_000, allowed_by }
  desk.run({ id: uuid(8), status: 'finished', outcome: 'ok', check: true, variables, created_at: NOW, ...launch })
  const { out } = await ask('runs', 'show', uuid(8))
  expect(out).toMatch(/^patch dry run \(Day2 \| Patch\) by admin: ok\n/)
  expect(out).toContain('\nvariables {"patch_reboot":"never"}\n')
  expect(out).toContain(`\nallowed by ${allowed_by}\n`)
  expect(out).toContain('\nasked 2026-11-21T00:00:00Z, launched 2026-11-21T00:00:02Z')
  expect(out).toContain('\njob 14  /api/v2/jobs/14/  (launch 2 of it)\n')
})

test('the list of runs tells a dry run from one that was in earnest, as a table and for programs', async () => {
  desk.run({ id: uuid(8), status: 'finished', outcome: 'ok', check: true })
  desk.run({ id: uuid(9), status: 'finished', outcome: 'ok' })
  const { out } = await ask('runs')
  expect(out).toMatch(new RegExp(`^${uuid(8)} +patch dry run +ok `, 'm'))
  expect(out).toMatch(new RegExp(`^${uuid(9)} +patch +ok `, 'm'))
  const listed = JSON.parse((await ask('runs', '--json')).out) as { id: string; check?: boolean }[]
  expect(listed.filter(({ check }) => check === true).map(({ id }) => id)).toEqual([uuid(8)])
})

test('hosts of which one is unknown are shown with nobody that would be launched on, as nothing would start', async () => {
  const { out } = await ask('run', 'patch', '--limit', [hostOf('web-1'), hostOf('ghost')].join(), '--preview')
  expect(out).toMatch(/^patch on 0 hosts:\nnot now, and left out: 2\n/)
  expect(out).toContain(`${hostOf('web-1')}: nothing would be started: no VM is called ${hostOf('ghost')}`)
})

test('explain takes a host with and without the word vm, and no two of them', async () => {
  const [plain, worded] = [await ask('explain', hostOf('web-1')), await ask('explain', 'vm', hostOf('web-1'))]
  expect(worded.out).toBe(plain.out)
  expect((await ask('explain', hostOf('web-1'), hostOf('web-2'))).code).toBe(2)
})

test.each([
  ['a terminal', true],
  ['a program', false],
])('how a job goes is told to %s: %s', async (_, interactive) => {
  await using running = start(
    ['run', 'patch', '--limit', hostOf('db-1'), '--yes', '--key', String(interactive)],
    env,
    true,
    interactive,
  )
  await vi.waitFor(() => expect(running.errors.join('\n')).toMatch(/^run /), WAIT)
  const id = running.errors[0]?.slice('run '.length) ?? ''
  const host = meant(guest('db-1'))
  desk.run({ id, status: 'following', job: { id: 14, url: '' }, hosts: [host] })
  const hosts = [{ host: host.host, state: 'runs', done: 3, changed: 1, task: 'Update' }]
  const value = { schema: 1, kind: 'progress', run: id, at: NOW, task: '', after: 9, hosts }
  if (interactive) desk.ledger.apply({ key: `progress/${id}`, value })
  const told = (): string => running.errors.join('\n')
  await vi.waitFor(
    () => expect(told()).toContain(interactive ? 'db-1.shop.prod-1: 3 done, 1 changed: Update' : 'job 14'),
    WAIT,
  )
  desk.run({ id, status: 'finished', outcome: 'ok', hosts: [host] })
  expect(await running.done).toBe(0)
  const watched = (await desk.log.page('commands', '0', 200)).filter(({ value }) => isWatch(value, id))
  expect(watched).toHaveLength(interactive ? 1 : 0)
})

test.each([
  ['ok', 0],
  ['failed', 4],
] as const)('a run that is shared ends as the hosts that were asked for: %s', async (outcome, code) => {
  const limit = ['--limit', hostOf('db-1')]
  await using running = start(['run', 'patch', ...limit, '--share', '--reason', outcome, '--yes'], env, true, false)
  await vi.waitFor(() => expect(running.errors.join('\n')).toMatch(/^run /), WAIT)
  const id = running.errors[0]?.slice('run '.length) ?? ''
  const results = { [hostOf('db-1')]: outcome, [hostOf('web-1')]: outcome === 'ok' ? 'failed' : 'ok' }
  for (const [host, became] of Object.entries(results)) {
    const value = { schema: 1, kind: 'host', run: id, host, uid: '', outcome: became, detail: '', at: NOW }
    desk.ledger.apply({ key: `run/${id}/${host}`, value })
  }
  desk.run({ id, status: 'finished', outcome: 'failed', hosts: [meant(guest('db-1')), meant(guest('web-1'))] })
  expect(await running.done).toBe(code)
})

test('what the brake holds is shown, and goes on when a person says so: that brake, and no later one', async () => {
  const none = await ask('brake')
  expect([none.code, none.out]).toEqual([0, expect.stringContaining('no brake holds anything') as string])
  expect((await ask('brake', 'release', '--yes')).code).toBe(0)
  const brake = { schema: 5, kind: 'brake', id: uuid(55), at: NOW, reason: 'too many', hosts: 1 }
  desk.ledger.apply({ key: 'brake', value: brake })
  const shown = await ask('brake')
  expect([shown.code, shown.out]).toEqual([
    0,
    expect.stringMatching(
      /^held by the brake since .*: too many; .*\ndue to start by themselves: 1\n {2}db-1\.shop\.prod-1/,
    ),
  ])
  expect(JSON.parse((await ask('brake', '--json')).out)).toMatchObject({ held: { id: uuid(55) }, due: 1 })
  const before = await commands()
  const unsaid = await ask('brake', 'release')
  expect([unsaid.code, unsaid.err]).toEqual([1, expect.stringContaining('nothing was changed') as string])
  expect(await commands()).toBe(before)
  const { code, err } = await ask('brake', 'release', '--yes')
  expect([code, err]).toEqual([0, expect.stringContaining('the brake is released') as string])
  const last = (await desk.log.page('commands', '0', 100)).at(-1)
  expect(last?.value).toMatchObject({ kind: 'release_brake', brake: uuid(55), asked_by: 'admin' })
  desk.ledger.apply({ key: 'brake', value: null })
})

const WAIT = { timeout: 60_000, interval: 50 }

function isWatch(value: unknown, run: string): boolean {
  const command = value as { kind?: string; run?: string }
  return command.kind === 'watch' && command.run === run
}
