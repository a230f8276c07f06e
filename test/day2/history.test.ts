import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { followHistory, History, newRun } from '../../src/day2/index.ts'
import { LOOKED_ROWS } from '../../src/day2/history.ts'
import { finished } from '../../src/day2/record.ts'
import { Ledger } from '../../src/day2/ledger.ts'
import { type Entry, type EventLog, LogError, type Stored } from '../../src/log/index.ts'
import { openLog } from '../cluster/bridge.ts'
import { appending } from '../support/appending.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { guest, hostOf, meant, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const DAY = 86_400_000

/** The entries of the day-2 stream of a run on some hosts that ended `minutes` after eight o'clock. */
function told(
  number: number,
  hosts: readonly string[],
  minutes = number,
  verb: 'patch' | 'onboard' = 'patch',
): Entry[] {
  const now = NOW + minutes * 60_000
  const wish = { id: uuid(number), verb, template: 'T', askedBy: 'ops', reason: '' }
  const run = newRun({ ...wish, hosts: hosts.map(name => meant(guest(name))) }, now)
  const outcomes = new Map(
    hosts.map((name, index) => [hostOf(name), { outcome: index === 0 ? 'ok' : 'failed', detail: 'd' } as const]),
  )
  return finished(run, outcomes, '', { ledger: new Ledger(), now }).entries.filter(
    entry => entry.stream === 'events.day2',
  )
}

function stored(entries: readonly Entry[], from = 1): readonly Stored[] {
  return entries.map((entry, index) => ({ ...entry, position: String(from + index), at: NOW }))
}

describe('the index of what was done', () => {
  test('has one row for each host of each run, newest first, and none for the run itself', () => {
    using history = new History(null)
    history.add(stored([...told(1, ['web-1', 'web-2']), ...told(2, ['web-1'])]))
    expect(history.page({ limit: 10 }).rows.map(row => [row.run, row.host, row.outcome])).toEqual([
      [uuid(2), hostOf('web-1'), 'ok'],
      [uuid(1), hostOf('web-2'), 'failed'],
      [uuid(1), hostOf('web-1'), 'ok'],
    ])
    expect(history.page({ limit: 1 }).rows[0]).toMatchObject({
      key: 'prod-1/shop/web-1',
      verb: 'patch',
      asked_by: 'ops',
      at: NOW + 120_000,
    })
  })

  test('has what was told before it was told why a run was allowed', () => {
    using history = new History(null)
    const old = structuredClone(told(1, ['web-1']))
    for (const { value } of old) {
      const { run } = (value as { data: { run: Record<string, unknown> } }).data
      for (const later of ['asked_because', 'trigger', 'allowed_by', 'attempts']) delete run[later]
    }
    history.add(stored(old))
    const none = { asked_because: '', trigger: '', allowed_by: '', attempts: 0 }
    expect(history.page({ limit: 10 }).rows).toMatchObject([{ run: uuid(1), asked_by: 'ops', ...none }])
  })

  test('says the same when it is told the same again', () => {
    using history = new History(null)
    history.add(stored(told(1, ['web-1', 'web-2'])))
    const before = history.page({ limit: 10 }).rows
    history.again()
    history.add(stored(told(1, ['web-1', 'web-2'])))
    expect(history.page({ limit: 10 }).rows).toEqual(before)
    expect(history.position).toBe('3')
  })

  test.each<[string, object, readonly number[]]>([
    ['of one host', { host: hostOf('web-1') }, [3, 2, 1]],
    ['of one run', { run: uuid(1) }, [1, 1]],
    ['of one verb', { verb: 'onboard' }, [3]],
    ['of one outcome', { outcome: 'failed' }, [1]],
    ['of nobody', { asked_by: 'eve' }, []],
    ['since then', { since: NOW + 2 * 60_000 }, [3, 2]],
    ['until then', { until: NOW + 2 * 60_000 }, [1, 1]],
    ['of all of these', { host: hostOf('web-1'), verb: 'patch', since: NOW + 1, until: NOW + 2 * 60_000 }, [1]],
  ])('answers %s', (_, question, runs) => {
    using history = new History(null)
    history.add(stored([...told(1, ['web-1', 'web-2']), ...told(2, ['web-1']), ...told(3, ['web-1'], 3, 'onboard')]))
    expect(history.page({ ...question, limit: 10 }).rows.map(row => row.run)).toEqual(runs.map(uuid))
  })

  test('is read page by page, each row once, also when several were told in the same moment', () => {
    using history = new History(null)
    const names = Array.from({ length: 25 }, (_, index) => `web-${index}`)
    history.add(stored(told(1, names)))
    const seen: string[] = []
    for (let after: string | undefined; ;) {
      const page = history.page({ limit: 10, ...(after === undefined ? {} : { after }) }).rows
      seen.push(...page.map(row => row.host))
      if (page.length < 10) break
      after = page.at(-1)?.cursor
    }
    expect(seen.toSorted()).toEqual(names.map(hostOf).toSorted())
  })

  test('a question that no index leads to looks through so many results and no more, and the next page goes on behind them', () => {
    using history = new History(null)
    const names = Array.from({ length: 5_000 }, (_, index) => `web-${index}`)
    history.add(stored(told(1, ['odd-1'], 1, 'onboard')))
    for (const number of [2, 3, 4, 5]) history.add(stored(told(number, names)))
    const first = history.page({ verb: 'onboard', limit: 10 })
    expect(first).toEqual({ rows: [], next: `${NOW + 2 * 60_000}-2` })
    const second = history.page({ verb: 'onboard', limit: 10, after: first.next })
    expect([second.rows.map(row => row.run), second.next]).toEqual([[uuid(1)], ''])
    expect(LOOKED_ROWS).toBe(4 * names.length)
  })

  test('is kept to an age and to a size: the oldest go first', () => {
    using history = new History(null, 3)
    history.add(
      stored([
        ...told(1, ['web-1']),
        ...told(2, ['web-1']),
        ...told(3, ['web-1']),
        ...told(4, ['web-1']),
        ...told(5, ['web-1']),
      ]),
    )
    history.prune(NOW + 2 * 60_000)
    expect(history.page({ limit: 10 }).rows.map(row => row.run)).toEqual([5, 4, 3].map(uuid))
    history.prune(NOW + 5 * 60_000)
    expect(history.page({ limit: 10 }).rows.map(row => row.run)).toEqual([uuid(5)])
  })

  test('in a file goes on where it was; one that is broken or of another version is made anew', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'history')
    {
      using history = new History(file)
      history.add(stored(told(1, ['web-1'])))
    }
    {
      using history = new History(file)
      expect([history.page({ limit: 10 }).rows.length, history.position]).toEqual([1, '2'])
    }
    writeFileSync(file, 'this is no database, and was never one: it is too short and begins wrong')
    using history = new History(file)
    expect([history.page({ limit: 10 }).rows.length, history.position]).toEqual([0, '0'])
  })
})

