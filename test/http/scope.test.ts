import { request } from 'node:http'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seesKey } from '../../src/fleet/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import type { AppParts } from '../../src/http/index.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'
import { EXPLANATION } from './explanation.ts'

const [SHOP, PROD] = [bearer(TOKENS.shop), bearer(TOKENS.prod)]
const MINE = 'web-1.shop.prod-1'
const HIDDEN = ['db-1.data.prod-1', 'web-1.shop.dev-1', 'nobody.shop.prod-1']

let desk: Desk
beforeAll(async () => {
  const explain: AppParts['explain'] = (host, _record, told, tells = () => true) => {
    const seen = [...desk.ledger.runs.values()].filter(tells).map(({ id }) => id)
    return { ...EXPLANATION, host, uid: seen.join(), last_event: HIDDEN.filter(told).join() } as never
  }
  desk = await openDesk({ explain })
  desk.cluster('prod-1', { status: 'held', missing: 3, missing_digest: 'd' })
  desk.cluster('dev-1', { status: 'held', missing: 3, missing_digest: 'd' })
  desk.put(guest('web-1'), { ...guest('db-1'), namespace: 'data' }, guest('web-1', { cluster: 'dev-1' }))
  const host = (name: string, namespace: string): object => ({
    host: name,
    key: `prod-1/${namespace}/${name}`,
    uid: '',
  })
  desk.run({ id: 'mine', hosts: [host('web-1', 'shop')] as never })
  desk.run({ id: 'mixed', hosts: [host('web-1', 'shop'), host('db-1', 'data')] as never })
  desk.run({ id: 'left', hosts: [host('web-1', 'shop')] as never, left_out: [host('db-1', 'data')] as never })
  desk.run({ id: 'empty' })
  const event = (key: string): object => ({ stream: 'events.vm', key, value: { type: 't', n: key } })
  await desk.log.append([
    event('prod-1/shop/web-1'),
    event('prod-1/data/db-1'),
    event('dev-1/shop/web-1'),
    { stream: 'events.cluster', key: 'prod-1', value: { type: 'c', n: 'prod-1' } },
    { stream: 'events.cluster', key: 'dev-1', value: { type: 'c', n: 'dev-1' } },
  ] as never)
})
afterAll(() => desk[Symbol.asyncDispose]())

async function body<T>(path: string, headers = SHOP): Promise<T> {
  return (await desk.get(path, headers)).json<T>()
}

