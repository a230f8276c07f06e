import { expect, test } from 'vitest'
import type { EventLog } from '../../src/log/index.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

interface Ready {
  readonly status: string
  readonly checks: readonly {
    readonly name: string
    readonly ok: boolean
    readonly reason: string
    readonly hint: string
  }[]
}

test('it is alive whatever else is wrong, and asks nobody who they are', async () => {
  await using desk = await openDesk()
  const answer = await desk.get('/livez', {})
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'alive', version: '0.0.0-test' }])
})

test('it is ready, degraded by one cluster, or not ready without a log; each trouble is one line with a next step', async () => {
  await using desk = await openDesk({ checks: () => [] })
  const ready = async (): Promise<[number, Ready]> => {
    const answer = await desk.get('/readyz', {})
    return [answer.statusCode, answer.json<Ready>()]
  }
  const [, before] = await ready()
  expect(before.status).toBe('degraded')
  expect(before.checks).toContainEqual({
    name: 'cluster prod-1',
    ok: false,
    reason: 'not read yet',
    hint: expect.stringMatching(/.{5,}/) as string,
  })

  desk.cluster('prod-1')
  expect(await ready()).toEqual([
    200,
    {
      status: 'ready',
      checks: [
        { name: 'log', ok: true, reason: '', hint: '' },
        { name: 'cluster prod-1', ok: true, reason: '', hint: '' },
      ],
    },
  ])

  desk.cluster('dev-1', { status: 'unavailable', reason: 'connect ECONNREFUSED', hint: 'check the URL' })
  const [status, { checks, ...rest }] = await ready()
  expect([status, rest.status, checks[1]]).toEqual([
    200,
    'degraded',
    { name: 'cluster dev-1', ok: false, reason: 'connect ECONNREFUSED', hint: 'check the URL' },
  ])
})

test.each([
  ['written', { writable: false, readable: true, hint: 'make room' }],
  ['read', { writable: true, readable: false, hint: 'goes on by itself' }],
])('a log that can not be %s makes it not ready, and says why', async (_, { hint, ...can }) => {
  await using base = await openDesk()
  const log: EventLog = Object.assign(Object.create(base.log) as EventLog, {
    health: () => ({ ...can, hint, reason: 'database or disk is full', waitingBytes: 0, holder: '' }),
    losses: () => [{ id: 'l', stream: 'state.runs', reason: 'gone', at: 0 }],
  })
  await using desk = await openDesk({ log })
  desk.cluster('prod-1')
  const answer = await desk.get('/readyz', {})
  expect(answer.statusCode).toBe(503)
  expect(answer.json()).toMatchObject({
    status: 'not_ready',
    checks: [
      {
        name: 'log',
        ok: false,
        reason: expect.stringContaining('disk is full') as string,
        hint: expect.stringContaining(hint) as string,
      },
      { ok: true },
    ],
  })
  const metrics = (await desk.get('/metrics', {})).body
  expect(metrics).toContain(`virtbridge_log_writable ${can.writable ? 1 : 0}`)
  expect(metrics).toContain(`virtbridge_log_readable ${can.readable ? 1 : 0}`)
  expect(metrics).toContain('virtbridge_log_losses 1')
})

test('metrics are Prometheus text: each sample of a metric that was declared, and no VM among the labels', async () => {
  await using desk = await openDesk()
  desk.cluster('prod-1', { vms: 7 })
  await desk.get('/api/v1/vms/secret-vm.shop.prod-1')
  await desk.get('/no/such/path')
  const answer = await desk.get('/metrics', {})
  expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4')
  const lines = answer.body.split('\n').filter(line => line !== '' && !line.startsWith('# HELP '))
  const declared = new Set(
    lines.flatMap(line => /^# TYPE (\S+) (?:counter|gauge|histogram|summary)$/.exec(line)?.[1] ?? []),
  )
  const samples = lines.filter(line => !line.startsWith('# TYPE '))
  const SAMPLE =
    /^[a-z_:][a-z0-9_:]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*,?\})? ([-+]?[0-9.]+(e[-+]?[0-9]+)?|[-+]?inf|nan)$/i
  expect(samples.filter(line => !SAMPLE.test(line))).toEqual([])
  const names = samples.map(line => /^[^{ ]+/.exec(line)?.[0] ?? '')
  expect(names.filter(name => !declared.has(name) && !declared.has(name.replace(/_(bucket|sum|count)$/, '')))).toEqual(
    [],
  )
  expect(answer.body).toContain('virtbridge_vms{cluster="prod-1"} 7')
  expect(answer.body).toContain('virtbridge_cluster_status{cluster="prod-1",status="synced"} 1')
  expect(answer.body).toContain('route="/api/v1/vms/:host"')
  expect(answer.body).toContain('route="unknown"')
  expect(answer.body).not.toContain('secret-vm')
})

