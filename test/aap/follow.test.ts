import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { originalOf, reconcile, type HostOutcome, type Job } from '../../src/aap/index.ts'
import {
  answer,
  bodyOf,
  controllerFor,
  listOf,
  ORIGIN,
  recording,
  replay,
  replaying,
  replayDiscovery,
} from './recorded.ts'

replaying()

/** How far one recorded job is, read through the client. */
async function jobOf(name: string): Promise<Job> {
  replay(name)
  await using controller = controllerFor()
  const job = await controller.job({ url: recording(name).request.path })
  if (typeof job === 'string') throw new Error(`${name} is ${job}`)
  return job
}

const outcomes = (result: Map<string, HostOutcome>) =>
  Object.fromEntries([...result].map(([host, { outcome }]) => [host, outcome]))

describe('jobs are followed in batches', () => {
  test('by one question for all', async () => {
    replayDiscovery()
    replay('043-filter-id-in', body => body, { id__in: '3,4', page_size: '200', order_by: 'id' })
    await using controller = controllerFor()
    const followed = await controller.jobs([4, 3, 4])
    expect(new Set(followed.keys())).toEqual(new Set([3, 4]))
    expect(followed.get(3)).toMatchObject({
      id: 3,
      type: 'job',
      url: '/api/v2/jobs/3/',
      status: 'pending',
      ended: false,
      finished: false,
    })
  })

  test('201 of them by two questions', async () => {
    replayDiscovery()
    const row = (id: number) => ({
      ...(bodyOf('043-filter-id-in')['results'] as object[])[0],
      id,
      url: `/api/v2/jobs/${id}/`,
    })
    const ids = Array.from({ length: 201 }, (_, index) => index + 1)
    answer('/api/v2/jobs/', listOf(...ids.slice(0, 200).map(row)))
    answer('/api/v2/jobs/', listOf(row(201)), { id__in: '201', page_size: '200', order_by: 'id' })
    await using controller = controllerFor()
    expect((await controller.jobs(ids)).size).toBe(201)
  })

  test('and no question at all for none', async () => {
    replayDiscovery()
    await using controller = controllerFor()
    await controller.discover()
    expect(await controller.jobs([])).toEqual(new Map())
  })

  test('one that has ended is asked for by itself, since lists do not say whether its results are in', async () => {
    replayDiscovery()
    replay('601-marker-search')
    answer('/api/v2/jobs/56/', {
      ...bodyOf('406-job-done'),
      id: 56,
      url: '/api/v2/jobs/56/',
      event_processing_finished: false,
    })
    await using controller = controllerFor()
    expect((await controller.jobs([56])).get(56)).toMatchObject({ status: 'successful', ended: true, finished: false })
  })

  test('one that is gone is vanished and one that is hidden is forbidden, and neither hurts the others', async () => {
    replayDiscovery()
    replay('601-marker-search', ({ results }) => listOf({ ...(results as object[])[0], status: 'running' }))
    replay('117-job-detail-404')
    replay('1207-job-other-template-as-exec')
    await using controller = controllerFor()
    const followed = await controller.jobs([56, 99999, 33])
    expect(followed.get(99999)).toBe('vanished')
    expect(followed.get(33)).toBe('forbidden')
    expect(followed.get(56)).toMatchObject({ status: 'running', ended: false })
  })

  test('pages are followed, and a page that shifted counts no job twice', async () => {
    replayDiscovery()
    const row = (id: number) => ({
      ...(bodyOf('043-filter-id-in')['results'] as object[])[0],
      id,
      url: `/api/v2/jobs/${id}/`,
    })
    answer('/api/v2/jobs/', { ...listOf(row(1), row(2)), next: '/api/v2/jobs/?page=2' })
    answer('/api/v2/jobs/', listOf(row(2), row(3)), { page: '2' })
    await using controller = controllerFor()
    expect([...(await controller.jobs([1, 2, 3])).keys()]).toEqual([1, 2, 3])
  })

  test('a list without an end is given up', async () => {
    replayDiscovery()
    nock(ORIGIN)
      .get('/api/v2/jobs/')
      .query(true)
      .times(100)
      .reply(200, { ...listOf(), next: '/api/v2/jobs/?page=2' })
    await using controller = controllerFor()
    await expect(controller.jobs([1])).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringContaining('does not end') as string,
    })
  })
})

