import { describe, expect, test } from 'vitest'
import { outcomeByLabel } from '../../../src/simulator/controller/index.ts'
import { day2World, jobOf, launch, resultsOf, startWorld, DAY2 } from './worlds.ts'

describe('a job runs its course', () => {
  test('pending, waiting, running, terminal; host results come a little later', async () => {
    await using world = await day2World()
    const id = await launch(world, { limit: 'vm1' })
    const seen = [(await jobOf(world, id))['status']]
    for (const ms of [100, 100, 2999]) {
      await world.clock.advance(ms)
      seen.push((await jobOf(world, id))['status'])
    }
    expect(seen).toEqual(['pending', 'waiting', 'running', 'running'])

    await world.clock.advance(1)
    expect(await jobOf(world, id)).toMatchObject({
      status: 'successful',
      event_processing_finished: false,
      host_status_counts: null,
    })
    expect(await resultsOf(world, id)).toEqual({})

    await world.clock.advance(900)
    expect(await jobOf(world, id)).toMatchObject({ event_processing_finished: true, host_status_counts: { ok: 1 } })
    expect(await resultsOf(world, id)).toEqual({ vm1: 'ok' })
  })

  test('a job without room waits, and says so after half a minute', async () => {
    await using world = await day2World({ outcome: () => ({ outcome: 'ok', ms: 45_000 }), timing: { room: 1 } })
    const [first, second] = [await launch(world, { limit: 'vm1' }), await launch(world, { limit: 'vm2' })]
    await world.clock.advance(29_000)
    expect(await jobOf(world, second)).toMatchObject({ status: 'pending', job_explanation: '' })
    await world.clock.advance(2_000)
    expect((await jobOf(world, second))['job_explanation']).toMatch(/not enough available capacity/)
    await world.clock.advance(90_000)
    const ended = [await jobOf(world, first), await jobOf(world, second)]
    expect(ended.map(job => [job['status'], job['job_explanation']])).toEqual([
      ['successful', ''],
      ['successful', ''],
    ])
  })

  test('outcomes are given per host and template, with what the host said', async () => {
    await using world = await day2World({
      outcome: host =>
        host === 'vm1'
          ? { outcome: 'changed', artifacts: { rebooted: true } }
          : host === 'vm2'
            ? { outcome: 'failed', message: 'no space left on device' }
            : 'unreachable',
    })
    const id = await launch(world, { limit: 'all' })
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({
      status: 'failed',
      failed: true,
      artifacts: { rebooted: true },
      host_status_counts: { changed: 1, failures: 1, dark: 1 },
    })
    expect(await resultsOf(world, id)).toEqual({ vm1: 'changed', vm2: 'failed', vm3: 'unreachable' })
    const { body } = await world.ask(
      'GET',
      `/api/v2/jobs/${id}/job_events/?event__in=runner_on_failed,runner_on_unreachable`,
    )
    const { results } = body as { results: { host_name: string; event_data: { res: { msg: string } } }[] }
    expect(results.map(event => [event.host_name, event.event_data.res.msg])).toEqual([
      ['vm2', 'no space left on device'],
      ['vm3', 'Failed to connect to the host via ssh: Connection timed out'],
    ])
  })

  test('a host that hangs keeps the job running until its timeout, and then nothing is known of any host', async () => {
    await using world = await day2World({ outcome: host => (host === 'vm2' ? 'hang' : 'ok') })
    const id = await launch(world, { limit: 'vm1,vm2', timeout: 60 })
    await world.clock.advance(59_000)
    expect(await jobOf(world, id)).toMatchObject({ status: 'running' })
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({
      status: 'failed',
      job_explanation: 'Job terminated due to timeout',
      event_processing_finished: true,
      host_status_counts: null,
    })
    expect(await resultsOf(world, id)).toEqual({})
  })

  test('a job that is cancelled while it runs leaves no host results', async () => {
    await using world = await day2World()
    const id = await launch(world, { limit: 'vm1' })
    await world.clock.advance(1000)
    expect((await world.ask('POST', `/api/v2/jobs/${id}/cancel/`)).status).toBe(202)
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({ status: 'canceled', failed: true, host_status_counts: null })
    expect(await resultsOf(world, id)).toEqual({})
  })
})

