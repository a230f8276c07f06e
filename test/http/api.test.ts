import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { variablesDigest } from '../../src/day2/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk[Symbol.asyncDispose]())

type Method = 'GET' | 'POST' | 'DELETE'

const SEEN = { digest: '0123456789abcdef' }
const RUN = { verb: 'patch', hosts: ['web-1.shop.prod-1'] }

describe('what goes wrong has one shape: a code for programs, a sentence and a next step for people', () => {
  test.each<
    [what: string, method: Method, path: string, ...rest: [body: unknown, token: string, status: number, code: string]]
  >([
    ['no token', 'GET', '/api/v1/inventory', null, '', 401, 'unauthorized'],
    ['a wrong token', 'GET', '/api/v1/vms', null, 'wrong', 401, 'unauthorized'],
    ['no token, before what is asked is looked at', 'GET', '/api/v1/events?limit=x', null, '', 401, 'unauthorized'],
    ['no token, before the body is looked at', 'POST', '/api/v1/runs', '{', '', 401, 'unauthorized'],
    ['a token that may only read', 'POST', '/api/v1/runs', RUN, TOKENS.reader, 403, 'forbidden'],
    [
      'a token that may not confirm',
      'POST',
      '/api/v1/clusters/prod-1/confirm-deletions',
      SEEN,
      TOKENS.runner,
      403,
      'forbidden',
    ],
    ['no such path', 'GET', '/api/v2/inventory', null, TOKENS.reader, 404, 'not_found'],
    ['no such method', 'DELETE', '/api/v1/inventory', null, TOKENS.admin, 405, 'wrong_method'],
    ['no such method of a path with a name', 'DELETE', '/api/v1/vms/x', null, '', 405, 'wrong_method'],
    ['a path that is none', 'GET', '/api/v1/vms/%zz', null, TOKENS.reader, 400, 'bad_request'],
    ['a name longer than any', 'GET', `/api/v1/vms/${'x'.repeat(1_201)}`, null, TOKENS.reader, 414, 'too_long'],
    ['an address that is too long', 'GET', `/api/v1/vms?after=${'x'.repeat(8_192)}`, null, '', 414, 'too_long'],
    ['a query with a field twice', 'GET', '/api/v1/vms?limit=1&limit=2', null, TOKENS.reader, 400, 'bad_request'],
    ['a query of what takes none', 'GET', '/api/v1/clusters?x=1', null, TOKENS.reader, 400, 'bad_request'],
    ['no such VM', 'GET', '/api/v1/vms/nobody.shop.prod-1', null, TOKENS.reader, 404, 'no_host'],
    ['no such VM to explain', 'GET', '/api/v1/explain/nobody', null, TOKENS.reader, 404, 'no_host'],
    [
      'a host name as long as they may be',
      'GET',
      `/api/v1/vms/${'n'.repeat(250)}.${'s'.repeat(63)}.${'c'.repeat(63)}`,
      null,
      TOKENS.reader,
      404,
      'no_host',
    ],
    ['no such run', 'GET', '/api/v1/runs/nothing', null, TOKENS.reader, 404, 'no_run'],
    ['no such cluster', 'POST', '/api/v1/clusters/nowhere/confirm-deletions', SEEN, TOKENS.admin, 404, 'no_cluster'],
    ['a query that is none', 'GET', '/api/v1/events?limit=0', null, TOKENS.reader, 400, 'bad_request'],
    ['an unknown query', 'GET', '/api/v1/vms?color=red', null, TOKENS.reader, 400, 'bad_request'],
    ['an unknown stream', 'GET', '/api/v1/events?stream=commands', null, TOKENS.reader, 400, 'bad_request'],
    ['a body that is no JSON', 'POST', '/api/v1/runs', '{"verb":', TOKENS.admin, 400, 'bad_request'],
    ['a wish with an unknown key', 'POST', '/api/v1/runs', { ...RUN, force: true }, TOKENS.admin, 400, 'bad_request'],
    ['no hosts', 'POST', '/api/v1/runs', { verb: 'patch', hosts: [] }, TOKENS.admin, 400, 'bad_request'],
    [
      'too many hosts',
      'POST',
      '/api/v1/runs',
      { verb: 'patch', hosts: Array.from({ length: 501 }, (_, n) => `h${n}`) },
      TOKENS.admin,
      400,
      'bad_request',
    ],
    [
      'a body that is too large',
      'POST',
      '/api/v1/runs',
      { verb: 'patch', hosts: ['x'.repeat(1_048_576)] },
      TOKENS.admin,
      413,
      'too_large',
    ],
    [
      'unknown hosts',
      'POST',
      '/api/v1/runs',
      { verb: 'patch', hosts: ['web-1.shop.prod-1', 'nobody'] },
      TOKENS.admin,
      422,
      'unknown_hosts',
    ],
    ['an unknown verb', 'POST', '/api/v1/runs', { ...RUN, verb: 'fly' }, TOKENS.admin, 422, 'unknown_verb'],
    [
      'an unknown verb, to look at',
      'POST',
      '/api/v1/runs/preview',
      { ...RUN, verb: 'Day2 | Fly' },
      TOKENS.reader,
      422,
      'unknown_verb',
    ],
    [
      'a verb that a rulebook drives',
      'POST',
      '/api/v1/runs',
      { ...RUN, verb: 'onboard' },
      TOKENS.admin,
      409,
      'other_driver',
    ],
    [
      'a cluster that waits for nobody',
      'POST',
      '/api/v1/clusters/dev-1/confirm-deletions',
      SEEN,
      TOKENS.admin,
      409,
      'not_held',
    ],
    [
      'VMs that were not seen',
      'POST',
      '/api/v1/clusters/held-1/confirm-deletions',
      SEEN,
      TOKENS.admin,
      409,
      'other_missing',
    ],
    ['nobody in particular', 'POST', '/api/v1/clusters/held-1/confirm-deletions', {}, TOKENS.admin, 400, 'bad_request'],
    ['an inventory that is not known yet', 'GET', '/api/v1/inventory', null, TOKENS.reader, 503, 'not_synced'],
  ])('%s', async (_what, method, path, ...[body, token, status, code]) => {
    desk.put(guest('web-1'))
    desk.cluster('dev-1')
    desk.cluster('held-1', { status: 'held', missing: 7, missing_digest: 'of-others' })
    const headers = {
      ...(token === '' ? {} : bearer(token)),
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    }
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await desk.app.inject({ method, url: path, headers, ...(body === null ? {} : { payload }) })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    const error = answer.json<object>()
    expect(error).toMatchObject({
      code,
      detail: expect.stringMatching(/.{5,}/) as string,
      hint: expect.stringMatching(/.{5,}/) as string,
    })
    expect(await commands()).toBe(0)
  })

  test('what is unknown in a query is told with what is known there', async () => {
    expect((await desk.get('/api/v1/vms?color=red&cluster=a')).json()).toMatchObject({
      detail: 'unknown in the query: "color"; there are cluster, namespace, profile, after, limit',
      known: ['cluster', 'namespace', 'profile', 'after', 'limit'],
    })
    expect((await desk.get('/api/v1/clusters?color=red')).json()).toMatchObject({
      detail: 'unknown in the query: "color"; none are known here',
    })
  })

  test('a method that is not taken is told with those that are', async () => {
    const answer = await desk.app.inject({ method: 'DELETE', url: '/api/v1/runs?x=1' })
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, HEAD, POST'])
  })

  test('a body that is no JSON by its type is refused', async () => {
    const answer = await desk.post('/api/v1/runs', '<run/>', { ...bearer(TOKENS.admin), 'content-type': 'text/xml' })
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([415, 'no_json'])
  })

  test('each says what else is known: the scheme, when to come back, which hosts and clusters', async () => {
    expect((await desk.get('/api/v1/vms', {})).headers['www-authenticate']).toBe('Bearer')
    const closed = await desk.get('/api/v1/inventory')
    expect(closed.headers['retry-after']).toBe('5')
    expect(closed.json()).toMatchObject({ clusters: ['prod-1'] })
    expect(
      (await desk.post('/api/v1/runs', { verb: 'patch', hosts: ['web-1.shop.prod-1', 'a', 'b'] })).json(),
    ).toMatchObject({ hosts: ['a', 'b'] })
  })

  test('what is our own fault says nothing of the inside, and is logged', async () => {
    const answer = await desk.get('/api/v1/explain/web-1.shop.prod-1')
    expect(answer.statusCode).toBe(500)
    expect(answer.json()).toMatchObject({ code: 'internal' })
    expect(answer.body).not.toContain('not asked for here')
    expect(desk.logged.join('')).toContain('not asked for here')
  })
})