describe('a recorded job says how it is', () => {
  test.each([
    [
      '406-job-done',
      {
        status: 'successful',
        ended: true,
        finished: true,
        artifacts: { patched: ['vm1', 'vm2'] },
        launchedBy: 'admin',
      },
    ],
    ['412-job-failed', { status: 'failed', ended: true, finished: true }],
    ['508-canceled-job', { status: 'canceled', ended: true, finished: true }],
    ['104-job-after-cancel', { status: 'canceled', ended: true, finished: true }],
    ['907-pending-canceled-job', { status: 'canceled', ended: true }],
    ['523-timed-out-job', { status: 'failed', explanation: 'Job terminated due to timeout' }],
    ['1402-job-waiting-for-source', { ended: false, finished: false }],
    [
      '1404-job-failed-by-source',
      { status: 'failed', explanation: expect.stringContaining('Previous Task Failed') as string },
    ],
    ['1405-job-with-empty-inventory', { status: 'successful', ended: true, finished: false }],
    ['1206-job-other-user-as-exec', { status: 'successful', launchedBy: 'svcexec2' }],
    ['1031-job-script', { status: 'successful', ended: true, finished: true, limit: '', inventory: 2 }],
    ['1032-job-untrusted', { status: 'successful', ended: true, finished: true, limit: '', inventory: 3 }],
    ['1033-job-trusted', { status: 'successful', ended: true, finished: true, limit: '', inventory: 4 }],
    [
      '515-bulk-job',
      { status: 'failed', ended: true, finished: false, launchType: 'workflow', limit: '', launchedBy: 'admin' },
    ],
  ])('%s', async (name, expected) => {
    expect(await jobOf(name)).toMatchObject(expected)
  })
})

describe('what became of the hosts of a recorded job', () => {
  test.each([
    ['406-job-done', '407-summaries', ['vm1', 'vm2', 'ghost'], { vm1: 'ok', vm2: 'ok', ghost: 'missing' }],
    ['412-job-failed', '413-summaries-f', ['vm2', 'ghost'], { vm2: 'failed', ghost: 'missing' }],
    ['508-canceled-job', '115-host-summaries-pending', ['vm1'], { vm1: 'unknown' }],
    ['523-timed-out-job', '115-host-summaries-pending', ['vm1'], { vm1: 'unknown' }],
    ['907-pending-canceled-job', '115-host-summaries-pending', ['vm2'], { vm2: 'unknown' }],
    ['519-missing-playbook-job', '115-host-summaries-pending', ['vm1'], { vm1: 'unknown' }],
    ['417-job-nohost', '115-host-summaries-pending', ['nonexistent'], { nonexistent: 'unknown' }],
    ['1404-job-failed-by-source', '115-host-summaries-pending', ['vm1'], { vm1: 'unknown' }],
    ['1405-job-with-empty-inventory', '115-host-summaries-pending', ['vm1'], { vm1: 'unknown' }],
    ['1405-job-with-empty-inventory', '1045-summaries-after-removal', ['east-ns1-vm1'], { 'east-ns1-vm1': 'ok' }],
    [
      '1031-like-406-job-done',
      '1041-summaries-before-removal',
      ['east-ns1-vm1', 'east-ns1-vm3'],
      { 'east-ns1-vm1': 'ok', 'east-ns1-vm3': 'ok' },
    ],
  ])('%s with %s', async (name, summaries, asked, expected) => {
    const job = await jobOf(name.replace('1031-like-', ''))
    replay(summaries)
    await using controller = controllerFor()
    const found = await controller.hostSummaries({
      url: recording(summaries).request.path.replace(/job_host_summaries.*/, ''),
    })
    expect(outcomes(reconcile(asked, job, found))).toEqual(expected)
  })

  test('an unreachable one among others', async () => {
    const job = await jobOf('513-job-unreachable')
    const row = {
      ...(bodyOf('407-summaries')['results'] as object[])[0],
      ok: 0,
      changed: 0,
      skipped: 0,
      dark: 1,
      failed: true,
    }
    answer(`${job.url}job_host_summaries/`, listOf(row))
    await using controller = controllerFor()
    expect(outcomes(reconcile(['vm1'], job, await controller.hostSummaries(job)))).toEqual({ vm1: 'unreachable' })
  })
})

