import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { Fault } from '../../src/errors.ts'
import { type EventLog, type LogHealth, openSqliteLog, type RecordOptions } from '../../src/log/index.ts'
import { History } from '../../src/day2/index.ts'
import { Duplicate } from '../../src/log/sqlite/duplicate.ts'
import { networkFileSystem } from '../../src/log/sqlite/lock.ts'
import { WriterThread } from '../../src/log/sqlite/thread.ts'
import type { WriterAnswer } from '../../src/log/sqlite/writer.ts'
import { OUTBOX_BYTES } from '../../src/log/sqlite/outbox.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, conformance, type Retention } from './conformance.ts'

const YEAR_MS = 31_536_000_000
const SOON = { timeout: 60_000, interval: 10 }
const APPENDER = join(import.meta.dirname, 'appender.ts')

function open(
  folder: string,
  more: Partial<Retention> & RecordOptions & { onHealth?: (health: LogHealth) => void } = {},
): Promise<EventLog> {
  return openSqliteLog({
    file: join(folder, 'virtbridge.db'),
    retentionMs: YEAR_MS,
    auditRetentionMs: YEAR_MS,
    ...more,
  })
}

async function faultOf(opening: Promise<EventLog>): Promise<Fault> {
  const error: unknown = await opening.then(
    log => log[Symbol.asyncDispose](),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(Fault)
  return error as Fault
}

conformance('SQLite', { open, boundBytes: OUTBOX_BYTES, appender: folder => [APPENDER, folder], prunes: true })

/** Which others may do what with a file. */
function othersMay(file: string): number {
  return statSync(file).mode & 0o077
}

test('a log, its journals, its copies and the index of the history are for their owner alone', async () => {
  await using folder = await temporaryFolder()
  const [file, copy, index] = ['virtbridge.db', 'copy.db', 'history.db'].map(name => join(folder.path, name))
  if (file === undefined || copy === undefined || index === undefined) throw new Error('there are three')
  await using log = await open(folder.path)
  await log.append([{ stream: 'events.vm', key: 'k', value: {} }])
  using _duplicate = new Duplicate(file, copy)
  using _history = new History(index)
  for (const one of [file, `${file}-wal`, `${file}-shm`, copy, index]) expect([one, othersMay(one)]).toEqual([one, 0])
})

test('a log that somebody lets others read stays so', async () => {
  await using folder = await temporaryFolder()
  await (await open(folder.path))[Symbol.asyncDispose]()
  chmodSync(join(folder.path, 'virtbridge.db'), 0o640)
  await using _log = await open(folder.path)
  expect(othersMay(join(folder.path, 'virtbridge.db'))).toBe(0o040)
})

test('a position of a log on Kafka is the start here: read again, never passed over', async () => {
  await using folder = await temporaryFolder()
  await using log = await open(folder.path)
  await log.append([{ stream: 'events.vm', key: 'k', value: {} }])
  expect(await log.page('events.vm', 'k1.2.3', 10)).toHaveLength(1)
})

test('a log of a newer virtbridge is refused in one sentence, and not changed', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.db')
  await (await open(folder.path))[Symbol.asyncDispose]()
  const db = new DatabaseSync(file)
  db.exec('PRAGMA user_version = 4; PRAGMA journal_mode = DELETE')
  db.close()
  const before = readFileSync(file)
  const fault = await faultOf(open(folder.path))
  expect(fault).toMatchObject({ code: 'log_newer', hint: expect.stringContaining('start the newer version') as string })
  expect(fault.message).toBe(`${file} was written by a newer virtbridge (log schema 4, this one knows 3)`)
  expect(readFileSync(file).equals(before)).toBe(true)
})

test("another program's database is refused", async () => {
  await using folder = await temporaryFolder()
  const db = new DatabaseSync(join(folder.path, 'virtbridge.db'))
  db.exec('CREATE TABLE cookies (a)')
  db.close()
  expect(await faultOf(open(folder.path))).toMatchObject({
    code: 'log_foreign',
    hint: expect.stringContaining('another file') as string,
  })
})

test.each([
  ['text', () => Buffer.from('this is not a database, but a text that is long enough to have a header'.repeat(100))],
  [
    'a database whose pages are overwritten',
    (whole: Buffer) => Buffer.concat([whole.subarray(0, 100), Buffer.alloc(whole.length - 100, 7)]),
  ],
])('a file that is damaged (%s) is refused with what to do', async (_what, damage) => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.db')
  await (await open(folder.path))[Symbol.asyncDispose]()
  const damaged = damage(readFileSync(file))
  writeFileSync(file, damaged)
  const fault = await faultOf(open(folder.path))
  expect(fault).toMatchObject({ code: 'log_damaged', hint: expect.stringMatching(/backup|move it away/) as string })
  expect(fault.message).toContain(file)
  expect(readFileSync(file).equals(damaged)).toBe(true)
})

