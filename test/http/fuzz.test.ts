import { once } from 'node:events'
import { connect } from 'node:net'
import * as fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'
import { documentOf, operationsOf } from './document.ts'
import { EXPLANATION } from './explanation.ts'

const VIEWS = [viewOfAll('web', { builtin: true, labels: ['app'], maxPerLabel: 2 })]
/** Beyond any that a test makes. */
const LIMITS = { token: { burst: 1e9, perSecond: 1e9 }, stranger: { burst: 1e9, perSecond: 1e9 } }

let desk: Desk
let url: string
let routes: readonly { method: string; url: string; parameters: readonly { name: string; in: string }[] }[]
beforeAll(async () => {
  desk = await openDesk({ limits: LIMITS, explain: () => EXPLANATION as never }, VIEWS)
  desk.cluster('prod-1')
  desk.put(guest('web-1'), guest('db-2'))
  await desk.events(3)
  routes = operationsOf(await documentOf(desk.app))
  url = await desk.listen()
})
afterAll(() => desk[Symbol.asyncDispose]())

/** Text that somebody may send on purpose. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e309',
    'null',
    '__proto__',
    'constructor',
    '../..',
    '%00',
    '{{ 6*7 }}',
    "' or 1=1",
    '\u0000',
    '\r\nx: y',
    'web',
    'web-1.shop.prod-1',
    'prod-1',
    'now',
    'a'.repeat(2_000),
    '💥'.repeat(100),
    '\u202e',
    '[]',
    'a[b]=c',
  ),
)
const token = fc.constantFrom(...Object.values(TOKENS), '', 'x'.repeat(20))
const headers = fc.dictionary(
  fc.constantFrom(
    'if-none-match',
    'accept-encoding',
    'accept',
    'last-event-id',
    'idempotency-key',
    'content-type',
    'range',
    'x-forwarded-for',
    'cookie',
  ),
  fc.string({ maxLength: 60 }).map(text => text.replaceAll(/[^\x20-\x7e]/g, '?')),
  { maxKeys: 4 },
)

describe('whatever is asked', () => {
  test('of any route, with any parameter, query and header, is an answer of the document or a problem, and never a fault of ours', async () => {
    const query = fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom('why', 'since', 'format', 'view', 'after', 'limit', 'cluster', 'stream'), hostile),
        hostile,
      ),
      { maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(hostile), query, headers, token, async (at, params, asked, sent, who) => {
        const { method, url: route } = routes[at % routes.length] ?? { method: 'GET', url: '/' }
        let n = 0
        const path = route.replaceAll(/:\w+/g, () => encodeURIComponent((params[n++] ?? 'x').toWellFormed()))
        const search = asked.map(pair => pair.map(text => encodeURIComponent(text.toWellFormed())).join('=')).join('&')
        const answer = await desk.app.inject({
          method: method as 'GET',
          url: `${path}?${search}`,
          headers: { ...sent, accept: 'application/json', ...(who === '' ? {} : bearer(who)) },
          ...(method === 'POST' ? { payload: (params[0] ?? '').toWellFormed() } : {}),
        })
        expect([answer.statusCode, answer.statusCode === 500]).toEqual([answer.statusCode, false])
        expect(answer.statusCode < 400 || isProblem(answer)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test('as a body of any JSON is taken or refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/api/v1/runs', '/api/v1/runs/preview', '/api/v1/clusters/prod-1/confirm-deletions'),
        fc.json(),
        async (path, body) => {
          const answer = await desk.post(path, body)
          expect([202, 200, 400, 404, 409, 413, 422]).toContain(answer.statusCode)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('over a socket, however it is broken, ends in an answer or in none, soon, and others are answered', async () => {
    const valid = `GET /api/v1/inventory?why=x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS.reader}\r\nconnection: close\r\n\r\n`
    const broken = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
      // A byte is another, or is there twice, or is missing.
      fc
        .tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(2))
        .map(([at, byte, keep]) =>
          Buffer.concat([Buffer.from(valid.slice(0, at)), Buffer.from([byte]), Buffer.from(valid.slice(at + keep))]),
        ),
      fc.string({ unit: 'binary' }).map(text => Buffer.from(valid.replace('x HTTP', `${text} HTTP`))),
    )
    const { hostname, port } = new URL(url)
    await fc.assert(
      fc.asyncProperty(broken, async bytes => {
        const socket = connect(Number(port), hostname)
        let heard = ''
        socket
          .setEncoding('latin1')
          .on('data', (chunk: string) => (heard += chunk))
          .on('error', () => undefined)
        socket.end(bytes)
        await once(socket, 'close', { signal: AbortSignal.timeout(10_000) })
        expect(heard).not.toMatch(/^HTTP\/1\.1 5/)
        const [head = '', said = '{}'] = heard.split('\r\n\r\n')
        const body = head.startsWith('HTTP/1.1 4') ? (/\{[^]*\}/.exec(said)?.[0] ?? '') : '{"code":""}'
        expect(JSON.parse(body)).toHaveProperty('code')
      }),
      { numRuns: 150 },
    )
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect(desk.logged.filter(line => line.includes('"level":50'))).toEqual([])
  })
})

test('whatever a label selector holds, it is read or refused with what is wrong, and not for long', () => {
  const piece = fc.constantFrom(
    'app',
    '=',
    '!=',
    '==',
    ' in ',
    ' notin ',
    '(',
    ')',
    ',',
    '!',
    ' ',
    'a/b',
    '"',
    '\\',
    '\n',
    'x'.repeat(300),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece, { maxLength: 40 }).map(all => all.join('')),
      ),
      text => {
        expect(read(text)).toMatch(/^read|.{6,}/)
      },
    ),
    { numRuns: 500 },
  )
})

function read(selector: string): string {
  try {
    return parseSelector(selector).every(({ key }) => key !== '') ? 'read' : ''
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

/** RFC 9457, with a code of ours. */
function isProblem(answer: LightMyRequestResponse): boolean {
  const { status, code } = answer.json<{ status: number; code: string }>()
  const type = String(answer.headers['content-type'])
  return type.startsWith('application/problem+json') && status === answer.statusCode && /^[a-z_]+$/.test(code)
}