test('without a controller nothing can be launched, and it says so', async () => {
  await using bare = await openDesk({ controllerConfigured: false })
  expect((await bare.post('/api/v1/runs', RUN)).json()).toMatchObject({
    code: 'no_controller',
    hint: expect.stringContaining('controller:') as string,
  })
})

function unpack(coding: string | undefined, body: Buffer): string {
  if (coding === 'gzip') return gunzipSync(body).toString()
  return (coding === 'zstd' ? zstdDecompressSync(body) : body).toString()
}

describe('the inventory', () => {
  let open: Desk
  beforeAll(async () => {
    open = await openDesk()
    open.cluster('prod-1')
    open.put(guest('web-1'), guest('web-2'))
  })
  afterAll(() => open[Symbol.asyncDispose]())

  test('has a strong ETag, and answers 304 without a body while it is the same', async () => {
    const first = await open.get('/api/v1/inventory')
    const etag = String(first.headers.etag)
    expect(first.statusCode).toBe(200)
    expect(first.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-cache',
    })
    expect(etag).toMatch(/^"[^"]+"$/)
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await open.get('/api/v1/inventory', { ...bearer(TOKENS.reader), 'if-none-match': header })
      expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', etag])
    }
    expect((await open.get('/api/v1/inventory', { ...bearer(TOKENS.reader), 'if-none-match': '"x"' })).statusCode).toBe(
      200,
    )
    expect((await open.get('/api/v1/inventory', { 'if-none-match': etag })).statusCode).toBe(401)
  })

  test.each([
    ['gzip', 'gzip'],
    ['br, gzip;q=0.5', 'gzip'],
    ['zstd', 'zstd'],
    ['gzip, zstd', 'zstd'],
    ['gzip, zstd;q=0.5', 'gzip'],
    ['gzip;q=0', undefined],
    ['identity', undefined],
    ['', undefined],
  ])(
    'for Accept-Encoding %j comes as %s, the same in content, with a tag of its own; HEAD says the same',
    async (accept, coding) => {
      const ask = async (method: 'GET' | 'HEAD', tag?: string) =>
        open.app.inject({
          method,
          url: '/api/v1/inventory',
          headers: {
            ...bearer(TOKENS.reader),
            'accept-encoding': accept,
            ...(tag === undefined ? {} : { 'if-none-match': tag }),
          },
        })
      const plain = await open.get('/api/v1/inventory')
      const [answer, head] = [await ask('GET'), await ask('HEAD')]
      const etag = String(answer.headers.etag)
      expect(unpack(coding, answer.rawPayload)).toBe(plain.body)
      expect(etag).toBe(
        coding === undefined ? plain.headers.etag : `${String(plain.headers.etag).slice(0, -1)}-${coding}"`,
      )
      for (const { headers } of [answer, head]) {
        expect(headers).toMatchObject({ etag, vary: 'accept-encoding, authorization' })
        expect(headers['content-encoding']).toBe(coding)
      }
      expect([head.statusCode, head.body]).toEqual([200, ''])
      expect((await ask('GET', etag)).statusCode).toBe(304)
      const another = coding === 'gzip' ? 'zstd' : 'gzip'
      expect((await ask('GET', `${String(plain.headers.etag).slice(0, -1)}-${another}"`)).statusCode).toBe(200)
    },
  )

  test('changes its ETag when a host changes, and gzip goes with it', async () => {
    const before = await open.get('/api/v1/inventory')
    open.put(guest('web-2', { seen: { node: 'n9' } }))
    const after = await open.get('/api/v1/inventory', { ...bearer(TOKENS.reader), 'accept-encoding': 'gzip' })
    expect(after.headers.etag).not.toBe(before.headers.etag)
    expect(gunzipSync(after.rawPayload).toString()).toContain('n9')
  })
})

