import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import type { AppParts } from '../../src/http/index.ts'
import { InventoryCache, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'
import { documentOf, operationsOf } from './document.ts'

const GROUPS = { builtin: true, labels: ['app'], maxPerLabel: 5 }
const VIEWS = [
  { ...viewOfAll('web', GROUPS, 'slim'), labels: parseSelector('app=web') },
  { ...viewOfAll('careful', GROUPS), onStale: 'fail' as const },
  { ...viewOfAll('later', GROUPS), clusters: ['dev-9'] },
]
const WEB = 'web-1.shop.prod-1'
const DB = 'db-2.shop.prod-1'
const SCOPED = bearer(TOKENS.scoped)

let desk: Desk
beforeAll(async () => {
  desk = await openDesk({}, VIEWS)
  desk.cluster('prod-1')
  desk.put(guest('web-1', { seen: { labels: { app: 'web' } } }), guest('db-2'))
})
afterAll(() => desk[Symbol.asyncDispose]())

interface Answer {
  readonly _meta: { readonly hostvars: Readonly<Record<string, object>> }
}

describe('a view', () => {
  const path = '/api/v1/inventory/web'

  test('is answered as the whole is: its own strong ETag, 304, gzip, HEAD', async () => {
    const [whole, first] = [await desk.get('/api/v1/inventory'), await desk.get(path)]
    const etag = String(first.headers.etag)
    expect(first.statusCode).toBe(200)
    expect(etag).toMatch(/^"[^"]+"$/)
    expect(etag).not.toBe(whole.headers.etag)
    expect(Object.keys(first.json<Answer>()._meta.hostvars)).toEqual([WEB])
    const same = await desk.get(path, { ...bearer(TOKENS.reader), 'if-none-match': etag })
    expect([same.statusCode, same.body, same.headers.etag]).toEqual([304, '', etag])
    const other = await desk.get(path, { ...bearer(TOKENS.reader), 'if-none-match': String(whole.headers.etag) })
    expect(other.statusCode).toBe(200)
    for (const [url, plain] of [
      [path, first],
      ['/api/v1/inventory', whole],
      [path, first],
    ] as const) {
      const packed = await desk.get(url, { ...bearer(TOKENS.reader), 'accept-encoding': 'gzip' })
      expect([packed.headers['content-encoding'], gunzipSync(packed.rawPayload).toString()]).toEqual([
        'gzip',
        plain.body,
      ])
    }
    const head = await desk.app.inject({ method: 'HEAD', url: path, headers: bearer(TOKENS.reader) })
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', etag])
    const headers = { ...bearer(TOKENS.reader), 'if-none-match': '*' }
    const unchanged = await desk.app.inject({ method: 'HEAD', url: path, headers })
    // RFC 9110 §8.6: a length there would be that of the document.
    expect([unchanged.statusCode, unchanged.headers['content-length']]).toEqual([304, undefined])
  })

  test('has an ETag of its own in each coding, which is that of no other', async () => {
    const asked = async (coding: string, tag = ''): Promise<readonly [number, string]> => {
      const headers = { ...bearer(TOKENS.reader), 'accept-encoding': coding, 'if-none-match': tag }
      const { statusCode, headers: told } = await desk.get(path, headers)
      return [statusCode, String(told.etag)]
    }
    const codings = ['identity', 'gzip', 'zstd']
    const tags = await Promise.all(codings.map(async coding => (await asked(coding))[1]))
    expect(new Set(tags).size).toBe(3)
    for (const [at, tag] of tags.entries())
      for (const coding of codings)
        expect(await asked(coding, tag)).toEqual([coding === codings[at] ? 304 : 200, tags[codings.indexOf(coding)]])
    const since = await Promise.all(tags.map(tag => desk.get(`${path}/diff?since=${encodeURIComponent(tag)}`)))
    expect(since.map(answer => answer.json<{ since: string }>().since)).toEqual(Array(3).fill(tags[0]))
  })

  test('without a name is none, and never the whole inventory', async () => {
    for (const url of ['/api/v1/inventory/', '/api/v1/inventory/?why=x', '/api/v1/inventory//diff?since=x']) {
      const answer = await desk.get(url)
      expect([url, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([url, 404, 'no_view'])
      expect((await desk.get(url, SCOPED)).statusCode).toBe(403)
    }
  })

  test('that is not there is told with the names of those that are', async () => {
    for (const name of ['nothing', 'WEB', '__proto__', '%7B%7B%206*7%20%7D%7D', 'x'.repeat(300)]) {
      const answer = await desk.get(`/api/v1/inventory/${name}`)
      const error = answer.json<{ code: string; views: string[] }>()
      expect([answer.statusCode, error.code, error.views]).toEqual([404, 'no_view', ['careful', 'later', 'web']])
      expect(answer.body).not.toContain('shop')
    }
    await using bare = await openDesk()
    expect((await bare.get(path)).json()).toMatchObject({ code: 'no_view', views: [] })
  })

  test('is closed by its own clusters alone', async () => {
    const later = await desk.get('/api/v1/inventory/later')
    expect([later.statusCode, later.headers['retry-after']]).toEqual([503, '5'])
    expect(later.json()).toMatchObject({ code: 'not_synced', clusters: ['dev-9'] })
    expect((await desk.get('/api/v1/inventory/later?why=x')).json()).toMatchObject({ closed: ['dev-9'] })
    expect((await desk.get(`/api/v1/inventory/hosts/${WEB}?view=later`)).statusCode).toBe(503)
  })

  test('that would rather fail says what it can not see', async () => {
    await using own = await openDesk({}, VIEWS)
    own.cluster('prod-1')
    expect((await own.get('/api/v1/inventory/careful')).statusCode).toBe(200)
    own.clock = NOW + 60_001
    const answer = await own.get('/api/v1/inventory/careful')
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
    expect(answer.json()).toMatchObject({ code: 'stale', clusters: ['prod-1'] })
    expect((await own.get('/api/v1/inventory')).statusCode).toBe(200)
  })

  test.each(['?color=red', '?why=', `?why=${'x'.repeat(600)}`])('asked with %s is refused', async question => {
    expect((await desk.get(`${path}${question}`)).statusCode).toBe(400)
  })

  test.each([
    ['', '?cluster=prod-1&selector=app%3Dweb', ['why', 'format']],
    ['/web', '?namespace=shop', ['why', 'format']],
    ['/diff', '?since=x&namespace=shop', ['since', 'format']],
    [`/hosts/${WEB}`, '?why=x', ['view', 'format']],
  ])(
    'of the inventory%s nothing narrows an answer but a view: %s is refused, with what is known',
    async (where, asked, known) => {
      const answer = await desk.get(`/api/v1/inventory${where}${asked}`)
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, expect.stringMatching(/problem\+json/)])
      expect(answer.json()).toMatchObject({ code: 'bad_request', known })
      expect(answer.json<{ detail: string }>().detail).toContain(`there are ${known.join(', ')}`)
    },
  )
})

test('a view that lacks more hosts than it may says how many of how many, and when to ask again', async () => {
  const views = [{ ...viewOfAll('web', GROUPS), labels: parseSelector('app=web'), shrink: { most: 20, few: 0 } }]
  await using other = await openDesk({}, views)
  other.cluster('prod-1')
  other.put(...['web-1', 'web-2'].map(name => guest(name, { seen: { labels: { app: 'web' } } })))
  expect((await other.get('/api/v1/inventory/web')).statusCode).toBe(200)
  other.put(guest('web-1'))
  const held = await other.get('/api/v1/inventory/web')
  expect([held.statusCode, held.headers['retry-after'], held.headers.etag]).toEqual([503, '5', undefined])
  expect(held.json()).toMatchObject({ code: 'shrunk', missing: 1, of: 2 })
  expect((await other.get('/api/v1/inventory/web/diff?since=x')).json()).toMatchObject({ code: 'shrunk' })
})

test('of a view that lacks more hosts than it may, a host that is not listed is no host that is gone: it is held back as the list is', async () => {
  const views = [{ ...viewOfAll('web', GROUPS), labels: parseSelector('app=web'), shrink: { most: 20, few: 0 } }]
  const app = { seen: { labels: { app: 'web' } } }
  await using own = await openDesk({}, views)
  own.cluster('prod-1')
  own.put(guest('web-1', app), guest('web-2', app))
  const host = (name: string, headers = bearer(TOKENS.reader)) =>
    own.get(`/api/v1/inventory/hosts/${name}.shop.prod-1?view=web`, headers)
  for (const headers of [bearer(TOKENS.reader), bearer(TOKENS.shop)])
    expect((await own.get('/api/v1/inventory/web', headers)).statusCode).toBe(200)
  expect((await host('nobody')).json()).toMatchObject({ status: 404, code: 'not_listed' })
  own.put(guest('web-1'))
  for (const name of ['web-1', 'nobody'])
    for (const headers of [bearer(TOKENS.reader), SCOPED, bearer(TOKENS.shop)]) {
      const held = await host(name, headers)
      expect([held.statusCode, held.headers['retry-after']]).toEqual([503, '5'])
      expect(held.json()).toMatchObject({ code: 'shrunk', missing: 1, of: 2 })
    }
  expect((await host('web-2')).statusCode).toBe(200)
  own.put(guest('web-1', app))
  expect((await host('nobody')).statusCode).toBe(404)
  own.fleet.apply({ key: 'prod-1/shop/web-1', value: null })
  expect((await host('web-1')).json()).toMatchObject({ status: 404, code: 'not_listed' })
})

test('what joined, left and changed since a document is told by its ETag, for the view alone', async () => {
  await using own = await openDesk({}, VIEWS)
  const app = (name: string): { seen: { labels: Record<string, string> } } => ({ seen: { labels: { app: name } } })
  own.cluster('prod-1')
  own.put(guest('web-1', app('web')), guest('web-2', app('web')), guest('web-3', app('web')), guest('db-4'))
  const etag = String((await own.get('/api/v1/inventory/web')).headers.etag)
  const since = async (tag: string, headers = SCOPED): Promise<unknown> =>
    (await own.get(`/api/v1/inventory/web/diff?since=${encodeURIComponent(tag)}`, headers)).json()
  expect(await since(etag)).toEqual({ since: etag, etag, joined: [], left: [], changed: [] })
  own.put(
    guest('web-1', app('db')),
    guest('web-2', { seen: { ...app('web').seen, status: 'Paused' } }),
    guest('db-4', app('web')),
  )
  own.put(guest('web-5'))
  const told = { since: etag, joined: ['db-4.shop.prod-1'], left: [WEB], changed: ['web-2.shop.prod-1'] }
  for (const tag of [etag, `W/${etag}`, etag.slice(1, -1)]) expect(await since(tag)).toMatchObject(told)
  const unknown = await own.get('/api/v1/inventory/web/diff?since=nothing')
  expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'no_past'])
  expect((await own.get(`/api/v1/inventory/diff?since=${encodeURIComponent(etag)}`)).statusCode).toBe(404)
  expect((await own.get('/api/v1/inventory/web/diff')).json()).toMatchObject({ status: 400, code: 'bad_request' })
})

