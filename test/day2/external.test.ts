import { describe, expect, test } from 'vitest'
import type { Job } from '../../src/aap/index.ts'
import { Ledger, type Run, type RunHost } from '../../src/day2/index.ts'
import { END_RECORDS } from '../../src/day2/book.ts'
import { externalId, externalRun, isExternal, lookFrom, reachOf } from '../../src/day2/external.ts'
import { finished } from '../../src/day2/record.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { cluster, guest, hostOf, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const fleet = new Fleet()
fleet.apply({ key: 'prod-1', value: cluster() })
for (const name of ['web-1', 'web-2']) fleet.apply({ key: vmKey(guest(name)), value: guest(name) })
const [one, two] = ['web-1', 'web-2'].map(hostOf)

describe('what a limit of others reaches', () => {
  test.each<[string, readonly (string | undefined)[], boolean]>([
    [`${one}`, [one], false],
    [`${one},${two}`, [one, two], false],
    [` ${one} : ${one} `, [one], false],
    ['localhost', [], false],
    ['virtbridge-no-default-limit', [], false],
    ['', [], true],
    [' , ', [], true],
    ['all', [], true],
    ['*', [], true],
    ['web*', [], true],
    ['~web-[0-9]', [], true],
    ['cluster_prod_1', [], true],
    [`${one},!${two}`, [], true],
    [`${one}:&os_rhel`, [], true],
    ['cluster_prod_1[0:9]', [], true],
    [`${one},a-host-of-theirs`, [], true],
    ['@/tmp/retry', [], true],
  ])('%j', (limit, hosts, whole) => {
    const reach = reachOf(limit, fleet)
    expect([reach.hosts.map(host => host.host), reach.whole]).toEqual([hosts, whole])
  })
})

function job(more: Partial<Job> = {}): Job {
  return {
    id: 7,
    type: 'job',
    url: '/api/v2/jobs/7/',
    name: 'Day2 | Patch',
    status: 'running',
    ended: false,
    finished: false,
    explanation: '',
    limit: one ?? '',
    skipTags: '',
    inventory: 3,
    template: 12,
    launchType: 'manual',
    launchedBy: 'alice',
    created: '2026-11-21T08:00:00Z',
    started: '',
    finishedAt: '',
    artifacts: {},
    ...more,
  }
}

/** A run of the bridge itself, by default of that job. */
function ours(more: Partial<Run>): Run {
  const { external: _, ...plain } = externalRun(job(), { fleet, verbs: new Map(), reason: '' }, NOW)
  return { ...plain, ...more }
}

describe('a job is of others', () => {
  const mark = `virtbridge-${uuid(5).replaceAll('-', '')}`
  test.each<[string, Partial<Job>, boolean]>([
    ['that carries no marker', {}, true],
    ['that carries tags of their own', { skipTags: 'slow,virtbridge-mine' }, true],
    ['that carries the marker of a launch whose answer is under way', { skipTags: `slow,${mark}` }, false],
    ['that runs with a marker that nobody here made', { skipTags: `virtbridge-${'0'.repeat(32)}` }, true],
    ['that ran with one', { skipTags: `virtbridge-${'0'.repeat(32)}`, status: 'failed', ended: true }, false],
    ['that was made from one of ours', { skipTags: mark, launchType: 'relaunch' }, true],
    ['that is scheduled like one of ours', { skipTags: mark, launchType: 'scheduled' }, true],
  ])('%s: %s', (_, more, external) => {
    const ledger = new Ledger()
    ledger.apply({ key: `run/${uuid(5)}`, value: ours({ id: uuid(5), status: 'posting', job: null }) })
    expect(isExternal(job(more), ledger)).toBe(external)
  })

  test('that carries our marker while the launch it was taken from has another job, or none any more', () => {
    for (const more of [{ job: { id: 5, url: '' } }, { job: null, status: 'finished' as const }]) {
      const ledger = new Ledger()
      ledger.apply({ key: `run/${uuid(5)}`, value: ours({ id: uuid(5), ...more }) })
      expect(isExternal(job({ skipTags: mark }), ledger)).toBe(true)
    }
  })

  test('that has the number of one of ours at a controller that began anew', () => {
    const ledger = new Ledger()
    ledger.apply({ key: `run/${uuid(5)}`, value: ours({ id: uuid(5), status: 'finished' }) })
    expect(isExternal(job(), ledger)).toBe(true)
    expect(isExternal(job({ skipTags: mark, ended: true, status: 'failed' }), ledger)).toBe(false)
  })

  test('unless it is on our record, whatever it carries', () => {
    const ledger = new Ledger()
    const theirs = externalRun(job(), { fleet, verbs: new Map(), reason: '' }, NOW)
    ledger.apply({ key: `run/${theirs.id}`, value: ours({ id: theirs.id }) })
    expect(isExternal(job(), ledger)).toBe(false)
    ledger.apply({ key: `run/${theirs.id}`, value: theirs })
    expect(isExternal(job(), ledger)).toBe(true)
  })

  test('and has the same run at every look, but another at a controller that began anew', () => {
    expect(externalId(job())).toBe(externalId(job({ status: 'successful' })))
    expect(externalId(job())).not.toBe(externalId(job({ created: '2026-11-22T08:00:00Z' })))
    expect(externalId(job())).not.toBe(externalId(job({ id: 8 })))
  })

  test('and what its author wrote is plain text in its run', () => {
    const { template, asked_by, external } = externalRun(
      job({ name: 'a\u0007b', launchedBy: 'eve\n', limit: 'x'.repeat(1_000) }),
      { fleet, verbs: new Map(), reason: '' },
      NOW,
    )
    expect([template, asked_by].map(text => text.includes('\u0007') || text.includes('\n'))).toEqual([false, false])
    expect(external?.limit.length).toBeLessThanOrEqual(256)
  })
})

