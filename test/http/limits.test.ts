import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { LIMITS } from '../../src/http/limits.ts'
import { Buckets } from '../../src/http/rate.ts'
import { Turnstile } from '../../src/http/turnstile.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

const SOON = { timeout: 60_000, interval: 5 }
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** A raw connection, with what came over it. */
function dial(url: string): { socket: Socket; heard: () => string; ended: () => boolean } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  sockets.push(socket)
  let text = ''
  let over = false
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('close', () => (over = true))
  return { socket, heard: () => text, ended: () => over }
}

function statusOf(heard: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1] ?? 0)
}

/** A desk whose inventory is a large answer. */
async function openLarge(limits: NonNullable<Parameters<typeof openDesk>[0]>['limits'] = {}): Promise<Desk> {
  const desk = await openDesk({ limits })
  desk.cluster('prod-1')
  desk.put(...Array.from({ length: 400 }, (_, n) => guest(`web-${n}`)))
  return desk
}

/** Hosts whose inventory is more than the sockets of both ends hold. */
function bulk(): readonly VmRecord[] {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`label-${n}`, 'x'.repeat(63)]))
  return Array.from({ length: 3_000 }, (_, n) => guest(`more-${n}`, { seen: { labels } }))
}

async function ask(url: string, path: string, token = TOKENS.reader): Promise<number> {
  const headers = { 'accept-encoding': 'identity', ...(token === '' ? {} : bearer(token)) }
  const answer = await fetch(`${url}${path}`, { headers })
  await answer.arrayBuffer()
  return answer.status
}

describe('a bucket', () => {
  test('gives so many at once, then so many a second, and says how long to wait', () => {
    const buckets = new Buckets({ burst: 3, perSecond: 2 })
    expect([1, 2, 3, 4].map(() => buckets.take('a', 0))).toEqual([0, 0, 0, 1])
    expect(buckets.take('b', 0)).toBe(0)
    expect([buckets.take('a', 400), buckets.take('a', 500), buckets.take('a', 500)]).toEqual([1, 0, 1])
    expect([1, 2, 3, 4].map(() => buckets.take('a', 1e9))).toEqual([0, 0, 0, 1])
    // A clock that is put back takes nothing away for long.
    expect([buckets.take('a', 0), buckets.take('a', 500)]).toEqual([1, 0])
    expect(new Buckets({ burst: 1, perSecond: 0.1 }).take('x', 0)).toBe(0)
  })

  test('ten thousand keys are remembered, the one not heard of for longest is forgotten first', () => {
    const buckets = new Buckets({ burst: 1, perSecond: 0.001 })
    for (let n = 0; n < 10_000; n += 1) buckets.take(`k${n}`, 0)
    expect([buckets.size, buckets.take('k0', 0)]).toEqual([10_000, 1000])
    buckets.take('new', 0)
    expect([buckets.size, buckets.take('k0', 0), buckets.take('k1', 0)]).toEqual([10_000, 1000, 0])
  })
})

describe('a turnstile', () => {
  const never = new AbortController().signal

  test('lets so many in, so many of each, in order, and refuses when too many wait', async () => {
    const turnstile = new Turnstile({ all: 2, each: 1, waiting: 2 })
    const entered: string[] = []
    const enter = async (key: string): Promise<(() => void) | null> => {
      const leave = await turnstile.enter(key, never)
      if (leave !== null) entered.push(key)
      return leave
    }
    const [a, b] = [await enter('a'), await enter('b')]
    const [c, a2] = [enter('c'), enter('a')]
    expect(await enter('d')).toBeNull()
    b?.()
    b?.()
    await c
    expect(entered).toEqual(['a', 'b', 'c'])
    a?.()
    await a2
    expect(entered).toEqual(['a', 'b', 'c', 'a'])
  })

  test('forgets who gave up waiting', async () => {
    const turnstile = new Turnstile({ all: 1, each: 1, waiting: 1 })
    const leave = await turnstile.enter('a', never)
    const gone = new AbortController()
    const waiting = turnstile.enter('b', gone.signal)
    gone.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    const next = turnstile.enter('c', never)
    leave?.()
    expect(await next).toBeTypeOf('function')
  })
})

