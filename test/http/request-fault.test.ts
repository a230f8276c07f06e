import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KNOWN_KEYWORDS, requestFault } from '../../src/http/request-fault.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'
import { documentOf } from './document.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk[Symbol.asyncDispose]())

const ADMIN = { ...bearer(TOKENS.admin), 'content-type': 'application/json' }
const RUN = { verb: 'patch', hosts: ['web-1.shop.prod-1'] }
const RUNS = '/api/v1/runs'
const PREVIEW = '/api/v1/runs/preview'
const RELEASE = '/api/v1/brake/release'
const CONFIRM = '/api/v1/clusters/prod-1/confirm-deletions'
const POSITION = '/api/v1/consumers/eda/position'

/** Names that a schema of requests says in which there is a rule. */
function keywordsOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const {
    properties = {},
    items,
    default: _default,
    description: _description,
    ...rules
  } = schema as Record<string, unknown>
  return [...Object.keys(rules), ...[...Object.values(properties as object), items].flatMap(keywordsOf)]
}

describe('a request that is not as its route takes it', () => {
  test.each<[what: string, path: string, body: unknown, detail: RegExp]>([
    ['no hosts', RUNS, { ...RUN, hosts: [] }, /^hosts is an empty list$/],
    ['no hosts, to look at', PREVIEW, { ...RUN, hosts: [] }, /^hosts is an empty list$/],
    ['a host without a name', RUNS, { ...RUN, hosts: ['a', ''] }, /^hosts\[1\] is empty$/],
    ['a host twice', RUNS, { ...RUN, hosts: ['a', 'b', 'a'] }, /^hosts has the same twice, at 0 and 2$/],
    [
      'many hosts',
      RUNS,
      { ...RUN, hosts: Array.from({ length: 501 }, (_, n) => `h${n}`) },
      /^hosts has more than 500 entries$/,
    ],
    ['a long name', RUNS, { ...RUN, hosts: ['x'.repeat(513)] }, /^hosts\[0\] has more than 512 characters$/],
    ['hosts with names', RUNS, { ...RUN, hosts: { a: 1 } }, /^hosts is no list$/],
    ['no verb', RUNS, { hosts: RUN.hosts }, /^verb is missing$/],
    ['an empty verb', RUNS, { ...RUN, verb: '' }, /^verb is empty$/],
    ['a long reason', RUNS, { ...RUN, reason: 'x'.repeat(257) }, /^reason has more than 256 characters$/],
    ['a check that is none', RUNS, { ...RUN, check: 'perhaps' }, /^check is neither true nor false$/],
    ['variables that are a list', RUNS, { ...RUN, variables: ['a'] }, /^variables is no object of names and values$/],
    ['an unknown name', RUNS, { ...RUN, force: true }, /^unknown in the body: "force"; there are verb, hosts, view, /],
    [
      'two faults',
      RUNS,
      { verb: '', hosts: [], force: true },
      /^unknown in the body: "force"; there are .*; (verb is empty; hosts is an empty list|hosts is an empty list; verb is empty)$/,
    ],
    ['many faults', RUNS, { ...RUN, hosts: ['', '', '', '', ''] }, /^(hosts\[\d\] is empty; ){3}and \d more$/],
    ['no object', RUNS, [], /^the body is no object of names and values$/],
    ['nothing', RELEASE, {}, /^brake is missing$/],
    ['what is not a text', RELEASE, { brake: {} }, /^brake is no text$/],
    ['no digest', CONFIRM, {}, /^digest is missing$/],
    ['a position that is none', POSITION, { position: '!' }, /^position is not of the form \^/],
    ['a query that is too much', `${RUNS}?now=1`, RUN, /^unknown in the query: "now"; none are known here$/],
    ['a name of no consumer', '/api/v1/consumers/-/position', { position: '1' }, /^name of the address is not of the/],
  ])('(%s) is told what is wrong where, in words of ours, and that nothing was done', async (_, path, body, detail) => {
    const answer = await desk.app.inject({ method: 'POST', url: path, headers: ADMIN, payload: JSON.stringify(body) })
    const problem = answer.json<{ code: string; detail: string; hint: string }>()
    expect([answer.statusCode, problem.code, problem.detail]).toEqual([
      400,
      'bad_request',
      expect.stringMatching(detail),
    ])
    expect(problem.hint).toMatch(/^(leave it out|mend that and ask again, nothing was done)/)
    expect(await desk.log.page('commands', '0', 10)).toEqual([])
  })

  test.each<[string, RegExp]>([
    ['/api/v1/events?limit=0', /^limit of the query is less than 1$/],
    ['/api/v1/events?limit=501', /^limit of the query is more than 500$/],
    ['/api/v1/events?limit=few', /^limit of the query is no whole number$/],
    ['/api/v1/events?stream=commands', /^stream of the query is none of vm, cluster, day2/],
  ])('asked by %s too', async (url, detail) => {
    const { statusCode, body } = await desk.get(url)
    expect([statusCode, JSON.parse(body)]).toMatchObject([400, { detail: expect.stringMatching(detail) }])
  })

  test('is told how a time is written', () => {
    const fault = { keyword: 'format', instancePath: '/since', params: { format: 'date-time' } }
    expect(requestFault('querystring', [fault], [])).toBe('since of the query is no time, as 2026-11-01T00:00:00Z')
  })

  test('is told no name that a client chose as it came, and no value', () => {
    const params = { additionalProperty: `a\u001b[31m${'x'.repeat(300)}` }
    const told = requestFault('body', [{ keyword: 'additionalProperties', instancePath: '', params }], [])
    // oxlint-disable-next-line no-control-regex -- it must not be there
    expect(told).not.toMatch(/\u001b/)
    expect(told.length).toBeLessThan(120)
  })

  test('has words for every rule that some route has', async () => {
    const { paths } = await documentOf(desk.app)
    const schemas = Object.values(paths)
      .flatMap(operations => Object.values(operations))
      .flatMap(operation => {
        const { parameters = [], requestBody } = operation as {
          parameters?: readonly { schema?: unknown }[]
          requestBody?: { content: Readonly<Record<string, { schema: unknown }>> }
        }
        return [...parameters, ...Object.values(requestBody?.content ?? {})].map(({ schema }) => schema)
      })
    const used = new Set(schemas.flatMap(keywordsOf))
    expect(used.size).toBeGreaterThan(10)
    expect([...used].filter(name => !KNOWN_KEYWORDS.includes(name))).toEqual([])
  })
})
