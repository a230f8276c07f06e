import { describe, expect, test } from 'vitest'
import type { Followed, Job, Launched } from '../../src/aap/index.ts'
import { newRun, PATIENCE, type Run } from '../../src/day2/index.ts'
import { afterFailedSearch, afterLaunch, afterPoll, afterSearch, MAX_ATTEMPTS } from '../../src/day2/step.ts'
import { guest, meant, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

function run(change: Partial<Run> = {}): Run {
  const wish = { id: uuid(1), verb: 'onboard' as const, template: 'T', askedBy: 'bridge', reason: '' }
  const status = { status: 'posting' as const, attempts: 1, since: NOW - 1_000, template_id: 9, inventory_id: 2 }
  return { ...newRun({ ...wish, hosts: [meant(guest('web-1'))] }, NOW - 5_000), ...status, ...change }
}

function job(change: Partial<Job> = {}): Job {
  return {
    id: 42,
    type: 'job',
    url: '/api/v2/jobs/42/',
    name: 'T',
    status: 'running',
    ended: false,
    finished: false,
    explanation: '',
    limit: '',
    skipTags: '',
    inventory: 2,
    template: 9,
    launchType: 'manual',
    launchedBy: '',
    created: '',
    started: '',
    finishedAt: '',
    artifacts: {},
    ...change,
  }
}

const REF = { id: 42, url: '/api/v2/jobs/42/' }
const widened = (cancelled: boolean): Launched => ({
  kind: 'widened',
  job: { ...REF, type: 'job' },
  differences: ['limit is "", not "web-1"', 'field limit was ignored'],
  cancelled,
})

describe('after the one POST', () => {
  const FOLLOWED = { status: 'following', since: NOW, launched_at: NOW, job: REF } as const

  test('a job that was launched is followed', () => {
    expect(afterLaunch(run({ message: 'old' }), { kind: 'launched', job: job() }, NOW)).toEqual({
      kind: 'goes_on',
      news: 'started',
      run: run({ ...FOLLOWED, message: '' }),
    })
  })

  test.each([0, 400, 403, 404])('a refusal with status %d is the end: nothing ran', status => {
    expect(afterLaunch(run(), { kind: 'refused', status, reason: 'no' }, NOW)).toEqual({
      kind: 'ends',
      run: run(),
      outcome: 'refused',
      message: 'no',
    })
  })

  test.each<[string, Launched]>([
    ['401: the token is to be renewed', { kind: 'refused', status: 401, reason: 'why' }],
    ['429: there is too much to do', { kind: 'refused', status: 429, reason: 'why' }],
    ['there was no connection', { kind: 'not_sent', reason: 'why' }],
  ])('it may be posted again, at once and three times at most: %s', (_, launched) => {
    expect(afterLaunch(run(), launched, NOW)).toEqual({
      kind: 'goes_on',
      news: null,
      run: run({ status: 'planned', since: NOW, message: 'why' }),
    })
    expect(afterLaunch(run({ attempts: MAX_ATTEMPTS }), launched, NOW)).toMatchObject({
      kind: 'ends',
      outcome: 'refused',
      message: 'gave up after 3 attempts: why',
    })
  })

  test.each([1, MAX_ATTEMPTS])('a lost answer of attempt %d is searched for', attempts => {
    expect(afterLaunch(run({ attempts }), { kind: 'ambiguous', reason: 'reset' }, NOW)).toEqual({
      kind: 'goes_on',
      news: null,
      run: run({ attempts, status: 'searching', since: NOW, message: 'reset' }),
    })
  })

  test.each([
    [true, NOW, 'it was cancelled at once'],
    [false, 0, 'it could not be cancelled'],
  ])('a job that is not what was asked for is followed to its end (cancelled: %j)', (cancelled, stoppedAt, fate) => {
    const astray = `job 42 is not what was asked for (limit is "", not "web-1"; field limit was ignored); ${fate}`
    expect(afterLaunch(run(), widened(cancelled), NOW)).toEqual({
      kind: 'goes_on',
      news: 'started',
      run: run({ ...FOLLOWED, astray, message: astray, stopped_at: stoppedAt }),
    })
  })
})

describe('after a search for its marker', () => {
  const searching = run({ status: 'searching', since: NOW, message: 'reset' })

  test('a job that is found is taken for the answer', () => {
    expect(afterSearch(searching, { kind: 'launched', job: job() }, NOW + 9, false)).toEqual(
      afterLaunch(searching, { kind: 'launched', job: job() }, NOW + 9),
    )
    const strayed = widened(true) as Extract<Launched, { kind: 'widened' }>
    expect(afterSearch(searching, strayed, NOW + 9, true)).toEqual(afterLaunch(searching, strayed, NOW + 9))
  })

  test('a job that is gone leaves the outcome unknown, and nothing is posted again', () => {
    expect(afterSearch(searching, { kind: 'vanished' }, NOW + 1e9, true)).toMatchObject({
      kind: 'ends',
      outcome: 'unknown',
    })
  })

  test('nothing found before the quiet period is over: it is searched again', () => {
    expect(afterSearch(searching, { kind: 'absent' }, NOW + 1e9, false)).toEqual({
      kind: 'goes_on',
      run: searching,
      news: null,
    })
  })

  test('nothing found after the whole quiet period: it is posted again, three times at most', () => {
    expect(afterSearch(searching, { kind: 'absent' }, NOW + 45_001, true)).toMatchObject({
      kind: 'goes_on',
      run: { status: 'planned', since: NOW + 45_001, message: 'reset' },
    })
    const last = { ...searching, attempts: MAX_ATTEMPTS }
    expect(afterSearch(last, { kind: 'absent' }, NOW + 45_001, true)).toMatchObject({
      kind: 'ends',
      outcome: 'refused',
      message: 'gave up after 3 attempts: reset',
    })
  })
})

describe('after a search that could not be made', () => {
  const asked = { id: uuid(9), by: 'bob', at: NOW }
  const cancelled = { ...run({ status: 'searching', since: NOW, message: 'reset' }), cancel: asked }
  const { cancel: _, ...searching } = cancelled
  const after = (of: Run, age: number, isQuiet = true) =>
    afterFailedSearch({ run: of, reason: 'no right', isQuiet }, PATIENCE, () => age)

  test.each<[string, Run, number, object]>([
    [
      'it is searched for again, and who may not wait gives it up',
      searching,
      PATIENCE.job,
      {
        kind: 'goes_on',
        run: { message: `its job can not be searched for: no right; or give it up: virtbridge runs cancel ${uuid(1)}` },
      },
    ],
    [
      'who cancelled it waits as long as for a job that is cancelled',
      cancelled,
      PATIENCE.cancel,
      {
        kind: 'goes_on',
        run: {
          message:
            'its job can not be searched for: no right; bob cancelled it, and it is given up 10 minutes after that',
        },
      },
    ],
    [
      'and then it holds nothing any more',
      cancelled,
      PATIENCE.cancel + 1,
      {
        kind: 'ends',
        outcome: 'unknown',
        message: 'bob cancelled it; whether it was launched could not be found out: no right',
      },
    ],
    [
      'nor when a job would have been cancelled for its age',
      searching,
      PATIENCE.job + 1,
      { kind: 'ends', outcome: 'unknown', message: 'whether it was launched could not be found out: no right' },
    ],
  ])('%s', (_name, of, age, next) => expect(after(of, age)).toMatchObject(next))

  test.each([cancelled, searching])('it is not given up before it was searched for over a whole quiet period', of =>
    expect(after(of, PATIENCE.job + 1, false)).toMatchObject({ kind: 'goes_on', run: { status: 'searching' } }),
  )

  test('the next one that is made says why it is searched for', () => {
    const failed = after(searching, 1)
    expect(afterSearch(failed.run, { kind: 'absent' }, NOW, false).run.message).toBe('its answer was lost')
    expect(afterSearch(failed.run, { kind: 'absent' }, NOW, true).run.message).toBe('its answer was lost')
  })
})

describe('after a look at its job', () => {
  const base = { status: 'following' as const, since: NOW, job: REF }
  const ended = job({ status: 'successful', ended: true })
  const { job: DAY, results, cancel } = PATIENCE
  const UNREAD = `its job can not be read, and it holds 1 VM: give the account of virtbridge Read on its template, or, when job ${REF.id} has ended at the controller, let go of it: virtbridge runs cancel ${uuid(1)}`
  const unreadable = { unread_at: NOW, message: UNREAD }
  const ASKED = { by: 'bob', at: NOW }
  const cases: [string, Partial<Run>, Followed | 'unanswered', number, string, Partial<Run>][] = [
    ['it runs', {}, job(), NOW + DAY, 'waits', {}],
    ['it runs too long', {}, job(), NOW + DAY + 1, 'overdue', {}],
    ['it was cancelled and still runs', { stopped_at: NOW }, job(), NOW + cancel, 'waits', {}],
    ['it was cancelled and runs on and on', { stopped_at: NOW }, job(), NOW + cancel + 1, 'lost', {}],
    ['it ended', {}, ended, NOW + 5, 'waits', { job_ended_at: NOW + 5 }],
    ['it ended long ago', { job_ended_at: NOW }, ended, NOW + results, 'waits', {}],
    ['its results never come', { job_ended_at: NOW }, ended, NOW + results + 1, 'done', {}],
    ['it ended and its results are in', {}, { ...ended, finished: true }, NOW, 'done', { job_ended_at: NOW }],
    [
      'it ended after it was cancelled',
      { stopped_at: NOW },
      { ...ended, finished: true },
      NOW,
      'done',
      { job_ended_at: NOW },
    ],
    [
      'it went back to the queue',
      { job_ended_at: NOW },
      job({ status: 'pending' }),
      NOW + 1,
      'waits',
      { job_ended_at: 0 },
    ],
    ['it is gone', {}, 'vanished', NOW, 'done', {}],
    ['it may not be read', {}, 'forbidden', NOW + DAY, 'waits', { unread_at: NOW + DAY, message: UNREAD }],
    ['it may not be read still', unreadable, 'forbidden', NOW + DAY, 'waits', {}],
    ['it may not be read for a day', unreadable, 'forbidden', NOW + DAY + 1, 'overdue', {}],
    ['it may not be read, and is let go of', { ...unreadable, let_go: ASKED }, 'forbidden', NOW + 1, 'lost', {}],
    ['it is let go of while nobody answers', { ...unreadable, let_go: ASKED }, 'unanswered', NOW + 1, 'waits', {}],
    ['it may not be read, and be cancelled', { ...unreadable, cancel: ASKED }, 'forbidden', NOW + cancel, 'waits', {}],
    ['it can not be cancelled either', { ...unreadable, cancel: ASKED }, 'forbidden', NOW + cancel + 1, 'lost', {}],
    ['nobody answers', { job_ended_at: NOW }, 'unanswered', NOW + DAY, 'waits', {}],
    ['nobody answers for a day', {}, 'unanswered', NOW + DAY + 1, 'overdue', {}],
    ['nobody answered the cancel either', { stopped_at: NOW }, 'unanswered', NOW + cancel + 1, 'lost', {}],
  ]

  test.each(cases)('%s', (...[, before, answer, now, kind, change]) => {
    const following = run({ ...base, ...before })
    expect(afterPoll(following, answer, now, PATIENCE)).toEqual({ kind, run: { ...following, ...change } })
  })

  test('that can be read again is as it was, and is not let go of', () => {
    const following = run(base)
    const unread = run({ ...base, ...unreadable, let_go: ASKED })
    expect(afterPoll(unread, job(), NOW, PATIENCE)).toEqual({ kind: 'waits', run: following })
    expect(afterPoll(unread, ended, NOW, PATIENCE).run).toEqual({ ...following, job_ended_at: NOW })
  })

  test('a run that did not change is the very same, so that nothing is written for it', () => {
    const following = run(base)
    expect(afterPoll(following, job(), NOW, PATIENCE).run).toBe(following)
  })
})