describe('who comes too often', () => {
  test('from behind a proxy that is trusted is from whom the proxy says; of others the header is not read', async () => {
    await using desk = await openDesk({
      limits: { stranger: { burst: 1, perSecond: 0.1 } },
      trustedProxies: ['10.0.0.0/8', '192.0.2.1'],
    })
    const status = async (from: string, forwarded?: string): Promise<number> => {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
      return (await desk.app.inject({ url: '/api/v1/vms', remoteAddress: from, headers })).statusCode
    }
    expect([await status('10.1.2.3', '198.51.100.7'), await status('10.1.2.3', '198.51.100.7')]).toEqual([401, 429])
    // Another behind the same proxies, also when he says to come from the first.
    expect(await status('192.0.2.1', '198.51.100.7, 198.51.100.8, 10.9.9.9')).toBe(401)
    expect([await status('203.0.113.1', '198.51.100.9'), await status('203.0.113.1', '198.51.100.10')]).toEqual([
      401, 429,
    ])
    const lines = desk.logged.map(line => JSON.parse(line) as Record<string, unknown>)
    expect(lines.flatMap(line => (line['audit'] === 'request' ? [line['from']] : []))).toEqual([
      '198.51.100.7',
      '198.51.100.8',
      '203.0.113.1',
    ])
  })

  test('with a token is told when to come back; others, strangers and probes are let through', async () => {
    await using desk = await openDesk({ limits: { token: { burst: 2, perSecond: 1 } } })
    const asked = [await desk.get('/api/v1/vms'), await desk.get('/api/v1/vms'), await desk.get('/api/v1/vms')]
    expect(asked.map(answer => answer.statusCode)).toEqual([200, 200, 429])
    expect([asked[2]?.headers['retry-after'], asked[2]?.json()]).toMatchObject(['1', { code: 'too_many_requests' }])
    expect((await desk.get('/api/v1/vms', bearer(TOKENS.admin))).statusCode).toBe(200)
    expect((await desk.get('/api/v1/vms', {})).statusCode).toBe(401)
    for (let n = 0; n < 5; n += 1) expect((await desk.get('/livez', {})).statusCode).toBe(200)
    desk.clock += 1_000
    expect((await desk.get('/api/v1/vms')).statusCode).toBe(200)
  })

  test('without a valid token is refused by address, and holds up nobody who has one', async () => {
    await using desk = await openDesk({ limits: { stranger: { burst: 2, perSecond: 1 } } })
    const guesses = [bearer('x'.repeat(20)), {}, bearer('y'.repeat(20))]
    const asked = []
    for (const guess of guesses) asked.push((await desk.get('/api/v1/vms', guess)).statusCode)
    expect(asked).toEqual([401, 401, 429])
    expect((await desk.get('/api/v1/vms')).statusCode).toBe(200)
    const other = await desk.app.inject({ url: '/api/v1/vms', remoteAddress: '10.9.9.9' })
    expect(other.statusCode).toBe(401)
  })
})

test('500 requests at once are all answered, and probes meanwhile', { timeout: 300_000 }, async () => {
  await using desk = await openLarge()
  const url = await desk.listen()
  const asked = Array.from({ length: 500 }, () => ask(url, '/api/v1/inventory'))
  const probes = Array.from({ length: 20 }, () => ask(url, '/livez', ''))
  expect(new Set(await Promise.all(probes))).toEqual(new Set([200]))
  expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
})

describe('large answers', { timeout: 300_000 }, () => {
  /** Somebody who asks and reads nothing of the answer but its head. */
  async function lazy(url: string, token: string): Promise<IncomingMessage> {
    const sent = request(`${url}/api/v1/inventory`, { headers: bearer(token), agent: false })
    sent.on('error', () => undefined).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    sockets.push(answer.socket)
    return answer
  }

  test('on their way are so many at once, and so many to one token; small answers pass, and who leaves makes room', async () => {
    await using desk = await openLarge({ large: { all: 3, each: 2, waiting: 1 } })
    desk.put(...bulk())
    const url = await desk.listen()
    const held = [await lazy(url, TOKENS.reader), await lazy(url, TOKENS.reader)]
    // One of them waits, whichever comes first.
    const two = [ask(url, '/api/v1/inventory'), ask(url, '/api/v1/inventory')]
    expect(await Promise.race(two)).toBe(503)
    expect(await ask(url, '/api/v1/inventory?why=web-1.shop.prod-1')).toBe(200)
    expect(await ask(url, '/api/v1/inventory', TOKENS.admin)).toBe(200)
    held[0]?.destroy()
    expect((await Promise.all(two)).toSorted((a, b) => a - b)).toEqual([200, 503])
  })

  test('that are not read are cut off, whether nothing is read or too little', async () => {
    await using desk = await openLarge({ stalledMs: 300, large: { all: 1, each: 1, waiting: 10 } })
    desk.put(...bulk())
    // Nobody is to be cut off while the first document is made.
    await desk.get('/api/v1/inventory')
    const url = await desk.listen()
    await lazy(url, TOKENS.reader)
    // Who waits for a turn lies still too, and may be cut off as well before its turn comes.
    await expect.poll(async () => ask(url, '/api/v1/inventory', TOKENS.admin).catch(() => 0), SOON).toBe(200)
    await using slow = await openLarge({ largeMs: 2_000, large: { all: 1, each: 1, waiting: 10 } })
    slow.put(...bulk())
    const there = await slow.listen()
    await lazy(there, TOKENS.reader)
    // On a machine that is busy who reads may take too long as well.
    await expect.poll(async () => ask(there, '/api/v1/inventory', TOKENS.admin).catch(() => 0), SOON).toBe(200)
  })
})