describe('an answer of the inventory', () => {
  const headersOf = async (id: string, status: number): Promise<readonly string[]> => {
    const operation = operationsOf(await documentOf(desk.app)).find(({ operationId }) => operationId === id)
    return Object.keys(operation?.responses[status]?.headers ?? {}).sort()
  }
  const tagOf = async (path: string): Promise<string> => String((await desk.get(path)).headers.etag)
  const sentBy = ({ headers }: { headers: Readonly<Record<string, unknown>> }): readonly string[] =>
    ['cache-control', 'etag', 'vary'].filter(name => headers[name] !== undefined)

  test.each([
    ['', 'readInventory', ['etag', 'vary']],
    ['/web', 'readView', ['etag', 'vary']],
    [`?why=${WEB}`, 'readInventory', []],
    [`/web?why=${WEB}`, 'readView', []],
    ['/diff', 'readChanges', []],
    ['/web/diff', 'readChangesOfView', []],
    [`/hosts/${WEB}`, 'readHost', []],
  ])('is asked for again each time, and has headers that the document knows: %s', async (where, id, more) => {
    const [path, isDifference] = [`/api/v1/inventory${where}`, where.endsWith('/diff')]
    const url = isDifference ? `${path}?since=${encodeURIComponent(await tagOf(path.slice(0, -5)))}` : path
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await desk.app.inject({ method, url, headers: bearer(TOKENS.reader) })
      expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-cache'])
      expect(sentBy(answer)).toEqual(['cache-control', ...more])
    }
    // Why a host is as it is has no tag: it is another answer of the same operation.
    const known = await headersOf(id, 200)
    expect(known).toEqual(where.includes('?why=') ? ['cache-control', 'etag', 'vary'] : ['cache-control', ...more])
  })

  test('that says that nothing changed has the headers that the document knows', async () => {
    const headers = { ...bearer(TOKENS.reader), 'if-none-match': await tagOf('/api/v1/inventory/web') }
    const same = await desk.get('/api/v1/inventory/web', headers)
    expect([same.statusCode, sentBy(same)]).toEqual([304, await headersOf('readView', 304)])
  })
})

