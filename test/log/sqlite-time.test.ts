import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test, vi } from 'vitest'
import { type EventLog, openSqliteLog } from '../../src/log/index.ts'
import type { SqliteLogOptions } from '../../src/log/index.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all } from './conformance.ts'

const YEAR_MS = 31_536_000_000
const DAY_MS = 86_400_000
const SOON = { timeout: 60_000, interval: 10 }

afterEach(() => vi.useRealTimers())

function open(folder: string, more: Partial<SqliteLogOptions> = {}): Promise<EventLog> {
  const file = join(folder, 'virtbridge.db')
  return openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS, ...more })
}

test('a start years after all that is stored takes nothing, the audit neither, and says why', async () => {
  await using folder = await temporaryFolder()
  {
    await using log = await open(folder.path)
    await log.append([
      { stream: 'events.vm', key: 'c/n/vm', value: { n: 0 } },
      { stream: 'events.day2', key: 'r', value: { n: 0 } },
    ])
  }
  const db = new DatabaseSync(join(folder.path, 'virtbridge.db'))
  for (const table of ['events_vm', 'events_day2']) db.prepare(`UPDATE ${table} SET at = at - ?`).run(14 * YEAR_MS)
  db.exec("DELETE FROM mark WHERE name = 'time'")
  db.close()
  await using log = await open(folder.path)
  await expect.poll(() => log.health().notice, SOON).toMatch(/^the clock of this machine is 5110 days ahead of /)
  expect(await all(log, 'events.vm')).toHaveLength(1)
  expect(await all(log, 'events.day2')).toHaveLength(1)
})

test.each(['events.vm', 'events.cluster', 'state.fleet'] as const)(
  'a log that never said up to when it saw time pass goes by its newest entry, as of %s',
  async stream => {
    await using folder = await temporaryFolder()
    {
      await using log = await open(folder.path)
      await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: 0 } }])
      await log.append([{ stream, key: 'c', value: { n: 1 } }])
    }
    const db = new DatabaseSync(join(folder.path, 'virtbridge.db'))
    db.prepare('UPDATE events_vm SET at = at - ? WHERE seq = 1').run(YEAR_MS / 2)
    db.exec("DELETE FROM mark WHERE name = 'time'")
    db.close()
    await using log = await open(folder.path)
    expect(log.health().notice).toBe('')
  },
)

/** The clocks of a machine that a test sets. */
class Machine {
  wall = Date.now()
  passed = 0
  readonly clocks = { now: () => this.wall, steady: () => this.passed }

  pass(ms: number): void {
    this.wall += ms
    this.passed += ms
  }
}

/** Stores an event more of the stream, and waits until it was looked at what is kept. */
async function look(log: EventLog, n: number, notice: RegExp): Promise<void> {
  await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n } }])
  await expect.poll(() => log.health().notice, SOON).toMatch(notice)
}

function numbers(entries: Awaited<ReturnType<typeof all>>): readonly unknown[] {
  return entries.map(({ value }) => (value as { n: number }).n)
}

test('a clock that is set years ahead takes nothing from a log that is open, nor at the next start; what is set right is told no more', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  const { clocks } = machine
  {
    await using log = await open(folder.path, { clocks })
    await log.append([{ stream: 'events.day2', key: 'r', value: { n: 0 } }])
    await look(log, 0, /^$/)
    machine.wall += 14 * YEAR_MS
    machine.passed += 60_000
    await look(log, 1, /^the clock of this machine is 5110 days ahead/)
  }
  {
    await using log = await open(folder.path, { clocks })
    await look(log, 2, /^the clock of this machine is 5110 days ahead/)
    machine.wall -= 14 * YEAR_MS
    machine.passed += 60_000
    await look(log, 3, /^$/)
  }
  await using log = await open(folder.path, { clocks })
  expect(numbers(await all(log, 'events.vm'))).toEqual([0, 1, 2, 3])
  expect(await all(log, 'events.day2')).toHaveLength(1)
})

test('what is past its time goes when the clock has said so for three days', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  await using log = await open(folder.path, { clocks: machine.clocks })
  await look(log, 0, /^$/)
  machine.wall += 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 1, /days ahead/)
  machine.pass(3 * DAY_MS)
  await look(log, 2, /^$/)
  await expect.poll(async () => numbers(await all(log, 'events.vm')), SOON).toEqual([1, 2])
})

