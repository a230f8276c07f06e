import { describe, expect, test } from 'vitest'
import { guest, hostOf, uuid } from '../day2/guest.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'

const RUNNER = bearer(TOKENS.runner)
const commands = async (desk: Desk): Promise<readonly unknown[]> =>
  (await desk.log.page('commands', '0', 10)).map(entry => entry.value)

describe('a preview of a run', () => {
  test('says of each host whether it would be launched on now and why not, and starts nothing', async () => {
    await using desk = await openDesk()
    desk.cluster('prod-1')
    desk.put(
      guest('web-1'),
      guest('web-2', { seen: { boot: '' } }),
      guest('win-1', { family: 'windows' }),
      guest('web-3'),
    )
    desk.run({
      id: uuid(1),
      status: 'following',
      hosts: [{ host: hostOf('web-3'), key: '', uid: 'uid-web-3', address: '' }],
    })
    const hosts = ['web-1', 'web-2', 'win-1', 'web-3'].map(hostOf)
    const answer = await desk.post('/api/v1/runs/preview', { verb: 'patch', hosts }, bearer(TOKENS.reader))
    const shown = answer.json<{ hosts: { launch: boolean; because: string }[] }>().hosts
    expect(shown.map(each => each.launch)).toEqual([true, false, false, false])
    expect(shown.map(each => each.because)).toEqual([
      '',
      expect.stringContaining('not ready') as string,
      'its OS (windows) is not one the verb is for',
      `run ${uuid(1)} holds it`,
    ])
    expect(await commands(desk)).toEqual([])
  })

  test.each<[string, string, readonly string[], string, number]>([
    ['a name is that of no VM', 'patch', ['web-1', 'ghost'], `no VM is called ${hostOf('ghost')}`, 422],
    ['a rulebook launches the verb', 'onboard', ['web-1'], 'the driver of onboard is eda, not bridge', 409],
  ])(
    'says of no host that it would be launched on when %s: the wish as a whole is refused',
    async (_, verb, names, why, status) => {
      await using desk = await openDesk()
      desk.cluster('prod-1')
      desk.put(guest('web-1'))
      const wish = { verb, hosts: names.map(hostOf) }
      const answer = await desk.post('/api/v1/runs/preview', wish, RUNNER)
      const [known, ...rest] = answer.json<{ hosts: object[] }>().hosts
      expect(known).toEqual({ host: hostOf('web-1'), launch: false, because: `nothing would be started: ${why}` })
      expect(rest).toEqual(
        names.slice(1).map(name => ({ host: hostOf(name), launch: false, because: 'no VM has this host name' })),
      )
      const started = await desk.post('/api/v1/runs', wish, RUNNER)
      expect([started.statusCode, started.json<{ detail: string }>().detail]).toEqual([status, why])
      expect(await commands(desk)).toEqual([])
    },
  )

  test('says so too where no controller is configured', async () => {
    await using desk = await openDesk({ controllerConfigured: false })
    desk.cluster('prod-1')
    desk.put(guest('web-1'))
    const answer = await desk.post('/api/v1/runs/preview', { verb: 'patch', hosts: [hostOf('web-1')] }, RUNNER)
    expect(answer.json<{ hosts: object[] }>().hosts).toEqual([
      expect.objectContaining({
        launch: false,
        because: expect.stringContaining('no controller is configured') as string,
      }),
    ])
  })

  test('knows no host that its token may not know of', async () => {
    await using desk = await openDesk()
    desk.cluster('dev-1')
    desk.put(guest('web-1', { cluster: 'dev-1' }))
    const body = { verb: 'patch', hosts: ['web-1.shop.dev-1'] }
    const answer = await desk.post('/api/v1/runs/preview', body, bearer(TOKENS.prod))
    expect(answer.json<object>()).toMatchObject({ hosts: [{ launch: false, because: 'no VM has this host name' }] })
  })
})

test('the list of runs says which of them were dry runs, and of no other that it was one', async () => {
  await using desk = await openDesk()
  desk.run({ id: uuid(1), check: true })
  desk.run({ id: uuid(2) })
  const { runs } = (await desk.get('/api/v1/runs', RUNNER)).json<{ runs: Record<string, unknown>[] }>()
  expect(new Map(runs.map(({ id, check }) => [id, check]))).toEqual(
    new Map([
      [uuid(1), true],
      [uuid(2), undefined],
    ]),
  )
})

