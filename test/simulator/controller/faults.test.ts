import { describe, expect, test } from 'vitest'
import { day2World, jobOf, launch, resultsOf } from './worlds.ts'
import type { World } from './worlds.ts'

const LAUNCH = '/api/v2/job_templates/3/launch/'
const POST = { method: 'POST', path: /\/launch\/$/ }
const BODY = { limit: 'vm1', skip_tags: 'virtbridge-x' }

async function marked(world: World): Promise<number> {
  const { body } = await world.ask('GET', '/api/v2/jobs/?skip_tags__contains=virtbridge-x')
  return (body as { count: number }).count
}

describe('an answer is lost', () => {
  test('and the job is there', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'commit-then-drop' })
    await expect(world.ask('POST', LAUNCH, BODY)).rejects.toThrow('fetch failed')
    expect(await marked(world)).toBe(1)
  })

  test('and the job is not there', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'drop-before-commit' })
    await expect(world.ask('POST', LAUNCH, BODY)).rejects.toThrow('fetch failed')
    expect(await marked(world)).toBe(0)
  })

  test('and the job is there only later', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'drop-then-commit', afterMs: 25_000 })
    await expect(world.ask('POST', LAUNCH, BODY)).rejects.toThrow('fetch failed')
    await world.clock.advance(24_999)
    expect(await marked(world)).toBe(0)
    await world.clock.advance(1)
    expect(await marked(world)).toBe(1)
  })

  test('because nobody ever answers', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'hang' })
    const asked = fetch(new URL(LAUNCH, world.url), {
      method: 'POST',
      headers: { authorization: 'Bearer admin', 'content-type': 'application/json' },
      body: JSON.stringify(BODY),
      signal: AbortSignal.timeout(50),
    })
    await expect(asked).rejects.toThrow('aborted')
    expect(await marked(world)).toBe(0)
  })

  test('in the middle of its JSON', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'truncated' })
    await expect(world.ask('POST', LAUNCH, BODY)).rejects.toThrow('terminated')
    expect(await marked(world)).toBe(1)
  })
})

describe('something in between answers', () => {
  test.each([
    { status: 502, commit: false },
    { status: 503, commit: true },
    { status: 504, commit: true },
  ] as const)('$status in HTML, and the launch took effect: $commit', async ({ status, commit }) => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'gateway-error', status, commit })
    const answer = await world.ask('POST', LAUNCH, BODY)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html'])
    expect(await marked(world)).toBe(commit ? 1 : 0)
  })

  test('429 with a time to wait', async () => {
    await using world = await day2World()
    world.faults.add({}, { kind: 'too-many-requests', retryAfterS: 7 })
    const answer = await world.ask('GET', '/api/v2/jobs/')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7'])
  })

  test('a fault strikes as often as it was told to, and only where', async () => {
    await using world = await day2World()
    world.faults.add({ method: 'GET', path: /\/jobs\/$/ }, { kind: 'server-error' }, 2)
    const statuses: number[] = []
    for (const path of ['/api/v2/me/', '/api/v2/jobs/', '/api/v2/jobs/', '/api/v2/jobs/']) {
      statuses.push((await world.ask('GET', path)).status)
    }
    expect(statuses).toEqual([200, 500, 500, 200])
  })
})