const ALLOWED = 'the right run of the token runner on the whole fleet'

describe('runs', () => {
  const headers = { ...bearer(TOKENS.runner), 'idempotency-key': 'k1' }

  test('are taken in as a command; the same key gives the same run, another caller or key another', async () => {
    await using own = await openDesk()
    own.put(guest('web-1'), guest('web-2'))
    const first = await own.post('/api/v1/runs', { ...RUN, reason: 'cve' }, headers)
    expect(first.statusCode).toBe(202)
    const { id } = first.json<{ id: string }>()
    expect(first.headers.location).toBe(`/api/v1/runs/${id}`)
    expect((await own.log.page('commands', '0', 10)).map(entry => entry.value)).toEqual([
      { schema: 1, kind: 'run', id, ...RUN, asked_by: 'runner', reason: 'cve', at: NOW, allowed_by: ALLOWED },
    ])
    expect((await own.post('/api/v1/runs', { ...RUN, reason: 'cve' }, headers)).json()).toMatchObject({ id })
    const others = [
      await own.post('/api/v1/runs', RUN, { ...bearer(TOKENS.admin), 'idempotency-key': 'k1' }),
      await own.post('/api/v1/runs', RUN, { ...headers, 'idempotency-key': 'k2' }),
      await own.post('/api/v1/runs', RUN),
      await own.post('/api/v1/runs', RUN),
    ]
    expect(new Set([id, ...others.map(answer => answer.json<{ id: string }>().id)]).size).toBe(5)
  })

  test('may name the job template in place of the verb, and then are the same wish', async () => {
    await using own = await openDesk()
    own.put(guest('web-1'))
    const wish = { hosts: ['web-1.shop.prod-1'] }
    const answers = [
      await own.post('/api/v1/runs', { ...wish, verb: 'Day2 | Ssh Keys' }, headers),
      await own.post('/api/v1/runs', { ...wish, verb: 'ssh_keys' }, headers),
    ]
    expect(answers.map(answer => answer.json<{ verb: string }>().verb)).toEqual(['ssh_keys', 'ssh_keys'])
    expect(new Set(answers.map(answer => answer.json<{ id: string }>().id)).size).toBe(1)
    const [{ value } = { value: null }] = await own.log.page('commands', '0', 10)
    expect(value).toMatchObject({ verb: 'ssh_keys' })
  })

  test('may bring variables and be dry: the command says so, as a later version that older programs refuse', async () => {
    await using own = await openDesk()
    own.put(guest('web-1'))
    const more = { variables: { patch_reboot: 'never' }, check: true }
    expect((await own.post('/api/v1/runs', { ...RUN, ...more }, headers)).statusCode).toBe(202)
    const [{ value } = { value: null }] = await own.log.page('commands', '0', 10)
    expect(value).toMatchObject({ schema: 2, ...RUN, ...more })
  })

  test.each<[why: string, variables: object, detail: string]>([
    ['who is reached', { ansible_host: '10.0.0.1' }, 'ansible_host is not for a run to say'],
    ['a secret', { db_password: 'Very-Particular-42' }, 'db_password is, or holds, what looks like a secret'],
    ['an expression', { motd: '{{ 1 + 1 }}' }, 'motd holds a template expression'],
    ['more than a megabyte, nearly', { note: 'x'.repeat(1_000_000) }, 'variables of 1000011 bytes are too many'],
  ])(
    'with variables that say %s are refused: no value in the answer, in a log line or on the log',
    async (_, variables, detail) => {
      await using own = await openDesk()
      own.put(guest('web-1'))
      const answer = await own.post('/api/v1/runs', { ...RUN, variables }, headers)
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([422, 'bad_variables'])
      expect(answer.json<{ detail: string }>().detail).toContain(detail)
      expect(`${answer.body} ${own.logged.join('')}`).not.toContain('Very-Particular-42')
      expect(await own.log.page('commands', '0', 10)).toEqual([])
    },
  )

  test('the same key with other variables, or in earnest in place of dry, is another wish', async () => {
    await using own = await openDesk()
    own.put(guest('web-1'))
    const wish = { ...RUN, variables: { a: 1, b: 2 } }
    const { id } = (await own.post('/api/v1/runs', wish, headers)).json<{ id: string }>()
    const hosts = [{ host: 'web-1.shop.prod-1', key: '', uid: '', address: '' }]
    own.run({ id, verb: 'patch', hosts, variables_digest: variablesDigest(wish.variables) })
    const again = { ...RUN, variables: { b: 2, a: 1 } }
    expect((await own.post('/api/v1/runs', again, headers)).statusCode).toBe(202)
    for (const other of [RUN, { ...RUN, variables: { a: 1 } }, { ...wish, check: true }])
      expect((await own.post('/api/v1/runs', other, headers)).json()).toMatchObject({ code: 'key_used' })
  })

  test('may say whom they are for by labels, a cluster and a namespace; what was said is on record', async () => {
    await using own = await openDesk({ parseSelector })
    const labels = { app: 'web' }
    own.put(guest('web-1', { seen: { labels } }), guest('web-2', { seen: { labels } }), guest('db-1'))
    const selection = { selector: 'app=web', cluster: 'prod-1', namespace: 'shop' }
    const answer = await own.post('/api/v1/runs', { verb: 'patch', ...selection }, headers)
    expect(answer.json()).toMatchObject({ hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1'] })
    const [{ value } = { value: null }] = await own.log.page('commands', '0', 10)
    expect(value).toMatchObject({ schema: 1, hosts: ['web-1.shop.prod-1', 'web-2.shop.prod-1'], selection })
    const { id } = answer.json<{ id: string }>()
    own.run({ id, verb: 'patch', selection, hosts: [] })
    expect((await own.post('/api/v1/runs', { verb: 'patch', ...selection }, headers)).json()).toMatchObject({ id })
    const other = await own.post('/api/v1/runs', { verb: 'patch', cluster: 'prod-1' }, headers)
    expect(other.json()).toMatchObject({ code: 'key_used' })
    const seen = await own.post('/api/v1/runs/preview', { verb: 'patch', selector: 'app in (web)' })
    expect(seen.json<{ hosts: object[] }>().hosts).toHaveLength(2)
  })

  test('may say whom they are for by a view', async () => {
    const view = { ...viewOfAll('dev', { builtin: true, labels: [], maxPerLabel: 10 }), clusters: ['dev-1'] }
    await using own = await openDesk({}, [view])
    own.put(guest('web-1'), guest('web-1', { cluster: 'dev-1', uid: 'u' }))
    const answer = await own.post('/api/v1/runs', { verb: 'patch', view: 'dev' })
    expect(answer.json()).toMatchObject({ hosts: ['web-1.shop.dev-1'] })
    const hidden = await own.post('/api/v1/runs/preview', { verb: 'patch', view: 'dev' }, bearer(TOKENS.prod))
    expect(hidden.json()).toMatchObject({ code: 'nobody' })
  })

  test.each<[why: string, whom: object, status: number, code: string]>([
    ['nothing', {}, 400, 'bad_request'],
    ['two things', { hosts: ['web-1.shop.prod-1'], cluster: 'prod-1' }, 400, 'bad_request'],
    ['a view that is not there', { view: 'x' }, 404, 'no_view'],
    ['a profile that is not there', { profile: 'x' }, 404, 'no_profile'],
    ['labels that are none', { selector: 'a = = b' }, 422, 'bad_selector'],
    ['nobody', { cluster: 'x' }, 422, 'nobody'],
    ['more than one run has room for', { namespace: 'shop' }, 422, 'too_many_hosts'],
  ])('that say %s of whom they are for are refused, and nothing is asked for', async (_, whom, status, code) => {
    await using own = await openDesk({ parseSelector })
    own.put(...Array.from({ length: 501 }, (_, index) => guest(`web-${index + 1}`)))
    for (const path of ['/api/v1/runs', '/api/v1/runs/preview']) {
      const answer = await own.post(path, { verb: 'patch', ...whom })
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([status, code])
    }
    expect(await own.log.page('commands', '0', 10)).toEqual([])
  })

  test('a key that was used for something else is refused, not answered with the other run', async () => {
    await using own = await openDesk()
    own.put(guest('web-1'), guest('web-2'))
    const { id } = (await own.post('/api/v1/runs', RUN, headers)).json<{ id: string }>()
    own.run({ id, verb: 'patch', hosts: [{ host: 'web-1.shop.prod-1', key: '', uid: '', address: '' }] })
    const other = await own.post('/api/v1/runs', { verb: 'patch', hosts: ['web-2.shop.prod-1'] }, headers)
    expect([other.statusCode, other.json<object>()]).toMatchObject([409, { code: 'key_used', run: id }])
    expect((await own.post('/api/v1/runs', RUN, headers)).statusCode).toBe(202)
    expect(await own.log.page('commands', '0', 10)).toHaveLength(1)
  })

  test.each<[string, object]>([
    ['other hosts', { hosts: ['web-2.shop.prod-1'] }],
    ['another verb', { verb: 'ssh_keys' }],
    ['variables', { variables: { a: 1 } }],
    ['a dry run', { check: true }],
  ])(
    'a key that was used for something else a moment ago is refused before the ledger has it: %s',
    async (_, other) => {
      await using own = await openDesk()
      own.put(guest('web-1'), guest('web-2'))
      const wish = { ...RUN, hosts: ['web-1.shop.prod-1'] }
      const ask = (body: object) => own.post('/api/v1/runs', body, headers)
      const answers = [await ask(wish), await ask({ ...wish, ...other }), await ask(wish)]
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 409, 202])
      const [first, refused, again] = answers.map(answer => answer.json<{ id?: string; code?: string; run?: string }>())
      expect(again).toEqual(first)
      expect(refused).toMatchObject({ code: 'key_used', run: first?.id })
      const commands = await own.log.page('commands', '0', 10)
      expect(commands.map(({ value }) => value)).not.toContainEqual(expect.objectContaining(other))
    },
  )

  test('a key whose wish did not get into the log is free again', async () => {
    let full = true
    const log = { append: () => (full ? Promise.reject(new Error('the disk is full')) : Promise.resolve([])) }
    await using own = await openDesk({ log: log as never })
    own.put(guest('web-1'))
    expect((await own.post('/api/v1/runs', RUN, headers)).statusCode).toBe(500)
    full = false
    expect((await own.post('/api/v1/runs', { ...RUN, check: true }, headers)).statusCode).toBe(202)
  })

  test('are listed newest first, a bounded number of them', async () => {
    await using own = await openDesk()
    for (let n = 0; n < 600; n += 1) own.run({ id: `r${n}`, created_at: n })
    const { runs } = (await own.get('/api/v1/runs')).json<{ runs: { id: string }[] }>()
    expect([runs.length, runs[0]?.id]).toEqual([500, 'r599'])
  })
})

