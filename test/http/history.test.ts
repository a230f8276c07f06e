import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { History, type HistoryRow, rightOfToken } from '../../src/day2/index.ts'
import { hostEvent } from '../../src/day2/event.ts'
import { newRun } from '../../src/day2/new-run.ts'
import { EVERYTHING } from '../../src/fleet/index.ts'
import { doneBefore } from '../../src/http/done-before.ts'
import { guest, hostOf, meant, uuid } from '../day2/guest.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'

const history = new History(null)
let desk: Desk
const grounds = { trigger: 'wish', allowed_by: rightOfToken('ops', true) } as const

function tell(number: number, name: string, detail = '1 ok', cluster = 'prod-1'): void {
  const at = NOW + number * 1_000
  const host = meant(guest(name, { cluster }))
  const run = {
    ...newRun(
      { id: uuid(number), verb: 'patch', template: 'T', askedBy: 'ops', reason: 'cve', grounds, hosts: [host] },
      at,
    ),
    attempts: 2,
  }
  const result = {
    schema: 1,
    kind: 'host',
    run: run.id,
    host: host.host,
    uid: host.uid,
    outcome: 'ok',
    detail,
    at,
  } as const
  const value = hostEvent(run, host, result, at)
  history.add([{ stream: 'events.day2', key: host.key, value, position: String(number), at }])
}

beforeAll(async () => {
  desk = await openDesk({ history })
  for (let number = 1; number <= 7; number += 1) tell(number, 'web-1')
  tell(8, 'web-2', '=cmd|"calc",\n1')
  tell(9, 'web-3', '1 ok', 'dev-1')
})
afterAll(async () => {
  await desk[Symbol.asyncDispose]()
  history[Symbol.dispose]()
})

interface Page {
  readonly results: readonly { readonly host: string; readonly run: string; readonly at: string }[]
  readonly next: string
}