describe('a token of a part of the fleet', () => {
  test('is told of the VMs in it, page by page', async () => {
    expect((await body<{ vms: { host: string }[] }>('/api/v1/vms')).vms.map(vm => vm.host)).toEqual([MINE])
    expect((await body<{ vms: object[] }>('/api/v1/vms', PROD)).vms).toHaveLength(2)
    expect((await body<{ vms: object[] }>('/api/v1/vms?cluster=dev-1')).vms).toEqual([])
    expect((await body<{ next: string }>('/api/v1/vms?limit=1')).next).toBe('prod-1/shop/web-1')
    expect(await body('/api/v1/vms?limit=1&after=prod-1/shop/web-1')).toEqual({ vms: [], next: '' })
  })

  test.each(['/api/v1/vms/', '/api/v1/explain/'])(
    'at %s can not tell a VM outside of it from one that is not there',
    async path => {
      expect((await desk.get(path + MINE, SHOP)).statusCode).toBe(200)
      const answers = await Promise.all(HIDDEN.map(host => desk.get(path + host, SHOP)))
      const same = answers.map((answer, n) => [answer.statusCode, answer.body.replaceAll(HIDDEN[n] ?? '', '*')])
      expect(new Set(same.map(answer => JSON.stringify(answer))).size).toBe(1)
      expect(answers[0]?.statusCode).toBe(404)
    },
  )

  test('is not told the name of a VM outside of it in an explanation of one in it', async () => {
    expect(await body(`/api/v1/explain/${MINE}`)).toMatchObject({ last_event: '' })
    expect(await body(`/api/v1/explain/${MINE}`, PROD)).toMatchObject({ last_event: HIDDEN[0] })
  })

  test('is not told of a run with a VM outside of it, nor of one of others that may run anywhere: neither in an explanation nor in a preview', async () => {
    expect(await body(`/api/v1/explain/${MINE}`)).toMatchObject({ uid: 'mine' })
    expect(await body(`/api/v1/explain/${MINE}`, PROD)).toMatchObject({ uid: 'mine,mixed,left' })
    const preview = async (headers: Record<string, string>): Promise<string> =>
      (await desk.post('/api/v1/runs/preview', { verb: 'patch', hosts: [MINE] }, headers)).body
    desk.cluster('prod-1')
    const whole = { by: 'alice', launch_type: 'manual', limit: '', whole: true, copy_of: '' }
    for (const [id, hosts, external] of [
      ['over', [{ key: 'prod-1/data/db-1' }, { key: 'prod-1/shop/web-1', uid: 'uid-web-1' }], undefined],
      ['alien', [], whole],
    ] as const) {
      const of = external === undefined ? {} : { external }
      desk.run({ id, template: 'Rename | all', asked_by: 'alice', status: 'following', hosts: hosts as never, ...of })
      const told = await preview(SHOP)
      expect(told).toContain('another run holds it')
      expect(told).not.toMatch(/over|alien|Rename|alice/)
      desk.ledger.apply({ key: `run/${id}`, value: null })
    }
    desk.run({ id: 'own', status: 'following', hosts: [{ key: 'prod-1/shop/web-1', uid: 'uid-web-1' }] as never })
    expect(await preview(SHOP)).toContain('run own holds it')
    desk.ledger.apply({ key: 'run/own', value: null })
    desk.cluster('prod-1', { status: 'held', missing: 3, missing_digest: 'd' })
  })

  test('is told of its clusters, when it may know of whole ones', async () => {
    const { clusters } = await body<{ clusters: { name: string }[] }>('/api/v1/clusters', PROD)
    expect(clusters.map(cluster => cluster.name)).toEqual(['prod-1'])
    expect((await desk.get('/api/v1/clusters', SHOP)).statusCode).toBe(403)
    const confirm = async (name: string, headers: Record<string, string>): Promise<number> =>
      (await desk.post(`/api/v1/clusters/${name}/confirm-deletions`, { digest: 'd' }, headers)).statusCode
    expect([await confirm('prod-1', PROD), await confirm('dev-1', PROD), await confirm('prod-1', SHOP)]).toEqual([
      202, 404, 403,
    ])
  })

  test('reads the events of its VMs, by page and as a stream', async () => {
    const told = async (path: string, headers = SHOP): Promise<unknown> =>
      (await body<{ events: { n: string }[] }>(path, headers)).events.map(event => event.n)
    expect(await told('/api/v1/events')).toEqual(['prod-1/shop/web-1'])
    expect(await told('/api/v1/events', PROD)).toEqual(['prod-1/shop/web-1', 'prod-1/data/db-1'])
    expect((await body<{ next: string }>('/api/v1/events')).next).not.toBe('0')
    expect(await told('/api/v1/events?stream=cluster', PROD)).toEqual(['prod-1'])
    for (const stream of ['cluster', 'day2', 'dead'])
      expect((await desk.get(`/api/v1/events?stream=${stream}`, SHOP)).json()).toMatchObject({ code: 'out_of_scope' })
    expect((await desk.get('/api/v1/events?stream=day2', PROD)).statusCode).toBe(403)
    const url = await desk.listen()
    const sent = request(`${url}/api/v1/events?follow=1`, { headers: SHOP }).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    let text = ''
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    answer.on('error', () => undefined)
    await desk.log.append([
      { stream: 'events.vm', key: 'dev-1/shop/web-1', value: { type: 't', n: 'other' } },
      { stream: 'events.vm', key: 'prod-1/shop/web-2', value: { type: 't', n: 'last' } },
    ])
    await expect.poll(() => text, { timeout: 60_000 }).toContain('"last"')
    expect(text).not.toMatch(/other|data\/|dev-1/)
    sent.destroy()
  })

  test('sees the runs of its VMs alone, and starts none on others, as if there were none', async () => {
    const { runs } = await body<{ runs: { id: string }[] }>('/api/v1/runs')
    expect(runs.map(run => run.id)).toEqual(['mine'])
    const asked = await Promise.all(['mine', 'mixed', 'left', 'empty'].map(id => desk.get(`/api/v1/runs/${id}`, SHOP)))
    expect(asked.map(answer => answer.statusCode)).toEqual([200, 404, 404, 404])
    expect((await desk.post('/api/v1/runs', { verb: 'patch', hosts: [MINE] }, SHOP)).statusCode).toBe(202)
    const refused = await desk.post('/api/v1/runs', { verb: 'patch', hosts: [MINE, ...HIDDEN] }, SHOP)
    expect([refused.statusCode, refused.json()]).toMatchObject([422, { code: 'unknown_hosts', hosts: HIDDEN }])
  })

  test('has no say in what is lost, which is of all of it', async () => {
    expect((await desk.get('/api/v1/losses', PROD)).statusCode).toBe(403)
    const confirm = { method: 'POST', url: '/api/v1/losses/state.runs/confirm', headers: PROD } as const
    expect((await desk.app.inject(confirm)).statusCode).toBe(403)
  })
})