test('a place that can not be written is refused with where and why', async () => {
  await using folder = await temporaryFolder()
  writeFileSync(join(folder.path, 'file'), '')
  const fault = await faultOf(open(join(folder.path, 'file')))
  expect(fault).toMatchObject({ code: 'log_open', hint: expect.stringContaining('log.path') as string })
  expect(fault.message).toContain('file/virtbridge.db: E')
})

test('a second opener is refused and told who holds the log, in this process or in another; a killed one holds nothing', async () => {
  await using folder = await temporaryFolder()
  const child = spawn(process.execPath, [APPENDER, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const left = once(child, 'exit')
  await once(child.stdout, 'data')
  const held = await faultOf(open(folder.path))
  expect(held.code).toBe('log_held')
  expect(held.message).toMatch(new RegExp(`held by process ${child.pid} on \\S+, since 20`))
  child.kill('SIGKILL')
  await left

  await using log = await open(folder.path)
  expect((await faultOf(open(folder.path))).message).toContain(`held by process ${process.pid}`)
  expect(log.health().holder).toContain(`process ${process.pid}`)
  await log.append([{ stream: 'events.vm', key: 'k', value: {} }])
})

test.each<[number, string | undefined]>([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0xef53, undefined],
  [0x58465342, undefined],
  [0x9123683e, undefined],
  [0x794c7630, undefined],
])('a file system of type 0x%s is a network one: %s', (magic, name) => {
  expect(networkFileSystem(magic)).toBe(name)
})

// A limit on the size of a file is what a full disk is to a process: writes fail, and go on when there is room.
test.each([
  ['one append at a time', '300000', '1'],
  ['whole commits behind one another', '9000000', '1500'],
])(
  'on a full disk writes wait, health says why, and they go on when there is room: nothing is lost (%s)',
  async (_what, bytes, atOnce) => {
    await using folder = await temporaryFolder()
    const program = [process.execPath, APPENDER, folder.path, '2000', atOnce]
    const child = spawn('prlimit', [`--fsize=${bytes}:unlimited`, ...program], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const left = once(child, 'exit')
    const positions: string[] = []
    const said: string[] = []
    createInterface({ input: child.stdout }).on('line', line => (/^\d+$/.test(line) ? positions : said).push(line))
    await expect.poll(() => said.length, SOON).toBe(1)
    expect(said[0]).toMatch(/^stuck the log can not be written: .*(full|I\/O)/)
    const before = positions.length
    expect(before).toBeGreaterThan(0)

    execFileSync('prlimit', [`--pid=${child.pid}`, '--fsize=unlimited:unlimited'])
    await expect.poll(() => positions.length, SOON).toBeGreaterThan(before + 100)
    expect(said.slice(1)).toEqual(['writable'])
    child.kill('SIGKILL')
    await left
    await using log = await open(folder.path)
    const stored = await all(log, 'events.vm')
    expect(stored.map(entry => entry.position)).toEqual(expect.arrayContaining(positions))
    expect(stored.map(entry => (entry.value as { n: number }).n)).toEqual(stored.map((_, n) => n))
  },
)

test('a transaction that is not the next one is skipped: none overtakes one that failed', async () => {
  await using folder = await temporaryFolder()
  const limits = { retentionMs: 0, auditRetentionMs: 0, maxBytes: Infinity, sizeTakesAudit: false }
  await using thread = await WriterThread.start({ file: join(folder.path, 'v.db'), limits, walBytes: 1e9 })
  const append = (number: number): Promise<WriterAnswer> =>
    thread.ask({ kind: 'append', number, fields: ['events.vm', `${number}`, '{}'], at: 1 })
  // Asked all at once, as commits are that are sent ahead.
  const answers = await Promise.all([1, 0, 2, 1, 1, 2].map(append))
  expect(answers.map(({ kind }) => kind)).toEqual(['skipped', 'done', 'skipped', 'done', 'skipped', 'done'])
})

test('a log that can not be mended says so, and nothing is written after what failed', async () => {
  await using folder = await temporaryFolder()
  const told: LogHealth[] = []
  const log = await open(folder.path, { onHealth: health => told.push(health) })
  const other = new DatabaseSync(join(folder.path, 'virtbridge.db'))
  other.exec(
    "CREATE TRIGGER poison BEFORE INSERT ON events_vm WHEN NEW.key = 'poison' BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
  )
  other.close()
  const filler = 'x'.repeat(600_000)
  const append = (key: string): Promise<string> => log.append([{ stream: 'events.vm', key, value: { filler } }])
  const results = await Promise.allSettled(['a', 'poison', 'b', 'c', 'd'].map(append))
  expect(results.map(result => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected'])
  await expect(append('e')).rejects.toMatchObject({
    reaction: 'fatal',
    message: expect.stringContaining('poisoned') as string,
  })
  expect(log.health()).toMatchObject({
    writable: false,
    reason: expect.stringContaining('poisoned') as string,
    waitingBytes: 0,
  })
  expect(told).toHaveLength(1)
  expect((await all(log, 'events.vm')).map(entry => entry.key)).toEqual(['a'])
  await log[Symbol.asyncDispose]()
})