describe('it follows the stream', () => {
  test('and is made anew from the stream when it is not there, or when the log is another one', async () => {
    await using folder = await temporaryFolder()
    await using log = await openLog(folder.path)
    await log.append(told(1, ['web-1', 'web-2']))
    for (const position of ['0', 'k5.6', '999999']) {
      using history = new History(null)
      history.add([{ ...stored(told(9, ['web-9']))[0], position } as Stored])
      const stopping = new AbortController()
      const following = followHistory(history, {
        log,
        now: () => NOW,
        keepMs: DAY,
        signal: stopping.signal,
        tell: () => undefined,
      })
      await expect.poll(() => history.page({ run: uuid(1), limit: 10 }).rows.length).toBe(2)
      const number = 20 + position.length
      await log.append(told(number, ['web-3']))
      await expect
        .poll(() => history.page({ host: hostOf('web-3'), limit: 10 }).rows.map(row => row.run))
        .toContain(uuid(number))
      stopping.abort()
      await following
    }
  })

  test('and forgets nothing that the log still has, however far the clock is set ahead', async () => {
    await using folder = await temporaryFolder()
    await using log = await openLog(folder.path)
    await log.append(told(1, ['web-1']))
    using history = new History(null)
    const stopping = new AbortController()
    const parts = { log, keepMs: DAY, signal: stopping.signal, tell: () => undefined }
    let now = NOW + 5_000 * DAY
    const following = followHistory(history, { ...parts, now: () => (now += DAY) })
    await expect.poll(() => history.page({ limit: 10 }).rows.length).toBe(1)
    await log.append(told(2, ['web-2']))
    await log.append(told(3, ['web-3']))
    await expect.poll(() => history.position).toBe(log.end('events.day2'))
    stopping.abort()
    await following
    expect(history.page({ limit: 10 }).rows.map(({ host }) => host)).toEqual(['web-3', 'web-2', 'web-1'].map(hostOf))
  })

  test('and waits for a log that can not be read', async () => {
    await using folder = await temporaryFolder()
    await using log = await openLog(folder.path)
    await log.append(told(1, ['web-1']))
    let unread = 2
    const seldom: EventLog = {
      ...appending(log, entries => log.append(entries)),
      page: (...asked) =>
        unread-- > 0 ? Promise.reject(new LogError('retry', 'Kafka does not answer reads')) : log.page(...asked),
    }
    using history = new History(null)
    const stopping = new AbortController()
    const parts = { now: () => NOW, keepMs: DAY, signal: stopping.signal, tell: () => undefined }
    const following = followHistory(history, { log: seldom, ...parts })
    await expect.poll(() => history.page({ run: uuid(1), limit: 10 }).rows.length).toBe(1)
    stopping.abort()
    await following
  })

  test('and says how far it is while it is made anew of very many', async () => {
    await using folder = await temporaryFolder()
    await using log = await openLog(folder.path)
    const [entry] = told(1, ['web-1']) as [Entry]
    for (let n = 0; n < 51; n += 1) await log.append(Array.from({ length: 1_000 }, () => entry))
    using history = new History(null)
    const stopping = new AbortController()
    const progress: number[] = []
    const following = followHistory(history, {
      log,
      now: () => NOW,
      keepMs: DAY,
      signal: stopping.signal,
      tell: results => progress.push(results),
    })
    await expect.poll(() => history.position, { timeout: 60_000 }).toBe(log.end('events.day2'))
    expect(progress).toEqual([50_000])
    stopping.abort()
    await following
  })
})