test('what was stored under a clock that stood in the past goes no sooner than what was stored before it', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  const start = machine.wall
  await using log = await open(folder.path, { clocks: machine.clocks })
  await look(log, 0, /^$/)
  machine.wall = 0
  machine.passed += 60_000
  await look(log, 1, /days behind/)
  machine.wall = start + YEAR_MS
  machine.passed += YEAR_MS
  await look(log, 2, /^$/)
  expect(numbers(await all(log, 'events.vm'))).toEqual([0, 1, 2])
  machine.pass(60_001)
  await look(log, 3, /^$/)
  await expect.poll(async () => numbers(await all(log, 'events.vm')), SOON).toEqual([2, 3])
})

test('nor does it take along what is not past its time', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  const start = machine.wall
  await using log = await open(folder.path, { clocks: machine.clocks })
  await look(log, 0, /^$/)
  machine.pass(YEAR_MS / 2)
  await look(log, 1, /^$/)
  machine.wall = 0
  machine.passed += 60_000
  await look(log, 2, /days behind/)
  machine.wall = start + YEAR_MS / 2 + 60_000
  machine.pass(YEAR_MS / 2)
  await look(log, 3, /^$/)
  await expect.poll(async () => numbers(await all(log, 'events.vm')), SOON).toEqual([1, 2, 3])
})

test('what was stored under a clock that stood in the future holds up nothing that was stored after it', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  await using log = await open(folder.path, { clocks: machine.clocks })
  machine.wall += 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 0, /days ahead/)
  machine.wall -= 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 1, /^$/)
  machine.pass(YEAR_MS + 60_001)
  await look(log, 2, /^$/)
  await expect.poll(async () => numbers(await all(log, 'events.vm')), SOON).toEqual([2])
})

test('what came after many from a time to come goes when it is time, however few it is', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  await using log = await open(folder.path, { clocks: machine.clocks })
  machine.wall += 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 0, /days ahead/)
  for (let n = 1; n < 5; n += 1) await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n } }])
  machine.wall -= 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 5, /^$/)
  machine.pass(YEAR_MS + 60_001)
  await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: 6 } }])
  await expect.poll(async () => numbers(await all(log, 'events.vm')), SOON).toEqual([6])
})

test('where the audit alone is kept for one day, half a day is far off too', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  const more = { clocks: machine.clocks, auditRetentionMs: DAY_MS }
  {
    await using log = await open(folder.path, more)
    await log.append([{ stream: 'events.day2', key: 'r', value: { n: 0 } }])
    await look(log, 0, /^$/)
  }
  machine.wall += DAY_MS * 0.9
  await using log = await open(folder.path, more)
  await look(log, 1, /hours ahead/)
  expect(log.health().notice).toMatch(/^the clock of this machine is 22 hours ahead/)
})

test('what is told of events that went for their size names no day to come', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  const today = new Date(machine.wall).toISOString().slice(0, 10)
  await using log = await open(folder.path, { clocks: machine.clocks, maxBytes: 1_048_576 })
  await look(log, 0, /^$/)
  machine.wall += 14 * YEAR_MS
  const filler = 'x'.repeat(1_000_000)
  for (let n = 1; n < 9; n += 1) await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n, filler } }])
  machine.wall -= 14 * YEAR_MS
  machine.passed += 60_000
  await look(log, 9, /went before their time/)
  expect(log.health().notice).toMatch(`events up to ${today} went`)
})

test('a log that says of its time what nobody can read is not opened, and not held', async () => {
  await using folder = await temporaryFolder()
  await (await open(folder.path))[Symbol.asyncDispose]()
  const db = new DatabaseSync(join(folder.path, 'virtbridge.db'))
  db.exec("INSERT OR REPLACE INTO mark VALUES ('time', 'soon')")
  await expect(open(folder.path)).rejects.toMatchObject({ code: 'log_open' })
  db.exec("DELETE FROM mark WHERE name = 'time'")
  db.close()
  await (await open(folder.path))[Symbol.asyncDispose]()
})

test('a log in which nothing is stored sees time pass too, and is right about the clock at the next start', async () => {
  await using folder = await temporaryFolder()
  const machine = new Machine()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  {
    await using log = await open(folder.path, { clocks: machine.clocks })
    await look(log, 0, /^$/)
    machine.pass(2 * DAY_MS)
    vi.advanceTimersByTime(60_000)
    await expect.poll(() => savedIn(folder.path), SOON).toBe(machine.wall)
  }
  await using log = await open(folder.path, { clocks: machine.clocks })
  expect(log.health().notice).toBe('')
})

/** Up to when the log in this folder has stored that it saw time pass. */
function savedIn(folder: string): number {
  using stack = new DisposableStack()
  const db = new DatabaseSync(join(folder, 'virtbridge.db'), { readOnly: true })
  stack.defer(() => db.close())
  const mark = db.prepare("SELECT value FROM mark WHERE name = 'time'").get()
  return (JSON.parse(String(mark?.['value'] ?? '{"at":0}')) as { at: number }).at
}
