import { expect, test } from 'vitest'
import { renderRun } from '../../src/cli/run.ts'
import { type HostResult, newRun, type Run, type VerbPolicy } from '../../src/day2/index.ts'
import { plannedSteps, withStep } from '../../src/day2/run-step.ts'
import { guest, hostOf, meant, uuid } from '../day2/guest.ts'
import { virtbridge } from '../cli/console.ts'
import { bearer, NOW, openDesk, TOKENS } from './desk.ts'

const STEPS = [
  { name: 'precheck', template: 'Day2 | Precheck' },
  { name: 'patch', template: 'Day2 | Patch' },
]
const [FIRST, SECOND] = [meant(guest('web-1')), meant(guest('web-2', { cluster: 'dev-1' }))]
const READER = bearer(TOKENS.reader)

/** At its second step, on the first of two hosts: the other one came no further than the first. */
function underWay(): Run {
  const wish = { id: uuid(1), verb: 'update', template: '', steps: STEPS, askedBy: 'ops', reason: '', hosts: [FIRST] }
  const done = { state: 'failed', job: { id: 7, url: '/jobs/7/' }, started_at: NOW, ended_at: NOW + 1_000 } as const
  return {
    ...newRun(wish, NOW),
    steps: withStep({ id: uuid(1), steps: plannedSteps(uuid(1), STEPS) }, { ...done, counts: { ok: 1, failed: 1 } }),
    step: 1,
    template: 'Day2 | Patch',
    halted: [{ ...SECOND, step: 'precheck', outcome: 'failed' }],
  }
}

test('a run with steps is told with where it is, what each came to, and who went no further', async () => {
  await using desk = await openDesk()
  desk.run(underWay())
  const { runs } = (await desk.get('/api/v1/runs', READER)).json<{ runs: Record<string, unknown>[] }>()
  expect(runs).toMatchObject([
    {
      hosts: 2,
      step: 1,
      steps: [
        { name: 'precheck', template: 'Day2 | Precheck', state: 'failed', job: { id: 7 } },
        { name: 'patch', template: 'Day2 | Patch', state: 'waits', job: null },
      ],
    },
  ])
  expect((await desk.get(`/api/v1/runs/${uuid(1)}`, READER)).json()).toMatchObject({
    step: 1,
    steps: [{ counts: { ok: 1, failed: 1 }, started_at: NOW, ended_at: NOW + 1_000 }, { started_at: 0 }],
    halted: [{ host: SECOND.host, step: 'precheck', outcome: 'failed' }],
  })
})

test('who may not know of a host that went no further may not know of the run', async () => {
  await using desk = await openDesk()
  desk.run(underWay())
  expect((await desk.get(`/api/v1/runs/${uuid(1)}`, bearer(TOKENS.prod))).statusCode).toBe(404)
  desk.run({ ...underWay(), halted: [] })
  expect((await desk.get(`/api/v1/runs/${uuid(1)}`, bearer(TOKENS.prod))).statusCode).toBe(200)
})

test('a verb with steps is asked for by its name, and by the template of none of them', async () => {
  const update: VerbPolicy = { template: '', steps: STEPS, driver: 'bridge', os: ['linux'] }
  await using desk = await openDesk({ verbs: new Map([['update', update]]) })
  desk.cluster('prod-1')
  desk.put(guest('web-1'))
  const asked = async (verb: string): Promise<number> =>
    (await desk.post('/api/v1/runs', { verb, hosts: [hostOf('web-1')] }, bearer(TOKENS.runner))).statusCode
  expect([await asked('update'), await asked('Day2 | Precheck'), await asked('Day2 | Patch')]).toEqual([202, 422, 422])
})

test('a preview tells the steps of a verb that has some, in their order, and of none where it has none', async () => {
  const update: VerbPolicy = { template: '', steps: STEPS, driver: 'bridge', os: ['linux'] }
  const patch: VerbPolicy = { template: 'Day2 | Patch', driver: 'bridge', os: ['linux'] }
  await using desk = await openDesk({ verbs: new Map(Object.entries({ update, patch })) })
  desk.cluster('prod-1')
  desk.put(guest('web-1'))
  const look = async (verb: string): Promise<unknown> =>
    (await desk.post('/api/v1/runs/preview', { verb, hosts: [hostOf('web-1')] }, READER)).json()
  const hosts = [{ host: hostOf('web-1'), launch: true, because: '' }]
  expect(await look('update')).toEqual({ verb: 'update', steps: STEPS, hosts })
  expect(await look('patch')).toEqual({ verb: 'patch', steps: [], hosts })
  const url = await desk.listen()
  const env = { VIRTBRIDGE_URL: url, VIRTBRIDGE_TOKEN: TOKENS.reader }
  const shown = async (verb: string, ...more: readonly string[]): Promise<string> =>
    (await virtbridge(['run', verb, '--limit', hostOf('web-1'), '--preview', ...more], env)).out
  expect(await shown('update')).toBe(
    `update in 2 steps, each on the hosts that came through the one before:
  precheck  Day2 | Precheck
  patch     Day2 | Patch
update on 1 host:
  ${hostOf('web-1')}`,
  )
  expect(await shown('patch')).toBe(`patch on 1 host:\n  ${hostOf('web-1')}`)
  expect(JSON.parse(await shown('update', '--json'))).toEqual({ verb: 'update', steps: STEPS, hosts })
})

test('for people it has a line for each step', () => {
  const result: HostResult = {
    schema: 1,
    kind: 'host',
    run: uuid(1),
    host: SECOND.host,
    uid: SECOND.uid,
    outcome: 'failed',
    detail: 'step precheck: 1 failed',
    at: NOW,
    step: 'precheck',
  }
  const { secrets: _, ...run } = underWay()
  const lines = renderRun({ ...run, results: [result] }, PLAIN).split('\n')
  expect(lines[0]).toBe('update (2 steps) by ops: planned')
  const said = lines.map(line => line.trim().replaceAll(/ {2,}/g, ' | '))
  expect(said).toContain('STEP | STATE | JOB | STARTED (UTC) | ENDED (UTC) | HOSTS | TEMPLATE')
  expect(said).toContain(
    'precheck | failed | 7 | 2026-11-21T00:00:00 | 2026-11-21T00:00:01 | 1 ok, 1 failed | Day2 | Precheck',
  )
  expect(said.some(line => /^patch \| waits \| .*Day2 \| Patch$/.test(line))).toBe(true)
})

const PLAIN = { interactive: false, colours: false, out: () => {}, err: () => {}, ask: () => Promise.resolve(false) }
