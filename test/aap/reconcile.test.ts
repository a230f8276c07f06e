import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reconcile, strangers, type Followed, type HostSummary, type Job } from '../../src/aap/index.ts'

const NOTHING = { ok: 0, changed: 0, failures: 0, dark: 0, skipped: 0, rescued: 0, ignored: 0, failed: false }
const summary = (host: string, counts: Partial<HostSummary>): HostSummary => ({ host, ...NOTHING, ...counts })

function job(changes: Partial<Job>): Job {
  const none = {
    name: 'Patch',
    explanation: '',
    limit: 'a',
    skipTags: '',
    launchType: 'manual',
    launchedBy: '',
    created: '',
    started: '',
    finishedAt: '',
  }
  const ended = { status: 'successful', ended: true, finished: true }
  return {
    id: 1,
    type: 'job',
    url: '/api/v2/jobs/1/',
    inventory: 3,
    template: 12,
    artifacts: {},
    ...none,
    ...ended,
    ...changes,
  }
}

const failed = job({ status: 'failed' })

describe('one host of a job', () => {
  test.each<[string, Followed, HostSummary[], string]>([
    ['with tasks done is ok', job({}), [summary('a', { ok: 3, changed: 1 })], 'ok'],
    ['with everything skipped is ok', job({}), [summary('a', { skipped: 2 })], 'ok'],
    ['whose failure was rescued is ok', job({}), [summary('a', { ok: 1, rescued: 1 })], 'ok'],
    [
      'with a failed task is failed, though the job succeeded',
      job({}),
      [summary('a', { ok: 9, failures: 1 })],
      'failed',
    ],
    ['that could not be reached is unreachable', failed, [summary('a', { dark: 1 })], 'unreachable'],
    ['that failed and was then lost is failed', failed, [summary('a', { failures: 1, dark: 1 })], 'failed'],
    ['that is only marked failed is failed', failed, [summary('a', { ok: 1, failed: true })], 'failed'],
    ['that did well in a failed job is ok', failed, [summary('a', { ok: 1 }), summary('b', { failures: 1 })], 'ok'],
    ['on which no task ran is unknown', job({}), [summary('a', {})], 'unknown'],
    [
      'in two summaries is as bad as the worse',
      failed,
      [summary('a', { failures: 1 }), summary('a', { ok: 2 })],
      'failed',
    ],
    ['without a summary of a successful job is missing', job({}), [summary('b', { ok: 1 })], 'missing'],
    ['of a successful job that ran nowhere is missing', job({}), [], 'missing'],
    [
      'without a summary is unknown while results may come',
      job({ finished: false }),
      [summary('b', { ok: 1 })],
      'unknown',
    ],
    [
      'without a summary of a failed job that ran elsewhere is missing',
      failed,
      [summary('b', { failures: 1 })],
      'missing',
    ],
    ['of a failed job that ran nowhere is unknown', failed, [], 'unknown'],
    [
      'of a cancelled job is unknown, whatever its summary',
      job({ status: 'canceled' }),
      [summary('a', { ok: 1 })],
      'unknown',
    ],
    ['of a job in error is unknown', job({ status: 'error' }), [], 'unknown'],
    [
      'of a timed-out job is unknown',
      job({ status: 'failed', explanation: 'Job terminated due to timeout' }),
      [summary('a', { ok: 1 })],
      'unknown',
    ],
    ['of a running job is unknown', job({ status: 'running', ended: false, finished: false }), [], 'unknown'],
    [
      'of a job in a status nobody knows is unknown',
      job({ status: 'paused', ended: false, finished: false }),
      [summary('a', { ok: 1 })],
      'unknown',
    ],
    ['of a vanished job is unknown', 'vanished', [], 'unknown'],
    ['of a job we may not read is unknown', 'forbidden', [], 'unknown'],
  ])('%s', (_, followed, summaries, outcome) => {
    const result = reconcile(['a'], followed, summaries)
    expect([...result.keys()]).toEqual(['a'])
    expect(result.get('a')?.outcome).toBe(outcome)
    expect(result.get('a')?.detail).not.toBe('')
  })

  test('that was changed says so', () => {
    expect(
      reconcile(['a', 'b'], job({}), [summary('a', { ok: 1, changed: 1 }), summary('b', { ok: 1 })]),
    ).toMatchObject(
      new Map([
        ['a', { changed: true }],
        ['b', { changed: false }],
      ]),
    )
  })

  test('gives the controller’s reason for what is unknown', () => {
    const stuck = job({
      status: 'error',
      explanation: 'Task was marked as running but was not present in the job queue',
    })
    expect(reconcile(['a'], stuck, []).get('a')?.detail).toContain('not present in the job queue')
  })
})

const counts = fc.record({
  ok: fc.nat(3),
  changed: fc.nat(3),
  failures: fc.nat(2),
  dark: fc.nat(2),
  skipped: fc.nat(2),
  rescued: fc.nat(1),
  ignored: fc.nat(1),
  failed: fc.boolean(),
})
const hostName = fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f')
const anyJob: fc.Arbitrary<Followed> = fc.oneof(
  fc.constantFrom<Followed>('vanished', 'forbidden'),
  fc
    .record({
      status: fc.constantFrom('pending', 'running', 'successful', 'failed', 'error', 'canceled'),
      finished: fc.boolean(),
    })
    .map(({ status, finished }) => {
      const ended = ['successful', 'failed', 'error', 'canceled'].includes(status)
      return job({ status, ended, finished: ended && finished })
    }),
)

test('every host that was asked for has exactly one outcome, none that was not, and ok is never without a good summary', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hostName), anyJob, fc.array(fc.tuple(hostName, counts)), (asked, followed, given) => {
      const summaries = given.map(([host, count]) => summary(host, count))
      const result = reconcile(asked, followed, summaries)
      expect([...result.keys()].sort()).toEqual([...asked].sort())
      for (const [host, { outcome }] of result) {
        expect(['ok', 'failed', 'unreachable', 'missing', 'unknown']).toContain(outcome)
        const own = summaries.filter(each => each.host === host)
        const good = own.length > 0 && own.every(each => each.failures + each.dark === 0 && !each.failed)
        expect(outcome === 'ok' ? good : true).toBe(true)
        expect(outcome === 'missing' ? own : []).toEqual([])
      }
      expect(strangers(asked, summaries).every(host => !asked.includes(host))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('a host that the job ran on and nobody asked for is named', () => {
  expect(strangers(['a'], [summary('a', { ok: 1 }), summary('z', { ok: 1 }), summary('z', { ok: 1 })])).toEqual(['z'])
})
