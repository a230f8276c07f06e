import { once } from 'node:events'
import { connect } from 'node:net'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

const VIEWS = [viewOfAll('web', { builtin: true, labels: [], maxPerLabel: 5 })]

async function openAudited(): Promise<Desk> {
  const desk = await openDesk({}, VIEWS)
  desk.cluster('prod-1')
  desk.put(guest('web-1'), guest('web-2'))
  return desk
}

const LABELS = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`label-${n}`, 'x'.repeat(63)]))

/** The lines of the audit, as a program reads them. */
function linesOf(desk: Desk): readonly Record<string, unknown>[] {
  const lines = desk.logged.map(line => JSON.parse(line) as Record<string, unknown>)
  return lines.filter(line => line['audit'] === 'request')
}

describe('who asked for what, and what was answered, is in the log', () => {
  test.each<[what: string, path: string, headers: Record<string, string>, line: object]>([
    ['the inventory', '/api/v1/inventory', {}, { route: '/api/v1/inventory', view: '', hosts: 2, status: 200 }],
    ['a view', '/api/v1/inventory/web', {}, { view: 'web', hosts: 2, status: 200 }],
    ['why', '/api/v1/inventory/web?why=x', {}, { view: 'web', host: 'x', query: { why: 'x' }, status: 200 }],
    ['one host', '/api/v1/inventory/hosts/web-1.shop.prod-1', {}, { host: 'web-1.shop.prod-1', status: 200 }],
    ['no such host', '/api/v1/vms/nobody', {}, { host: 'nobody', status: 404 }],
    ['VMs', '/api/v1/vms?limit=1', {}, { hosts: 1, status: 200 }],
    ['what it may not', '/api/v1/losses', bearer(TOKENS.shop), { who: 'shop', status: 403 }],
    [
      'a view that it may not',
      '/api/v1/inventory/db',
      bearer(TOKENS.scoped),
      { view: 'db', who: 'scoped', status: 403 },
    ],
    ['no such view', '/api/v1/inventory/db?why=web-1', {}, { view: 'db', host: 'web-1', status: 404 }],
    [
      'a change of what it may not',
      '/api/v1/inventory/db/diff?since=x',
      bearer(TOKENS.scoped),
      { view: 'db', who: 'scoped', status: 403 },
    ],
    [
      'one host without a token',
      '/api/v1/inventory/hosts/web-1?view=web',
      { authorization: 'Bearer wrong-token-of-somebody' },
      { view: 'web', host: 'web-1', who: '', status: 401 },
    ],
    ['without a token', '/api/v1/vms', { authorization: 'Bearer wrong-token-of-somebody' }, { who: '', status: 401 }],
  ])('%s', async (_what, path, headers, line) => {
    await using desk = await openAudited()
    const answer = await desk.app.inject({
      url: path,
      headers: { ...bearer(TOKENS.reader), 'user-agent': 'test/1', ...headers },
      remoteAddress: '10.1.2.3',
    })
    expect(linesOf(desk)).toEqual([
      expect.objectContaining({
        level: 30,
        who: 'reader',
        from: '10.1.2.3',
        method: 'GET',
        agent: 'test/1',
        cut: false,
        etag: answer.headers.etag ?? '',
        bytes: answer.rawPayload.length,
        msg: 'the API was asked',
        ...line,
      }),
    ])
    expect(desk.logged.join('')).not.toMatch(/token-of/)
  })

  test('that nothing changed is a line as well', async () => {
    await using desk = await openAudited()
    const { etag } = (await desk.get('/api/v1/inventory')).headers
    await desk.get('/api/v1/inventory', { ...bearer(TOKENS.reader), 'if-none-match': String(etag) })
    expect(linesOf(desk)[1]).toMatchObject({ status: 304, etag, hosts: 2, bytes: 0 })
  })

  test('probes are none of it, and what a limit refuses is counted alone', async () => {
    await using desk = await openDesk({ limits: { token: { burst: 1, perSecond: 1 } } })
    for (const path of ['/livez', '/readyz', '/metrics', '/api/v1/openapi.json', '/nothing']) await desk.get(path, {})
    expect(linesOf(desk)).toEqual([])
    for (let n = 0; n < 5; n += 1) await desk.get('/api/v1/vms')
    expect(linesOf(desk)).toHaveLength(1)
    const { body } = await desk.get('/metrics', {})
    expect(body).toContain('virtbridge_http_audited_total{token="reader",route="/api/v1/vms",status="429"} 4')
    expect(body).toMatch(/virtbridge_http_audited_bytes_total\{token="reader"\} \d{3,}/)
  })

  test('also whatever the level of the log is', async () => {
    await using desk = await openAudited()
    desk.level('error')
    await desk.get('/api/v1/vms')
    expect(linesOf(desk)).toHaveLength(1)
  })

  test('of who follows events has a line when it begins, and one when it ends', async () => {
    await using desk = await openAudited()
    const url = await desk.listen()
    const sent = request(`${url}/api/v1/events?follow=1`, { headers: bearer(TOKENS.reader) }).end()
    sent.on('error', () => undefined)
    await once(sent, 'response')
    expect(linesOf(desk)).toMatchObject([{ msg: 'a stream was opened', stream: true, who: 'reader' }])
    sent.destroy()
    await expect.poll(() => linesOf(desk).length, { timeout: 60_000 }).toBe(2)
    expect(linesOf(desk)[1]).toMatchObject({ msg: 'the API was asked', stream: true })
  })

  test('of who hangs up in the middle says that it was cut', async () => {
    await using desk = await openAudited()
    desk.put(...Array.from({ length: 3_000 }, (_, n) => guest(`more-${n}`, { seen: { labels: LABELS } })))
    const { port } = new URL(await desk.listen())
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`GET /api/v1/inventory HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS.reader}\r\n\r\n`)
    await once(socket, 'readable')
    socket.destroy()
    await expect.poll(() => linesOf(desk).length, { timeout: 60_000 }).toBe(1)
    expect(linesOf(desk)[0]).toMatchObject({ status: 200, cut: true })
  })
})

test('what is repeated of a request is bounded and obeyed by no terminal', async () => {
  await using desk = await openAudited()
  const hostile = `x\r\n{"level":"info"}\u001b[2J\u009b31m\u202e\u2028${'y'.repeat(400)}`
  await desk.get(`/api/v1/inventory?why=${encodeURIComponent(hostile)}`, {
    ...bearer(TOKENS.reader),
    'user-agent': '\u009b31m'.repeat(200),
  })
  const [line = ''] = desk.logged
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
  expect(line.trimEnd().split('\n')).toHaveLength(1)
  expect(line.length).toBeLessThan(2_500)
})