test('VMs come in pages that go on where the last ended, and can be narrowed to a cluster and a namespace', async () => {
  await using own = await openDesk()
  own.put(...Array.from({ length: 7 }, (_, n) => guest(`web-${n}`, { cluster: n < 4 ? 'prod-1' : 'dev-1' })), {
    ...guest('db-1'),
    namespace: 'data',
  })
  const found: string[] = []
  for (let after: string | null = ''; after !== null;) {
    const page: { vms: { host: string }[]; next: string } = (
      await own.get(`/api/v1/vms?limit=3&after=${encodeURIComponent(after)}`)
    ).json()
    found.push(...page.vms.map(vm => vm.host))
    expect(page.vms.length).toBeLessThanOrEqual(3)
    after = page.next === '' ? null : page.next
  }
  expect(found).toHaveLength(8)
  expect(new Set(found).size).toBe(8)
  const hosts = async (query: string): Promise<number> =>
    (await own.get(`/api/v1/vms?${query}`)).json<{ vms: object[] }>().vms.length
  expect([await hosts('cluster=prod-1'), await hosts('namespace=data'), await hosts('cluster=nowhere')]).toEqual([
    5, 1, 0,
  ])
})

test('a held cluster is confirmed by a command that says who did', async () => {
  await using own = await openDesk()
  own.cluster('prod-1', { status: 'held', missing: 7, missing_digest: SEEN.digest })
  const answer = await own.post('/api/v1/clusters/prod-1/confirm-deletions', SEEN)
  expect([answer.statusCode, answer.json()]).toEqual([202, { id: 'id-1', missing: 7 }])
  expect((await own.log.page('commands', '0', 10)).map(entry => entry.value)).toEqual([
    { schema: 1, kind: 'confirm', id: 'id-1', cluster: 'prod-1', digest: SEEN.digest, asked_by: 'admin', at: NOW },
  ])
})

async function commands(): Promise<number> {
  return (await desk.log.page('commands', '0', 10)).length
}