describe('an answer that is made while another configuration brings another inventory', () => {
  const open = ({ fleet }: Pick<Desk, 'fleet'>, views: readonly View[]): InventoryCache =>
    new InventoryCache({
      fleet,
      expected: ['prod-1'],
      limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
      labelGroups: [],
      views,
      verbsOf: () => ({ onboard: '', patch: '' }),
      now: () => NOW,
    })

  test.each(['/web', `/web?why=${WEB}`, `/hosts/${WEB}?view=web`, '/web/diff?since='])(
    'is of the one that it began with: %s',
    async where => {
      let [current, next]: [InventoryCache | null, InventoryCache | null] = [null, null]
      const more: Partial<AppParts> = {
        get inventory() {
          const asked = current
          if (asked === null) throw new Error('not yet')
          // As soon as the answer waits for anything, the other one is there.
          queueMicrotask(() => (current = next ?? current))
          return asked
        },
      }
      await using own = await openDesk(more, [])
      own.cluster('prod-1')
      own.put(guest('web-1', { seen: { labels: { app: 'web' } } }))
      using first = open(own, VIEWS)
      using second = open(own, [])
      current = first
      const etag = String((await own.get('/api/v1/inventory/web')).headers.etag)
      const url = `/api/v1/inventory${where}${where.endsWith('=') ? encodeURIComponent(etag) : ''}`
      next = second
      const began = await own.get(url)
      expect([began.statusCode, current === second]).toEqual([200, true])
      expect(began.body).toContain(where.endsWith('=') ? etag.slice(1, -1) : 'web-1')
      expect((await own.get(url)).json()).toMatchObject({ code: 'no_view' })
    },
  )
})

