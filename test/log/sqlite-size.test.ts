import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type Entry, type EventLog, type LogHealth, openSqliteLog, START } from '../../src/log/index.ts'
import type { SqliteLogOptions } from '../../src/log/index.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all } from './conformance.ts'

const YEAR_MS = 31_536_000_000
const MB = 1_048_576
const SOON = { timeout: 60_000, interval: 10 }

function open(folder: string, more: Partial<SqliteLogOptions> = {}): Promise<EventLog> {
  const file = join(folder, 'virtbridge.db')
  return openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS, ...more })
}

function sizeOf(folder: string, suffix = ''): number {
  return statSync(join(folder, `virtbridge.db${suffix}`)).size
}

/** `megabytes` of 10 KB events, of two streams in turn. */
async function fill(log: EventLog, megabytes: number): Promise<void> {
  const filler = 'x'.repeat(10_000)
  for (let n = 0; n < megabytes; n += 1) {
    await log.append(
      Array.from({ length: 100 }, (_, m): Entry => {
        const value = { n: n * 100 + m, filler }
        return m % 2 === 0
          ? { stream: 'events.vm', key: 'c/n/vm', value }
          : { stream: 'events.cluster', key: 'c', value }
      }),
    )
  }
}

async function oldest(log: EventLog, stream: Entry['stream']): Promise<number | undefined> {
  const [first] = await log.page(stream, START, 1)
  return (first?.value as { n: number } | undefined)?.n
}

test('beyond its size the oldest events go first, whatever their stream, and it says so; audit, commands and state stay', async () => {
  await using folder = await temporaryFolder()
  const told: LogHealth[] = []
  await using log = await open(folder.path, { maxBytes: 8 * MB, onHealth: health => told.push(health) })
  await log.append([
    { stream: 'events.day2', key: 'r', value: { n: 0 } },
    { stream: 'commands', key: 'c', value: { n: 0 } },
    { stream: 'state.fleet', key: 'c/n/vm', value: { n: 0 } },
  ])
  await fill(log, 40)
  // What was written since it was last looked at may come on top.
  await expect.poll(() => sizeOf(folder.path), SOON).toBeLessThan((8 + 16) * MB * 1.1 + 4 * MB)
  // Between two looks more may go.
  const apart = async (): Promise<number> =>
    Math.abs(((await oldest(log, 'events.vm')) ?? 0) - ((await oldest(log, 'events.cluster')) ?? 0))
  await expect.poll(apart, SOON).toBe(1)
  expect(await oldest(log, 'events.vm')).toBeGreaterThan(1_000)
  expect(await oldest(log, 'events.day2')).toBe(0)
  expect(await oldest(log, 'commands')).toBe(0)
  expect(await oldest(log, 'state.fleet')).toBe(0)
  const today = new Date().toISOString().slice(0, 10)
  const notice = `events up to ${today} went before their time, as the log may have 8 MB`
  await expect.poll(() => log.health(), SOON).toMatchObject({ writable: true, reason: '', notice })
  expect(told.map(health => health.notice)).toEqual([notice])
})

test('the audit alone may be larger than the log may be, which is told; it goes when the configuration says so', async () => {
  await using folder = await temporaryFolder()
  const filler = 'x'.repeat(10_000)
  {
    await using log = await open(folder.path)
    for (let n = 0; n < 400; n += 1) await log.append([{ stream: 'events.day2', key: 'r', value: { n, filler } }])
  }
  {
    await using log = await open(folder.path, { maxBytes: 2 * MB })
    await expect
      .poll(() => log.health().notice, SOON)
      .toMatch(/^the log has \d MB, more than the 2 MB that it may, and/)
    expect(await oldest(log, 'events.day2')).toBe(0)
    expect(log.health()).toMatchObject({ writable: true, reason: '' })
  }
  await using log = await open(folder.path, { maxBytes: 2 * MB, sizeTakesAudit: true })
  await expect.poll(() => oldest(log, 'events.day2'), SOON).toBeGreaterThan(100)
  expect((await all(log, 'events.day2')).length).toBeGreaterThan(100)
})

test('the room of what went is given back, in small steps between commits', async () => {
  await using folder = await temporaryFolder()
  {
    await using log = await open(folder.path)
    await fill(log, 30)
  }
  expect(sizeOf(folder.path)).toBeGreaterThan(28 * MB)
  await using log = await open(folder.path, { retentionMs: 0 })
  const appends: Promise<unknown>[] = []
  for (let n = 0; n < 20; n += 1) appends.push(log.append([{ stream: 'events.day2', key: 'r', value: { n } }]))
  await Promise.all(appends)
  await expect.poll(() => sizeOf(folder.path), SOON).toBeLessThan(10 * MB)
  expect(await all(log, 'events.day2')).toHaveLength(20)
})

test('the write-ahead log stays small under load, with a follower that reads all the time', async () => {
  await using folder = await temporaryFolder()
  await using log = await open(folder.path)
  const stop = new AbortController()
  let heard = 0
  const following = (async () => {
    for await (const _ of log.follow('events.vm', START, stop.signal)) heard += 1
  })()
  await fill(log, 60)
  await expect.poll(() => heard, SOON).toBe(3_000)
  expect(sizeOf(folder.path, '-wal')).toBeLessThan(32 * MB)
  stop.abort()
  await following
})

test('a reader that holds what it saw does not make the write-ahead log grow for ever: appends wait and say why, until it ends', async () => {
  await using folder = await temporaryFolder()
  const told: LogHealth[] = []
  await using log = await open(folder.path, { walBytes: 4 * MB, onHealth: health => told.push(health) })
  await fill(log, 1)
  const reader = new DatabaseSync(join(folder.path, 'virtbridge.db'), { readOnly: true })
  reader.exec('BEGIN; SELECT count(*) FROM events_vm')
  const filling = fill(log, 10)
  await expect.poll(() => told.length, SOON).toBe(1)
  expect(told[0]).toMatchObject({
    writable: false,
    reason: expect.stringMatching(/another program has read the log .* end that program/) as string,
  })
  expect(sizeOf(folder.path, '-wal')).toBeLessThan(6 * MB)
  reader.close()
  await filling
  expect(log.health()).toMatchObject({ writable: true, reason: '' })
  expect(await all(log, 'events.vm')).toHaveLength(550)
  expect(sizeOf(folder.path, '-wal')).toBeLessThan(8 * MB)
})