describe('the end of a run', () => {
  test('is asked for by a command, by who may run', async () => {
    await using desk = await openDesk()
    desk.run({ id: uuid(1), status: 'following' })
    expect((await desk.post(`/api/v1/runs/${uuid(1)}/cancel`, {}, bearer(TOKENS.reader))).statusCode).toBe(403)
    const answer = await desk.post(`/api/v1/runs/${uuid(1)}/cancel`, {}, RUNNER)
    expect([answer.statusCode, answer.headers.location]).toEqual([202, `/api/v1/runs/${uuid(1)}`])
    const { id } = answer.json<{ id: string }>()
    expect(await commands(desk)).toEqual([{ schema: 1, kind: 'cancel', id, run: uuid(1), asked_by: 'runner', at: NOW }])
  })

  test('is refused when it has ended, when others launched it, and when it is not there', async () => {
    await using desk = await openDesk()
    const external = { by: 'alice', launch_type: 'manual', limit: '', whole: true, copy_of: '' }
    desk.run({ id: uuid(1), status: 'finished' })
    desk.run({ id: uuid(2), status: 'following', external })
    const codes = await Promise.all(
      [1, 2, 3].map(async number => {
        const answer = await desk.post(`/api/v1/runs/${uuid(number)}/cancel`, {}, RUNNER)
        return [answer.statusCode, answer.json<{ code: string }>().code]
      }),
    )
    expect(codes).toEqual([
      [409, 'run_ended'],
      [409, 'not_ours'],
      [404, 'no_run'],
    ])
    expect(await commands(desk)).toEqual([])
  })
})

test('what a job of others holds that can not be read is let go of by who may admin on the whole fleet', async () => {
  await using desk = await openDesk()
  const external = { by: 'alice', launch_type: 'manual', limit: '', whole: true, copy_of: '' }
  desk.run({ id: uuid(1), status: 'following', external, unread_at: NOW, hosts: [] })
  const codes = [TOKENS.runner, TOKENS.prod, TOKENS.admin].map(
    async token => (await desk.post(`/api/v1/runs/${uuid(1)}/cancel`, {}, bearer(token))).statusCode,
  )
  expect(await Promise.all(codes)).toEqual([403, 404, 202])
  expect(await commands(desk)).toMatchObject([{ kind: 'cancel', run: uuid(1), asked_by: 'admin' }])
})

describe('who watches a run', () => {
  test('says so once in a while: a command for each, and none of a run that has ended or that is not there', async () => {
    let now = NOW
    await using desk = await openDesk({ now: () => now })
    desk.run({ id: uuid(1), status: 'following' })
    desk.run({ id: uuid(2), status: 'finished' })
    const say = async (id: string) =>
      (await desk.post(`/api/v1/runs/${id}/watch`, {}, bearer(TOKENS.reader))).statusCode
    expect([await say(uuid(1)), await say(uuid(1)), await say(uuid(2)), await say(uuid(3))]).toEqual([
      202, 202, 202, 404,
    ])
    now += 20_000
    expect(await say(uuid(1))).toBe(202)
    const commands = (await desk.log.page('commands', '0', 10)).map(entry => entry.value)
    expect(commands).toMatchObject([
      { kind: 'watch', run: uuid(1), at: NOW },
      { kind: 'watch', run: uuid(1), at: NOW + 20_000 },
    ])
  })

  test('is remembered of so many runs and no more', async () => {
    await using desk = await openDesk({ limits: { token: { burst: 5_000, perSecond: 5_000 } } })
    for (let number = 0; number <= 1_000; number += 1) desk.run({ id: uuid(number), status: 'following' })
    const say = (number: number) => desk.post(`/api/v1/runs/${uuid(number)}/watch`, {}, bearer(TOKENS.reader))
    for (let number = 0; number <= 1_000; number += 1) await say(number)
    await say(1_000)
    await say(0)
    let count = 0
    for (let page = await desk.log.page('commands', '0', 500); page.length > 0;) {
      count += page.length
      page = await desk.log.page('commands', page.at(-1)?.position ?? '', 500)
    }
    expect(count).toBe(1_002)
  })

  test('reads how far it is host by host, and nothing once nobody watches', async () => {
    await using desk = await openDesk()
    desk.run({ id: uuid(1), status: 'following' })
    const read = async () => (await desk.get(`/api/v1/runs/${uuid(1)}`)).json<{ progress: object | null }>().progress
    expect(await read()).toBeNull()
    const hosts = [{ host: 'web-1.shop.prod-1', state: 'runs', done: 3, changed: 1, task: 'Update' }]
    const value = { schema: 1, kind: 'progress', run: uuid(1), at: NOW, task: 'Reboot', after: 9, hosts }
    desk.ledger.apply({ key: `progress/${uuid(1)}`, value })
    expect(await read()).toEqual({ at: NOW, task: 'Reboot', hosts })
  })
})