test.each([
  ['prod-1/shop/web-1', true],
  ['prod-1/data/web-1', false],
  ['dev-1/shop/web-1', false],
  ['prod-1', false],
  ['', false],
  ['/shop/x', false],
  ['a-run-id', false],
])('the key %j is of what a token of a namespace may know of: %s', (key, seen) => {
  expect(seesKey({ clusters: ['prod-1'], namespaces: ['shop'] }, key)).toBe(seen)
})

describe('the inventory of a token of a part of the fleet', () => {
  const VIEWS = [
    { ...viewOfAll('web', { builtin: true, labels: [], maxPerLabel: 5 }), namespaces: ['shop', 'data'] },
    { ...viewOfAll('data', { builtin: true, labels: [], maxPerLabel: 5 }), namespaces: ['data'] },
  ]
  const OTHER = 'db-1.data.prod-1'
  let own: Desk
  beforeAll(async () => {
    own = await openDesk({}, VIEWS)
    own.cluster('prod-1')
    own.cluster('dev-1')
    // The one outside has the better claim to the address of web-2.
    own.put(
      guest('web-1'),
      { ...guest('db-1', { address: '10.1.9.9' }), namespace: 'data' },
      guest('web-1', { cluster: 'dev-1' }),
      guest('web-2', { address: '10.1.9.9' }),
    )
  })
  afterAll(() => own[Symbol.asyncDispose]())

  const hosts = async (path: string, headers = SHOP): Promise<readonly string[]> =>
    Object.keys((await own.get(path, headers)).json<{ _meta: { hostvars: object } }>()._meta.hostvars).sort()

  test('has the hosts of its part alone, whole or by view, and an ETag of its own', async () => {
    expect(await hosts('/api/v1/inventory')).toEqual([MINE, 'web-2.shop.prod-1'])
    expect(await hosts('/api/v1/inventory/web')).toEqual([MINE, 'web-2.shop.prod-1'])
    expect(await hosts('/api/v1/inventory/data')).toEqual([])
    expect(await hosts('/api/v1/inventory', PROD)).toEqual([OTHER, MINE, 'web-2.shop.prod-1'])
    expect(await hosts('/api/v1/inventory', bearer(TOKENS.reader))).toHaveLength(4)
    for (const path of ['/api/v1/inventory', '/api/v1/inventory/web']) {
      const [mine, whole] = [await own.get(path, SHOP), await own.get(path)]
      expect(mine.headers.etag).not.toBe(whole.headers.etag)
      expect(mine.headers['vary']).toContain('authorization')
      expect(mine.body).not.toMatch(/db-1|dev-1|namespace_data/)
      const tagged = (tag: unknown): Record<string, string> => ({ ...SHOP, 'if-none-match': String(tag) })
      expect((await own.get(path, tagged(whole.headers.etag))).statusCode).toBe(200)
      expect((await own.get(path, tagged(mine.headers.etag))).statusCode).toBe(304)
    }
  })

  test('says of a host outside of it what it says of none', async () => {
    for (const path of ['/api/v1/inventory/hosts/', '/api/v1/inventory?why=', '/api/v1/inventory/web?why=']) {
      const asked = [OTHER, 'web-1.shop.dev-1', 'nobody.data.prod-1']
      const answers = await Promise.all(asked.map(host => own.get(path + host, SHOP)))
      const said = answers.map(
        ({ statusCode, body: text }, n) => `${statusCode} ${text.replaceAll(asked[n] ?? '', '*')}`,
      )
      expect(new Set(said).size).toBe(1)
    }
    expect((await own.get(`/api/v1/inventory/hosts/${MINE}`, SHOP)).statusCode).toBe(200)
  })

  test('disables a host for what is outside of it, and does not name that', async () => {
    const vars = await own.get('/api/v1/inventory/hosts/web-2.shop.prod-1', SHOP)
    expect(vars.json()).toMatchObject({ kubevirt_enabled: false, kubevirt_reachable_reason: 'conflicting address' })
    const why = await own.get('/api/v1/inventory?why=web-2.shop.prod-1', SHOP)
    expect(why.json()).toMatchObject({ listed: true, enabled: false })
    expect(vars.body + why.body).not.toMatch(/db-1/)
    expect((await own.get('/api/v1/inventory?why=web-2.shop.prod-1')).body).toContain(OTHER)
  })

  test('changes when its part does, tells of that, and does not change when another does', async () => {
    const before = String((await own.get('/api/v1/inventory', SHOP)).headers.etag)
    own.put({ ...guest('db-2'), namespace: 'data' })
    expect((await own.get('/api/v1/inventory', SHOP)).headers.etag).toBe(before)
    own.put(guest('web-7'))
    const since = await own.get(`/api/v1/inventory/diff?since=${encodeURIComponent(before)}`, SHOP)
    expect(since.json()).toMatchObject({ joined: ['web-7.shop.prod-1'], left: [], changed: [] })
    // A document that this token never saw is none that it can compare with.
    const whole = String((await own.get('/api/v1/inventory')).headers.etag)
    expect((await own.get(`/api/v1/inventory/diff?since=${encodeURIComponent(whole)}`, SHOP)).statusCode).toBe(404)
  })

  test('is closed by the clusters of its part alone, and names no other', async () => {
    await using closed = await openDesk({}, VIEWS)
    closed.cluster('prod-1')
    closed.cluster('dev-1', { adopted_at: 0, status: 'joining' })
    expect((await closed.get('/api/v1/inventory')).statusCode).toBe(503)
    expect((await closed.get('/api/v1/inventory', PROD)).statusCode).toBe(200)
    await using unread = await openDesk({}, VIEWS)
    unread.cluster('dev-1', { adopted_at: 0, status: 'joining' })
    const answer = await unread.get('/api/v1/inventory', PROD)
    expect([answer.statusCode, answer.json()]).toMatchObject([503, { clusters: ['prod-1'] }])
    expect(answer.body).not.toContain('dev-1')
  })
})

test('an event of a conflict does not name a rival outside of the part', async () => {
  await using own = await openDesk()
  own.put(guest('web-1'), { ...guest('db-1'), namespace: 'data' })
  const event = (to: string): object => ({
    stream: 'events.vm',
    key: 'prod-1/shop/web-1',
    value: { type: 't', data: { fact: 'address_conflict', transition: { from: '', to }, reason: `${to} has it` } },
  })
  await own.log.append([event('db-1.data.prod-1'), event(MINE)] as never)
  const told = async (headers: Record<string, string>): Promise<readonly string[]> =>
    (await own.get('/api/v1/events', headers))
      .json<{ events: { data: { transition: { to: string }; reason: string } }[] }>()
      .events.map(({ data }) => `${data.transition.to}: ${data.reason}`)
  expect(await told(SHOP)).toEqual([': another VM has the better claim', `${MINE}: ${MINE} has it`])
  expect(await told(PROD)).toEqual(['db-1.data.prod-1: db-1.data.prod-1 has it', `${MINE}: ${MINE} has it`])
})