test('a header that is not exactly a bearer token is nobody', async () => {
  await using desk = await openDesk()
  const { reader } = TOKENS
  const odd = [
    '',
    'Bearer',
    'bearer  x',
    'Basic cmVhZGVy',
    `Token ${reader}`,
    `Bearer ${reader} x`,
    `Bearer ${'x'.repeat(5_000)}`,
    `Bearer ${reader.toUpperCase()}`,
  ]
  const answers = await Promise.all(odd.map(authorization => desk.get('/api/v1/vms', { authorization })))
  expect(answers.map(answer => answer.statusCode)).toEqual(odd.map(() => 401))
  expect((await desk.get('/api/v1/vms', { authorization: `bearer ${reader}` })).statusCode).toBe(200)
})

test('no value of a token is in an answer or in the log, whatever is asked with it', async () => {
  await using desk = await openDesk()
  const answers = [
    await desk.get('/api/v1/inventory'),
    await desk.get(`/api/v1/vms/${TOKENS.reader}`, {}),
    await desk.get('/api/v1/explain/x'),
    await desk.get('/api/v1/vms', bearer('wrong-token-of-somebody')),
    await desk.post('/api/v1/runs', { verb: 'patch', hosts: ['x'] }, bearer(TOKENS.reader)),
    await desk.post('/api/v1/runs', '{', bearer(TOKENS.admin)),
    await desk.get('/readyz', {}),
    await desk.get('/metrics', {}),
  ]
  const told = [...answers.map(answer => answer.body + JSON.stringify(answer.headers)), ...desk.logged].join('\n')
  for (const secret of [...Object.values(TOKENS), 'wrong-token-of-somebody']) expect(told).not.toContain(secret)
})

test('a token that somebody put in the wrong place is not in the log', async () => {
  await using desk = await openDesk()
  await desk.get(`/api/v1/vms/${TOKENS.reader}`)
  await desk.get(`/api/v1/inventory?view=${TOKENS.reader}`)
  await desk.get(`/api/v1/inventory/${TOKENS.admin}?why=${TOKENS.shop}`)
  await desk.get('/api/v1/vms', { 'user-agent': TOKENS.admin, ...bearer(TOKENS.reader) })
  const logged = desk.logged.join('\n')
  expect(logged.split('(a token)')).toHaveLength(8)
  for (const secret of Object.values(TOKENS)) expect(logged).not.toContain(secret)
})

test.each([
  ['after the word that it has in its header', 'Bearer TOKEN'],
  ['in quotes', '{"token":"TOKEN"}'],
  ['after its name', 'token=TOKEN'],
  ['in a list', 'x,TOKEN,y'],
])('a token with signs in it that somebody put %s is not in the log', async (_where, text) => {
  await using desk = await openDesk()
  const token = `${TOKENS.admin}/:+==`
  desk.tokens['admin'] = token
  desk.clock += 60_000
  await askEverywhere(desk, text.replace('TOKEN', token))
  expect(desk.logged.join('\n').split('(a token)')).toHaveLength(7)
  expect(desk.logged.join('\n')).not.toContain(TOKENS.admin)
})

test.each([
  ['in an address', 'https://t:TOKEN@bridge/api/v1/vms'],
  ['in its path or its query', '/api/v1/TOKEN/vms?token=TOKEN&x=1'],
  ['in one that was quoted twice', '%3Ftoken%3DTOKEN%26x%3D1'],
])('a token that somebody put %s is not in the log', async (_where, text) => {
  await using desk = await openDesk()
  await askEverywhere(desk, text.replaceAll('TOKEN', TOKENS.reader))
  expect(desk.logged.join('\n').split('(a token)')).toHaveLength(7)
  expect(desk.logged.join('\n')).not.toContain(TOKENS.reader)
})

/** In six places of the audit: a value, two of one name, and a name of the query, the user agent, and a host, which is told once more as such. */
async function askEverywhere(desk: Desk, text: string): Promise<void> {
  const quoted = encodeURIComponent(text)
  await desk.get(`/api/v1/vms?a=${quoted}&b=x&b=${quoted}&${quoted}=x`, { 'user-agent': text })
  await desk.get(`/api/v1/inventory?why=${quoted}`)
}

test('names and values of the query that are none of a token stand in the log as they were sent, cut when they are long', async () => {
  await using desk = await openDesk()
  const long = 'n'.repeat(300)
  await desk.get(`/api/v1/vms?${long}=${long}&selector=app%3Dweb-of-the-shop,tier%3Dfront-end-of-it`)
  const { query } = JSON.parse(desk.logged[0] ?? '') as { query: object }
  expect(query).toMatchObject({
    [long.slice(0, 256)]: long.slice(0, 256),
    selector: 'app=web-of-the-shop,tier=front-end-of-it',
  })
  expect(Object.keys(query)).not.toContain(long)
})