describe('one host', () => {
  test('has the variables that it has in the document, by view', async () => {
    const whole = (await desk.get('/api/v1/inventory')).json<Answer>()._meta.hostvars
    const web = (await desk.get('/api/v1/inventory/web')).json<Answer>()._meta.hostvars
    expect((await desk.get(`/api/v1/inventory/hosts/${DB}`)).json()).toEqual(whole[DB])
    expect((await desk.get(`/api/v1/inventory/hosts/${WEB}?view=web`)).json()).toEqual(web[WEB])
    expect(web[WEB]).not.toEqual(whole[WEB])
  })

  test.each([`${DB}?view=web`, 'nobody', 'nobody?view=web', '__proto__'])(
    'that is not there is told: %s',
    async host => {
      const answer = await desk.get(`/api/v1/inventory/hosts/${host}`)
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'not_listed'])
    },
  )
})

describe('a token of a view', () => {
  test('reads that view, its hosts and why they are there', async () => {
    const asked = [
      '/api/v1/inventory/web',
      `/api/v1/inventory/hosts/${WEB}?view=web`,
      `/api/v1/inventory/web?why=${WEB}`,
    ]
    for (const path of asked) expect((await desk.get(path, SCOPED)).statusCode).toBe(200)
    expect((await desk.get('/api/v1/inventory/web?why=x', SCOPED)).body).not.toContain(DB)
  })

  test('is told nothing of a VM outside of it, not even whether there is one', async () => {
    const answers = [DB, 'nobody.shop.prod-1'].map(host => desk.get(`/api/v1/inventory/web?why=${host}`, SCOPED))
    const [known, unknown] = (await Promise.all(answers)).map(answer => ({ ...answer.json<object>(), host: '' }))
    expect(known).toEqual(unknown)
    expect(known).toMatchObject({ listed: false, because: [expect.stringContaining('not in this view')] })
  })

  test('may do nothing else, whatever there is, and is told what it may', async () => {
    const paths = operationsOf(await documentOf(desk.app)).filter(one => one.security.length > 0)
    expect(paths.length).toBeGreaterThan(12)
    for (const { method, url: route } of paths) {
      const path = route.replace(':host', WEB).replace(':view', 'careful').replace(/:\w+/, 'x')
      const url = route.endsWith('/diff') ? `${path}?since=x` : path
      const answer = await desk.app.inject({
        method: method as 'GET' | 'POST',
        url,
        headers: SCOPED,
        ...(method === 'POST' ? { payload: BODIES[route] ?? {} } : {}),
      })
      expect([url, answer.statusCode]).toEqual([url, 403])
      expect(answer.json()).toMatchObject({ code: 'out_of_view', views: ['web'] })
    }
    // Whether there is such a view is not told either.
    expect((await desk.get('/api/v1/inventory/nothing', SCOPED)).statusCode).toBe(403)
  })
})