test('a wish for hosts whose names are too long for one limit is refused at once, with how many runs it would be', async () => {
  await using desk = await openDesk()
  desk.cluster('prod-1')
  const records = Array.from({ length: 400 }, (_, index) => guest(`${'long-'.repeat(40)}${index}`))
  desk.put(...records)
  const hosts = records.map(({ name }) => hostOf(name))
  for (const whom of [{ hosts }, { cluster: 'prod-1' }]) {
    const answer = await desk.post('/api/v1/runs', { verb: 'patch', ...whom }, RUNNER)
    expect([answer.statusCode, answer.json()]).toMatchObject([422, { code: 'too_many_hosts', hosts: 400, runs: 2 }])
  }
  expect(await commands(desk)).toEqual([])
})

describe('the brake', () => {
  const brake = { schema: 5, kind: 'brake', id: uuid(5), at: NOW, reason: 'too many', hosts: 2 } as const

  test('is told with the hosts that are due, and released by a command of who may confirm', async () => {
    await using desk = await openDesk({ dueBySelf: () => [hostOf('web-1'), hostOf('web-2')] })
    expect((await desk.get('/api/v1/brake')).json()).toMatchObject({ held: null, due: 2 })
    desk.ledger.apply({ key: 'brake', value: brake })
    expect((await desk.get('/api/v1/brake')).json()).toMatchObject({
      held: { id: uuid(5), at: NOW, because: expect.stringContaining('too many') as string },
      due: 2,
      hosts: [hostOf('web-1'), hostOf('web-2')],
    })
    const body = { brake: uuid(5) }
    expect((await desk.post('/api/v1/brake/release', body, RUNNER)).statusCode).toBe(403)
    const answer = await desk.post('/api/v1/brake/release', body)
    expect([answer.statusCode, answer.json()]).toMatchObject([202, { hosts: 2 }])
    expect(await commands(desk)).toEqual([
      { schema: 1, kind: 'release_brake', id: 'id-1', brake: uuid(5), asked_by: 'admin', at: NOW },
    ])
  })

  test('that nobody set, or that is another than was looked at, is not released', async () => {
    await using desk = await openDesk()
    const release = async (): Promise<unknown> => (await desk.post('/api/v1/brake/release', { brake: uuid(5) })).json()
    expect(await release()).toMatchObject({ status: 409, code: 'not_braked' })
    desk.ledger.apply({ key: 'brake', value: { ...brake, id: uuid(6) } })
    expect(await release()).toMatchObject({ status: 409, code: 'other_brake' })
    expect(await commands(desk)).toEqual([])
  })

  test('is of the whole fleet: a token of a part of it neither reads nor releases it', async () => {
    await using desk = await openDesk()
    desk.ledger.apply({ key: 'brake', value: brake })
    for (const token of [TOKENS.prod, TOKENS.shop]) {
      expect((await desk.get('/api/v1/brake', bearer(token))).statusCode).toBe(403)
      const asked = await desk.post('/api/v1/brake/release', { brake: uuid(5) }, bearer(token))
      expect([asked.statusCode, asked.json()]).toMatchObject([403, { code: 'out_of_scope' }])
    }
    expect(await commands(desk)).toEqual([])
  })
})