describe('the controller changes behind the client', () => {
  test('its token is refused from now on', async () => {
    await using world = await day2World()
    world.revokeTokens()
    const answer = await world.ask('GET', '/api/v2/jobs/')
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm=api authorization_url=/api/o/authorize/',
    ])
  })

  test('a prompt goes between the look and the launch', async () => {
    await using world = await day2World()
    world.flipPromptAfterPreflight('Patch', 'limit')
    expect((await world.ask('GET', LAUNCH)).body).toMatchObject({ ask_limit_on_launch: true })
    expect((await world.ask('POST', LAUNCH, BODY)).body).toMatchObject({ ignored_fields: { limit: 'vm1' } })
  })

  test('a template is made anew: the old id is gone, also from its jobs, and the name leads to another', async () => {
    await using world = await day2World()
    const job = await launch(world, BODY)
    expect((await jobOf(world, job))['job_template']).toBe(3)
    world.recreateTemplate('Patch')
    expect((await world.ask('POST', LAUNCH, BODY)).status).toBe(404)
    const { body } = await world.ask('GET', '/api/v2/job_templates/?name=Patch&organization__name=Default')
    expect(body).toMatchObject({ count: 1, results: [{ id: 4 }] })
    expect(await jobOf(world, job)).toMatchObject({ name: 'Patch', job_template: null })
  })

  test('a template is renamed: its id stays, nothing is found under the old name, and a job keeps the name it was launched with', async () => {
    await using world = await day2World()
    const id = await launch(world, BODY)
    world.renameTemplate('Patch', 'Mend')
    expect((await world.ask('POST', LAUNCH, BODY)).body).toMatchObject({ name: 'Mend', job_template: 3 })
    expect((await world.ask('GET', '/api/v2/job_templates/?name=Patch')).body).toMatchObject({ count: 0 })
    expect((await jobOf(world, id))['name']).toBe('Patch')
  })

  test('a job that runs is put back into the queue, and its play begins anew', async () => {
    await using world = await day2World()
    const id = await launch(world, BODY)
    await world.clock.advance(1_000)
    expect((await jobOf(world, id))['status']).toBe('running')
    world.requeueJob(id)
    expect(await jobOf(world, id)).toMatchObject({ status: 'pending', started: null, finished: null, failed: false })
    await world.clock.advance(30_000)
    expect(await jobOf(world, id)).toMatchObject({ status: 'successful', host_status_counts: { ok: 1 } })
  })

  test('a job that its node has forgotten is failed in the product’s words, with no result for any host', async () => {
    await using world = await day2World()
    const id = await launch(world, BODY)
    await world.clock.advance(1_000)
    world.reapJob(id)
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({
      status: 'failed',
      failed: true,
      job_explanation: expect.stringMatching(/^Task was marked as running but was not present/) as string,
      host_status_counts: null,
    })
    expect(await resultsOf(world, id)).toEqual({})
  })

  test('a workflow launches a template: what it does not prompt for is dropped without a word', async () => {
    await using world = await day2World()
    const asked = world.launchInWorkflow('Monthly', 'Patch', 'vm1')
    world.setPrompt('Patch', 'limit', false)
    const dropped = world.launchInWorkflow('Monthly', 'Patch', 'vm1')
    const [one, other] = [await jobOf(world, asked), await jobOf(world, dropped)]
    expect([one['launch_type'], one['limit'], other['limit']]).toEqual([
      'workflow',
      'vm1',
      'virtbridge-no-default-limit',
    ])
    expect(one['summary_fields']).toMatchObject({ source_workflow_job: { name: 'Monthly' } })
  })

  test('the clock of the controller is set back: what comes later is created earlier', async () => {
    await using world = await day2World()
    const first = await launch(world, BODY)
    world.setClock(-86_400_000)
    const second = await launch(world, BODY)
    const created = async (id: number): Promise<number> => Date.parse(String((await jobOf(world, id))['created']))
    expect((await created(second)) - (await created(first))).toBe(-86_400_000)
    await world.clock.advance(10_000)
    expect((await jobOf(world, second))['status']).toBe('successful')
  })

  test('a job that ended is cleaned up', async () => {
    await using world = await day2World()
    const id = await launch(world, BODY)
    await world.clock.advance(10_000)
    world.deleteJob(id)
    expect(await world.ask('GET', `/api/v2/jobs/${id}/`)).toMatchObject({
      status: 404,
      body: { detail: 'No Job matches the given query.' },
    })
  })

  test('a slow answer comes when the clock says so, and its launch has taken effect before', async () => {
    await using world = await day2World()
    world.faults.add(POST, { kind: 'slow', ms: 5000 })
    const asked = world.ask('POST', LAUNCH, BODY)
    await expect.poll(async () => marked(world)).toBe(1)
    await world.clock.advance(5000)
    expect((await asked).status).toBe(201)
    expect((await jobOf(world, 1))['status']).not.toBe('pending')
  })
})