const BODIES: Readonly<Record<string, object>> = {
  '/api/v1/runs': { verb: 'patch', hosts: [WEB] },
  '/api/v1/runs/preview': { verb: 'patch', hosts: [WEB] },
  '/api/v1/clusters/:name/confirm-deletions': { digest: 'x' },
  '/api/v1/consumers/:name/position': { position: '1' },
  '/api/v1/brake/release': { brake: '00000000-0000-4000-8000-000000000001' },
}

describe('why', () => {
  const why = async (host: string, view = ''): Promise<unknown> =>
    (await desk.get(`/api/v1/inventory${view}?why=${encodeURIComponent(host)}`)).json()

  test('a host is listed, enabled, in its groups and not in others', async () => {
    expect(await why(WEB, '/web')).toEqual({
      host: WEB,
      view: 'web',
      listed: true,
      because: ['it is known, and all that the view asks for holds'],
      enabled: true,
      enabled_because: 'it runs, its agent answers and it has an address',
      groups: [
        { group: 'cluster_prod_1', because: 'its cluster is prod-1' },
        { group: 'namespace_shop', because: 'its namespace is shop' },
        { group: 'status_running', because: 'its status is Running' },
        { group: 'os_linux', because: 'its operating system is linux' },
        { group: 'os_rhel', because: 'its operating system is rhel' },
        { group: 'label_app_web', because: 'its label app is web' },
      ],
      not_in: [],
      connection: [
        {
          name: 'ansible_host',
          value: '10.1.0.1',
          because: 'the address 10.1.0.1 of the network default, from the platform',
          over: [],
        },
      ],
      not_given: [],
      profile: null,
      closed: [],
    })
    expect(await why(DB, '/careful')).toMatchObject({
      listed: true,
      not_in: [{ label: 'app', because: 'it has no label app, or an empty one' }],
    })
  })

  test('it is not listed, with every reason', async () => {
    expect(await why(DB, '/web')).toMatchObject({
      listed: false,
      because: ['its labels do not meet app in (web)'],
      groups: [],
    })
    expect(await why('{{ 6*7 }}')).toMatchObject({
      listed: false,
      because: [expect.stringContaining('no VM of this name')],
    })
  })

  test('its VM was deleted, which a token that may not see it is not told', async () => {
    await using own = await openDesk({}, VIEWS)
    own.cluster('prod-1')
    own.put(guest('web-1', { uid: 'uid-of-it' }), guest('web-2'))
    own.fleet.apply({ key: 'prod-1/shop/web-1', value: null })
    const asked = ['/api/v1/inventory', '/api/v1/inventory/web'].map((path, n) =>
      own.get(`${path}?why=${WEB}`, n === 0 ? undefined : SCOPED),
    )
    const [known, hidden] = (await Promise.all(asked)).map(answer => answer.json<{ because: readonly string[] }>())
    expect(known?.because).toEqual([expect.stringContaining('its VM was deleted (uid uid-of-it)')])
    expect(hidden?.because).toEqual([expect.stringContaining('not in this view')])
  })

  test('it is listed and disabled', async () => {
    await using own = await openDesk()
    own.cluster('prod-1')
    own.put(guest('web-1', { seen: { phase: '' } }), guest('web-2'), guest('web-3', { address: '10.1.0.2' }))
    const because = async (host: string): Promise<unknown> => {
      const { listed, enabled, enabled_because } = (await own.get(`/api/v1/inventory?why=${host}.shop.prod-1`)).json<{
        listed: boolean
        enabled: boolean
        enabled_because: string
      }>()
      return [listed, enabled, enabled_because]
    }
    expect(await because('web-1')).toEqual([true, false, 'stopped'])
    const better = 'conflicting address: web-2.shop.prod-1 has the better claim to it'
    expect(await because('web-3')).toEqual([true, false, better])
    own.clock = NOW + 3_600_001
    expect(await because('web-2')).toEqual([true, false, 'cluster unreachable'])
  })

  test('it is not in the group of a label that makes too many', async () => {
    await using own = await openDesk({}, [viewOfAll('v', { builtin: false, labels: ['app'], maxPerLabel: 1 })])
    own.cluster('prod-1')
    own.put(guest('a-1', { seen: { labels: { app: 'a' } } }), guest('b-2', { seen: { labels: { app: 'b' } } }))
    expect((await own.get('/api/v1/inventory/v?why=b-2.shop.prod-1')).json()).toMatchObject({
      listed: true,
      groups: [],
      not_in: [{ label: 'app', because: 'the label makes more than 1 groups, and label_app_b would be one more' }],
    })
  })
})