describe('why a host failed', () => {
  const event = (changes: object) => ({
    id: 1,
    event: 'runner_on_failed',
    host_name: 'vm1',
    task: 'Update all packages',
    stdout: 'fatal: …',
    event_data: {},
    ...changes,
  })

  test('is the last failure that was not ignored, on one line', async () => {
    const events = listOf(
      event({ id: 1, event_data: { res: { msg: 'first' } } }),
      event({ id: 2, event_data: { res: { msg: 'no space\nleft \u001b[31mon device' } } }),
      event({ id: 3, event_data: { ignore_errors: true, res: { msg: 'ignored' } } }),
      event({ id: 4, host_name: 'vm2', event_data: { res: { censored: 'the output has been hidden' } } }),
      event({ id: 5, host_name: 'vm3', task: 'Gathering Facts', event_data: {}, stdout: 'vm3 unreachable' }),
    )
    answer('/api/v2/jobs/38/job_events/', events, {
      event__in: 'runner_on_failed,runner_on_unreachable,runner_on_async_failed',
      order_by: 'counter',
      page_size: '200',
    })
    await using controller = controllerFor()
    expect(await controller.failureReasons({ url: '/api/v2/jobs/38/' })).toEqual(
      new Map([
        ['vm1', { task: 'Update all packages', message: 'no space left [31mon device' }],
        ['vm2', { task: 'Update all packages', message: 'the output has been hidden' }],
        ['vm3', { task: 'Gathering Facts', message: 'vm3 unreachable' }],
      ]),
    )
  })

  test('is nothing for a job that did well', async () => {
    replay('409-events-filtered')
    await using controller = controllerFor()
    expect(await controller.failureReasons({ url: '/api/v2/jobs/37/' })).toEqual(new Map())
  })

  test.each(['114-events-pending', '408-events', '1035-job-events-untrusted'])(
    'is nothing among all events of a job that waits or did well: %s',
    async name => {
      replay(name)
      await using controller = controllerFor()
      const url = recording(name).request.path.replace(/job_events.*/, '')
      expect(await controller.failureReasons({ url })).toEqual(new Map())
    },
  )
})