describe('over a socket', () => {
  test.each<[what: string, sent: string, status: number, code: string]>([
    ['garbage', '\u0016\u0003\u0001\u0000garbage\r\n\r\n', 400, 'bad_request'],
    ['no HTTP', 'HELO there\r\n\r\n', 400, 'bad_request'],
    ['a header without a name', 'GET /livez HTTP/1.1\r\nhost: x\r\n: x\r\n\r\n', 400, 'bad_request'],
    ['a length that is none', 'GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400, 'bad_request'],
    ['an expectation', 'GET /livez HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\n\r\n', 417, 'bad_request'],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400, 'bad_request'],
    [
      'two lengths, which a proxy may read as another request',
      'POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'headers of more than 16 KB',
      `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(16_384)}\r\n\r\n`,
      431,
      'large_header',
    ],
    ['an address that has no end', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'large_header'],
  ])('%s is answered with a problem, and the connection ends', async (_what, sent, status, code) => {
    await using desk = await openDesk()
    const url = await desk.listen()
    const { socket, heard, ended } = dial(url)
    socket.write(sent)
    await expect.poll(ended, SOON).toBe(true)
    expect(statusOf(heard())).toBe(status)
    expect(heard()).toContain('content-type: application/problem+json')
    expect(JSON.parse(heard().split('\r\n\r\n')[1] ?? '')).toMatchObject({ status, code })
    expect(await ask(url, '/livez', '')).toBe(200)
  })

  test.each([
    ['never ends its headers', 'GET /livez HTTP/1.1\r\nhost: x\r\n'],
    [
      'never ends its body',
      `POST /api/v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS.admin}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"verb"`,
    ],
  ])('who %s is told that time is over', async (_what, sent) => {
    await using desk = await openDesk({ limits: { headersMs: 200, requestMs: 200 } })
    const url = await desk.listen()
    const { socket, heard, ended } = dial(url)
    socket.write(sent)
    await expect.poll(ended, SOON).toBe(true)
    expect(statusOf(heard())).toBe(408)
    expect(heard()).toContain('"timeout"')
    expect(await ask(url, '/livez', '')).toBe(200)
  })

  test('who lies idle is let go, and who says nothing at all too', async () => {
    await using desk = await openDesk({ limits: { idleMs: 100, headersMs: 200 } })
    const url = await desk.listen()
    const [idle, silent] = [dial(url), dial(url)]
    idle.socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => statusOf(idle.heard()), SOON).toBe(200)
    await expect.poll(idle.ended, SOON).toBe(true)
    await expect.poll(silent.ended, SOON).toBe(true)
  })

  test('who hangs up in the middle of an answer or of a request leaves nothing behind, and no fault in the log', async () => {
    await using desk = await openLarge({ large: { all: 1, each: 1, waiting: 100 } })
    const url = await desk.listen()
    for (let n = 0; n < 50; n += 1) {
      const { socket } = dial(url)
      const half = n % 2 === 0 ? '\r\n' : ''
      socket.write(`GET /api/v1/inventory HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS.reader}\r\n${half}`)
      setTimeout(() => socket.destroy(), n % 10)
    }
    await pause(100)
    expect(await ask(url, '/api/v1/inventory')).toBe(200)
    expect(desk.logged.filter(line => line.includes('"level":50'))).toEqual([])
  })

  test('the second request of a connection is held to the same as the first', async () => {
    await using desk = await openDesk()
    const { socket, heard } = dial(await desk.listen())
    socket.write(`GET /api/v1/vms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS.reader}\r\n\r\n`)
    await expect.poll(() => statusOf(heard()), SOON).toBe(200)
    socket.write('GET /api/v1/vms HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => heard().includes('HTTP/1.1 401'), SOON).toBe(true)
  })

  test('so many connections are open at once; who comes then is cut off, and room is made by who leaves', async () => {
    await using desk = await openDesk()
    const url = await desk.listen()
    desk.app.server.maxConnections = 3
    const open = [dial(url), dial(url), dial(url)]
    const { server } = desk.app
    const accepted = promisify(server.getConnections.bind(server))
    await expect.poll(() => accepted(), SOON).toBe(3)
    const late = dial(url)
    await expect.poll(late.ended, SOON).toBe(true)
    open[0]?.socket.destroy()
    await expect.poll(async () => ask(url, '/livez', '').catch(() => 0), SOON).toBe(200)
  })
})

test('what is waited for is in order: headers before requests, idle connections longer than proxies keep them', () => {
  expect(LIMITS.headersMs).toBeLessThanOrEqual(LIMITS.requestMs)
  expect(LIMITS.idleMs).toBeGreaterThan(60_000)
  expect(LIMITS.stalledMs).toBeLessThan(LIMITS.largeMs)
})