describe('which hosts a job runs on', () => {
  test.each([
    {
      title: 'names that are not there are left out, and the job succeeds',
      limit: 'vm1,ghost',
      status: 'successful',
      on: ['vm1'],
    },
    { title: 'no match at all fails', limit: 'ghost', status: 'failed', on: [] },
    {
      title: "the template's own limit, when none is given, fails: it matches nothing",
      limit: undefined,
      status: 'failed',
      on: [],
    },
    { title: 'an empty limit is every host', limit: '', status: 'successful', on: ['vm1', 'vm2', 'vm3'] },
    { title: 'a limit that no command line can hold is an error', limit: 'x'.repeat(131_072), status: 'error', on: [] },
    { title: 'a regular expression that is none fails', limit: '~(', status: 'failed', on: [] },
  ])('$title', async ({ limit, status, on }) => {
    await using world = await day2World()
    const id = await launch(world, limit === undefined ? {} : { limit })
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({ status })
    expect(Object.keys(await resultsOf(world, id)).sort()).toEqual(on)
  })

  test('a disabled host is no host', async () => {
    await using world = await day2World()
    world.store.hosts.must(2).enabled = false
    const all = await launch(world, { limit: 'all' })
    const alone = await launch(world, { limit: 'vm2' })
    await world.clock.advance(10_000)
    expect(Object.keys(await resultsOf(world, all)).sort()).toEqual(['vm1', 'vm3'])
    expect(await jobOf(world, alone)).toMatchObject({ status: 'failed' })
  })

  test('an inventory without hosts makes every job succeed, whatever its limit', async () => {
    await using world = await startWorld({ objects: DAY2 })
    const id = await launch(world, { limit: 'vm1' })
    await world.clock.advance(10_000)
    expect(await jobOf(world, id)).toMatchObject({ status: 'successful', host_status_counts: null })
  })
})

describe('what a job waits for', () => {
  test('a template that forbids it runs one job at a time; the next starts at a tick of the scheduler and says why it waits', async () => {
    await using world = await day2World({ outcome: () => ({ outcome: 'ok', ms: 45_000 }) })
    world.store.templates.must(3).allow_simultaneous = false
    const first = await launch(world, { limit: 'vm1' })
    const second = await launch(world, { limit: 'vm2' })
    await world.clock.advance(31_000)
    expect(await jobOf(world, second)).toMatchObject({
      status: 'pending',
      job_explanation: `waiting for job-${first} to finish`,
    })
    await world.clock.advance(15_000)
    expect([(await jobOf(world, first))['status'], (await jobOf(world, second))['status']]).toEqual([
      'successful',
      'pending',
    ])
    await world.clock.advance(20_000)
    expect(await jobOf(world, second)).toMatchObject({ status: 'running', job_explanation: '' })
  })

  test('a job waits for an inventory update that was asked for before it, and runs on what that brought', async () => {
    await using world = await startWorld({
      objects: DAY2,
      origins: {
        virtbridge: () => ({ g: { hosts: ['new'] }, _meta: { hostvars: { new: { kubevirt_enabled: true } } } }),
      },
    })
    await world.ask('POST', '/api/v2/inventory_sources/2/update/')
    const id = await launch(world, { limit: 'new' })
    await world.clock.advance(1500)
    expect(await jobOf(world, id)).toMatchObject({ status: 'pending' })
    await world.clock.advance(60_000)
    expect(await resultsOf(world, id)).toEqual({ new: 'ok' })
  })
})

describe('launching again', () => {
  test('on the hosts that failed; the marker goes with it', async () => {
    await using world = await day2World({ outcome: host => (host === 'vm1' ? 'ok' : 'failed') })
    const id = await launch(world, { limit: 'all', skip_tags: 'virtbridge-1', extra_vars: { a: 1 } })
    await world.clock.advance(10_000)
    const { status, body } = await world.ask('POST', `/api/v2/jobs/${id}/relaunch/`, { hosts: 'failed' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      limit: 'vm2,vm3',
      skip_tags: 'virtbridge-1',
      launch_type: 'relaunch',
      extra_vars: '{"a": 1}',
      status: 'pending',
    })
    const found = await world.ask('GET', '/api/v2/jobs/?skip_tags__contains=virtbridge-1&order_by=id')
    const { results } = found.body as { results: { launch_type: string }[] }
    expect(results.map(job => job.launch_type)).toEqual(['manual', 'relaunch'])
  })

  test.each([
    {
      title: 'not before it has ended',
      after: 1000,
      message: 'Wait until job finishes before retrying on failed hosts.',
    },
    {
      title: 'not when no host failed',
      after: 10_000,
      message: 'Cannot relaunch because previous job had 0 failed hosts.',
    },
  ])('$title', async ({ after, message }) => {
    await using world = await day2World()
    const id = await launch(world, { limit: 'vm1' })
    await world.clock.advance(after)
    expect(await world.ask('POST', `/api/v2/jobs/${id}/relaunch/`, { hosts: 'failed' })).toMatchObject({
      status: 400,
      body: { hosts: message },
    })
  })
})

test('a label on the guest can say how its jobs go', () => {
  const outcome = outcomeByLabel('demo.virtbridge.io/outcome')
  const job = { id: 1, extra_vars: {} }
  const of = (value: unknown) =>
    outcome('h', { kubevirt_labels: { 'demo.virtbridge.io/outcome': value } }, 'Patch', job)
  expect([of('failed'), of('unreachable'), of('nonsense'), of(undefined), outcome('h', {}, 'Patch', job)]).toEqual([
    'failed',
    'unreachable',
    'ok',
    'ok',
    'ok',
  ])
})