describe('what was done', () => {
  test('to one host is answered newest first, and comes in pages', async () => {
    const seen: string[] = []
    for (let after = ''; ;) {
      const cursor = after === '' ? '' : `&after=${after}`
      const page = (await desk.get(`/api/v1/history?host=${hostOf('web-1')}&limit=3${cursor}`)).json<Page>()
      seen.push(...page.results.map(result => result.run))
      after = page.next
      if (after === '') break
    }
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map(uuid))
    expect((await desk.get('/api/v1/history?limit=5001')).statusCode).toBe(400)
  })

  test('is narrowed by time, run and outcome; a question that is none is refused', async () => {
    const since = new Date(NOW + 6_000).toISOString()
    const { results } = (await desk.get(`/api/v1/history?host=${hostOf('web-1')}&since=${since}`)).json<Page>()
    expect(results.map(result => result.run)).toEqual([7, 6].map(uuid))
    for (const question of ['outcome=failed', `run=${uuid(99)}`])
      expect((await desk.get(`/api/v1/history?${question}`)).json<Page>().results).toEqual([])
    for (const question of ['since=yesterday', 'after=1', 'who=me'])
      expect((await desk.get(`/api/v1/history?${question}`)).statusCode).toBe(400)
  })

  test('is told of the part of the fleet that a token may know of', async () => {
    const hosts = async (token: string): Promise<readonly string[]> => {
      const page = (await desk.get('/api/v1/history', bearer(token))).json<Page>()
      return [...new Set(page.results.map(result => result.host))]
    }
    expect(await hosts(TOKENS.reader)).toEqual(['web-3.shop.dev-1', hostOf('web-2'), hostOf('web-1')])
    expect(await hosts(TOKENS.prod)).toEqual([hostOf('web-2'), hostOf('web-1')])
    const csv = (await desk.get('/api/v1/history/export', bearer(TOKENS.prod))).body
    expect(csv).not.toContain('dev-1')
    expect((await desk.get('/api/v1/history', bearer(TOKENS.scoped))).statusCode).toBe(403)
  })

  test('is told to a token of a part of the fleet without whose it was, when its run has a VM outside, or nobody knows that run any more', async () => {
    const known = (number: number, ...clusters: readonly string[]): void =>
      desk.run({ id: uuid(number), hosts: clusters.map(cluster => meant(guest('web-1', { cluster }))) })
    known(6, 'prod-1')
    known(7, 'prod-1', 'dev-1')
    const told = async (token: string, query = ''): Promise<unknown[]> => {
      const page = (await desk.get(`/api/v1/history?host=${hostOf('web-1')}${query}`, bearer(token))).json<{
        results: HistoryRow[]
      }>()
      return page.results.slice(0, 3).map(({ run, asked_by, asked_because, trigger, allowed_by, job, outcome }) => [
        [run, asked_by, asked_because, trigger, allowed_by],
        [job, outcome],
      ])
    }
    const of = (number: number): unknown[] => [uuid(number), 'ops', 'cve', 'wish', grounds.allowed_by]
    const none = ['', '', '', '', '']
    const done = [0, 'ok']
    expect(await told(TOKENS.reader)).toEqual([7, 6, 5].map(number => [of(number), done]))
    expect(await told(TOKENS.prod)).toEqual([none, of(6), none].map(whose => [whose, done]))
    // Nor is it to be found out by asking for it.
    expect(await told(TOKENS.prod, '&asked_by=ops')).toEqual([[of(6), done]])
    expect(await told(TOKENS.prod, `&run=${uuid(7)}`)).toEqual([])
    const csv = (await desk.get(`/api/v1/history/export?asked_by=ops`, bearer(TOKENS.prod))).body
    expect(csv).toContain(uuid(6))
    expect(csv).not.toContain(uuid(7))
  })

  test('to a VM that is gone is told to who asks for it by its name, as far as they may know of it', async () => {
    const said = async (name: string, token: string, path = 'explain') => {
      const { detail, hint = '' } = (await desk.get(`/api/v1/${path}/${name}`, bearer(token))).json<{
        detail: string
        hint?: string
      }>()
      return [detail, hint]
    }
    const [detail, hint] = await said(hostOf('web-1'), TOKENS.reader)
    expect(detail).toBe(
      `no VM is called "${hostOf('web-1')}" any more; done by that name to VM uid-web-1: patch ok 2026-11-21T00:00:07.000Z`,
    )
    expect(hint).toMatch(/whether it was deleted or moved; .* by the play offboard: docs\/day2\.md#a-vm-that-is-gone$/)
    expect(await said(hostOf('web-1'), TOKENS.prod, 'vms')).toEqual([detail, hint])
    for (const [name, token] of [
      ['web-3.shop.dev-1', TOKENS.prod],
      [hostOf('web-9'), TOKENS.reader],
    ] as const)
      expect((await said(name, token))[0]).toBe(`no VM is called "${name}"`)
  })

  test('is told of each VM that had the name, the last end of each verb, and nothing that left nothing behind', () => {
    const rows = [
      ['uid-b', 'patch', 'failed', 'x', 9],
      ['uid-b', 'patch', 'ok', '1 ok', 8],
      ['uid-b', 'onboard', 'refused', 'x', 7],
      ['', 'patch', 'ok', '1 ok', 6],
      ['uid-a', 'identity_join', 'ok', '1 ok', 5],
      ['uid-a', 'onboard', 'ok', 'dry run: 1 ok', 4],
      ['uid-a', 'patch', 'unknown', 'x', 3],
      ['uid-a', 'onboard', 'missing', 'x', 2],
    ] as const
    const known = rows.map(([vm_uid, verb, outcome, said, at]) => {
      return { vm_uid, verb, outcome, detail: said, at, key: 'prod-1/shop/web-1' } as HistoryRow
    })
    expect(doneBefore({ page: () => ({ rows: known, next: '' }) }, 'web-1.shop.prod-1', EVERYTHING)).toBe(
      'done by that name to VM uid-b: patch failed 1970-01-01T00:00:00.009Z; to VM uid-a: ' +
        'identity_join ok 1970-01-01T00:00:00.005Z, patch unknown 1970-01-01T00:00:00.003Z',
    )
  })

  test('is exported as CSV, which no spreadsheet takes for formulas, and as JSON lines', async () => {
    const why = 'cve,wish,the right run of the token ops on its part of the fleet,2,'
    const csv = await desk.get('/api/v1/history/export?since=2026-11-21T00:00:08Z')
    expect(csv.headers['content-type']).toContain('text/csv')
    expect(csv.body.split('\r\n')).toEqual([
      'at,run,verb,template,asked_by,job,host,vm_uid,outcome,detail,asked_because,trigger,allowed_by,attempts,step',
      `2026-11-21T00:00:09.000Z,${uuid(9)},patch,T,ops,0,web-3.shop.dev-1,uid-web-3,ok,1 ok,${why}`,
      `2026-11-21T00:00:08.000Z,${uuid(8)},patch,T,ops,0,${hostOf('web-2')},uid-web-2,ok,"'=cmd|""calc"",\n1",${why}`,
      '',
    ])
    const lines = await desk.get('/api/v1/history/export?format=jsonl')
    expect(lines.headers['content-type']).toContain('application/x-ndjson')
    const rows = lines.body
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { host: string })
    expect(rows).toHaveLength(9)
    expect(rows[0]).toMatchObject({
      host: 'web-3.shop.dev-1',
      outcome: 'ok',
      asked_because: 'cve',
      ...grounds,
      attempts: 2,
    })
  })
})