describe('a job of break glass', () => {
  const runOf = (more: Partial<Job>): Run =>
    externalRun(job(more), { fleet, verbs: new Map([['Fix', 'patch']]), reason: 'launched from the controller' }, NOW)

  test.each([
    ['Break glass | Patch', 'patch'],
    ['Break glass | Ssh Keys', 'ssh_keys'],
    ['Fix', 'patch'],
    ['Break glass', ''],
    ['Break glass | ', ''],
    ['Break glass | patch it all', ''],
    ['Nightly Break glass | Patch', ''],
  ])('from the template %j does %j', (name, verb) => {
    expect(runOf({ name }).verb).toBe(verb)
  })

  test('is on record with why it was done, as plain text', () => {
    expect(runOf({}).reason).toBe('launched from the controller')
    expect(runOf({ breakGlass: 'the bridge\u0007 is down' }).reason).toBe('break glass: the bridge  is down')
    expect(runOf({ breakGlass: 'x'.repeat(1_000) }).reason).toHaveLength(256)
  })

  test('that ran while nobody looked does not speak over one that ran after it, in whatever order they are told', () => {
    for (const order of [
      [7, 8],
      [8, 7],
    ]) {
      const ledger = new Ledger()
      for (const id of order) {
        const run = runOf({ id, name: 'Break glass | Patch' })
        const outcome = id === 8 ? ('ok' as const) : ('failed' as const)
        const end = finished(run, new Map([[one ?? '', { outcome, detail: '' }]]), '', { ledger, now: NOW })
        for (const entry of end.entries) if (entry.stream === 'state.runs') ledger.apply(entry)
      }
      expect(ledger.verb('uid-web-1', 'patch')?.status, order.join()).toBe('ok')
    }
  })

  test('that only looked is a dry run, which did nothing to its VM', () => {
    expect([runOf({}).check, runOf({ check: true }).check]).toEqual([undefined, true])
    const run = runOf({ check: true })
    const { entries } = finished(run, new Map([[run.hosts[0]?.host ?? '', { outcome: 'ok', detail: '' }]]), '', {
      ledger: new Ledger(),
      now: NOW,
    })
    expect(entries.filter(({ key }) => key.startsWith('vm/'))).toEqual([])
  })
})

describe('the next look begins', () => {
  const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()
  test.each<[string, readonly (readonly [number, number])[], boolean, number]>([
    ['where it did, while nothing new is there', [], false, 10],
    ['where it did, while what is new may have been overtaken', [[12, 0]], false, 10],
    [
      'behind what is older than anything that comes late',
      [
        [12, 0],
        [13, 50],
        [14, 100],
      ],
      false,
      13,
    ],
    [
      'before what came late',
      [
        [11, 100],
        [12, 0],
        [14, 101],
      ],
      false,
      12,
    ],
    [
      'behind all of them, when so many came at once that none is old',
      [
        [11, 0],
        [12, 1],
      ],
      true,
      12,
    ],
  ])('%s', (_, found, more, from) => {
    const jobs = found.map(([id, seconds]) => ({ id, created: at(seconds) }))
    expect(lookFrom(jobs, more, 10, 45_000)).toBe(from)
  })
})

test('an end of thousands of hosts is written in parts, results first, and the run does not name them all', () => {
  const hosts = Array.from({ length: 2_000 }, (_, index): RunHost => {
    return { host: `h-${index}`, key: `c/n/h-${index}`, uid: `u-${index}`, address: '' }
  })
  const run: Run = {
    ...externalRun(job({ limit: '' }), { fleet, verbs: new Map([['Day2 | Patch', 'patch']]), reason: '' }, NOW),
    hosts,
  }
  const end = finished(run, new Map(hosts.map(({ host }) => [host, { outcome: 'ok', detail: '' }])), '', {
    ledger: new Ledger(),
    now: NOW,
  })
  expect(end.entries).toHaveLength(3 * 2_000 + 2)
  expect(end.entries.length).toBeGreaterThan(END_RECORDS)
  const last = end.entries.at(-1)
  expect(last?.key).toBe(`run/${run.id}`)
  expect(last?.value).toMatchObject({ counts: { ok: 2_000 }, outcome: 'ok' })
  expect(last?.value).toHaveProperty('hosts.length', 500)
})