describe('how a job goes', () => {
  const both = (task: string) => [`ok ${task} east-ns1-vm1`, `ok ${task} east-ns1-vm3`]
  const two = [...both('ansible.builtin.ping'), ...both('ansible.builtin.debug')]
  // Recorded by a question for all events: more than the client asks for.
  test.each([
    ['114-events-pending', 0, []],
    ['1035-job-events-untrusted', 12, two],
    ['1036-job-events-trusted', 12, two],
    ['1046-events-after-removal', 12, two],
    [
      '408-events',
      23,
      [
        ...['debug', 'command', 'fail', 'set_stats'].map(task => `task ansible.builtin.${task} `),
        ...['vm1', 'vm2'].flatMap(host => [
          `ok ansible.builtin.debug ${host}`,
          `changed ansible.builtin.command ${host}`,
          `skipped ansible.builtin.fail ${host}`,
          `ok ansible.builtin.set_stats ${host}`,
        ]),
      ],
    ],
  ])('%s is told, up to counter %i', async (name, after, expected) => {
    replay(name)
    await using controller = controllerFor()
    const url = recording(name).request.path.replace(/job_events.*/, '')
    const course = await controller.course({ url }, 0)
    const told = course.events.map(({ kind, host, task, changed }) => `${changed ? 'changed' : kind} ${task} ${host}`)
    // Hosts of one task end in no order.
    expect([course.after, course.more, told.sort()]).toEqual([after, false, [...expected].sort()])
  })

  const told = (changes: object) => ({
    id: 1,
    event: 'runner_on_ok',
    host_name: '',
    task: 'Update',
    changed: false,
    event_data: {},
    ...changes,
  })

  test('is asked for from where it was read to, by one request, and a failure that the play ignores is none', async () => {
    const events = [
      told({ id: 1, counter: 8, event: 'playbook_on_task_start' }),
      told({ id: 2, counter: 9, host_name: 'vm1', changed: true }),
      told({ id: 3, counter: 10, host_name: 'vm2', event: 'runner_on_failed', event_data: { ignore_errors: true } }),
      told({ id: 4, counter: 11, host_name: 'vm3', event: 'runner_on_failed', task: 'x\u001b[31m\ny' }),
      told({ id: 5, counter: 12, host_name: 'vm4', event: 'runner_on_unreachable' }),
    ]
    answer(
      '/api/v2/jobs/38/job_events/',
      { ...listOf(...events), next: '/api/v2/jobs/38/job_events/?page=2' },
      {
        counter__gt: '7',
        event__in: 'playbook_on_task_start,runner_on_ok,runner_on_failed,runner_on_unreachable,runner_on_skipped',
        order_by: 'counter',
        page_size: '200',
      },
    )
    await using controller = controllerFor()
    const { events: read, after, more } = await controller.course({ url: '/api/v2/jobs/38/' }, 7)
    expect([after, more]).toEqual([12, true])
    expect(read.map(({ kind, host, changed }) => [kind, host, changed])).toEqual([
      ['task', '', false],
      ['ok', 'vm1', true],
      ['ok', 'vm2', false],
      ['failed', 'vm3', false],
      ['unreachable', 'vm4', false],
    ])
    for (const control of ['\n', '\u001b']) expect(read[3]?.task).not.toContain(control)
  })

  test('is nothing new when there is none: the next question begins where this one did', async () => {
    answer('/api/v2/jobs/38/job_events/', listOf())
    await using controller = controllerFor()
    expect(await controller.course({ url: '/api/v2/jobs/38/' }, 7)).toEqual({ events: [], after: 7, more: false })
  })
})

describe('a marker', () => {
  test('is found with the launch it was given to', async () => {
    replayDiscovery()
    replay('312-label-filter-by-skip-contains')
    await using controller = controllerFor()
    expect(await controller.findByMarker('bridge-abc123')).toMatchObject({
      original: { id: 9, limit: 'vm1,vm2' },
      copies: [],
    })
  })

  test('tells the original from a person’s relaunch that carries it too', async () => {
    replayDiscovery()
    replay('601-marker-search', ({ results }) => listOf(bodyOf('602-relaunch-keeps-marker'), ...(results as object[])))
    await using controller = controllerFor()
    expect(await controller.findByMarker('bridge-load-7')).toMatchObject({
      original: { id: 56 },
      copies: [{ id: 82, launchType: 'relaunch' }],
    })
  })

  test('of which only a relaunch is left has no original', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(bodyOf('602-relaunch-keeps-marker')))
    await using controller = controllerFor()
    expect(await controller.findByMarker('bridge-load-7')).toMatchObject({ original: null, copies: [{ id: 82 }] })
  })

  test('given to two jobs belongs to the older', async () => {
    const job = await jobOf('406-job-done')
    const twin = (id: number) => ({ ...job, id, skipTags: 'slow,m' })
    expect(originalOf([twin(9), twin(7), { ...twin(3), skipTags: 'mm' }], 'm')).toMatchObject({
      original: { id: 7 },
      copies: [{ id: 9 }],
    })
  })
})

describe('a cancel', () => {
  test.each([
    ['103-cancel-post', 'cancelled'],
    ['507-cancel-running', 'cancelled'],
    ['906-cancel-pending', 'cancelled'],
    ['105-cancel-again', 'not_cancellable'],
  ])('%s is %s', async (name, expected) => {
    replay(name)
    await using controller = controllerFor()
    expect(await controller.cancel({ url: recording(name).request.path.replace('cancel/', '') })).toBe(expected)
  })

  test('of somebody else’s job is forbidden', async () => {
    replay('231-cancel-other-user')
    await using controller = controllerFor()
    await expect(controller.cancel({ url: '/api/v2/jobs/5/' })).rejects.toMatchObject({
      kind: 'forbidden',
      status: 403,
    })
  })
})
