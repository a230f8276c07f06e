import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.ts'
import { type EventLog, openSqliteLog } from '../../src/log/index.ts'
import { type Backup, type BackupOptions, backupSqliteLog } from '../../src/log/sqlite/backup.ts'
import { virtbridge } from '../cli/console.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { all, latest } from './conformance.ts'

const YEAR_MS = 31_536_000_000
const WRITER = join(import.meta.dirname, 'busy-writer.ts')
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

function open(file: string): Promise<EventLog> {
  return openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
}

function back(source: string, target: string, more: Partial<BackupOptions> = {}): Promise<Backup> {
  const { signal } = new AbortController()
  const now = (): number => Date.now()
  return backupSqliteLog({ source, target, force: false, now, signal, onProgress: () => undefined, ...more })
}

/** A configuration with a log of some MB. */
async function config(folder: string, megabytes: number): Promise<{ path: string; log: string }> {
  const log = join(folder, 'virtbridge.db')
  await using opened = await open(log)
  const filler = 'x'.repeat(100_000)
  for (let n = 0; n < megabytes * 10; n += 1) {
    const state = { stream: 'state.fleet', key: `c/n/vm-${n}`, value: { n } } as const
    await opened.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n, filler } }, state])
  }
  const path = await fileIn(
    folder,
    'virtbridge.yaml',
    'log: {path: virtbridge.db}\nclusters: [{name: c, in_cluster: true}]\n',
  )
  return { path, log }
}

/** With this a copy is never put in its place, however late it is killed. */
const ENDLESS = `data:text/javascript,${encodeURIComponent(`
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  fs.renameSync = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  syncBuiltinESMExports()`)}`

/** Another process that holds the log and writes it all the time, as a bridge does, until it is told to end. */
async function startWriting(file: string): Promise<{ end: () => Promise<void> }> {
  const child = spawn(process.execPath, [WRITER, file], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const left = once(child, 'exit')
  await once(child.stdout, 'data')
  return {
    end: async () => {
      child.stdin.write('end')
      await left
    },
  }
}

test('a copy made under load is of one moment: every event up to it, the state it led to, and none after', async () => {
  await using folder = await temporaryFolder()
  const [source, target] = [join(folder.path, 'virtbridge.db'), join(folder.path, 'copy.db')]
  const writing = await startWriting(source)
  for (let times = 0; times < 4; times += 1) {
    // The lock that is beside it since it was opened says that it is a log of its own.
    rmSync(`${target}.lock`, { force: true })
    const backup = await back(source, target, { force: true })
    await using copy = await open(target)
    const events = await all(copy, 'events.vm')
    expect(events.length).toBeGreaterThan(900)
    expect(events.map(({ value }) => (value as { n: number }).n)).toEqual(events.map((_, n) => n))
    const states = await latest(copy, 'state.fleet')
    const numbers = new Map(states.map(({ key, value }) => [key, (value as { n: number }).n]))
    expect(numbers.get('c/n/vm')).toBe(events.length - 1)
    for (let m = events.length - 100; m < events.length; m += 1) expect(numbers.get(`c/n/vm-${m % 100}`)).toBe(m)
    expect(backup.counts).toMatchObject({ 'events.vm': events.length, 'state.fleet': 101, 'state.runs': 0 })
  }
  expect(statSync(`${source}-wal`).size).toBeLessThan(48 * 1_048_576)
  expect(readdirSync(folder.path).filter(name => name.includes('partial'))).toEqual([])
  await writing.end()
})

test('a file that is there is not replaced without --force, a log never; with it, nothing of the old one is left', async () => {
  await using folder = await temporaryFolder()
  const { log } = await config(folder.path, 0)
  const target = join(folder.path, 'copy.db')
  writeFileSync(target, 'of somebody else')
  await expect(back(log, target)).rejects.toMatchObject({ code: 'backup_exists' })
  expect(readFileSync(target, 'utf8')).toBe('of somebody else')
  await expect(back(log, log, { force: true })).rejects.toMatchObject({ code: 'backup_exists' })
  // A write-ahead log with this name would be laid over the copy.
  const stale = new DatabaseSync(join(folder.path, 'stale.db'))
  stale.exec('PRAGMA journal_mode = WAL; CREATE TABLE events_vm (a); INSERT INTO events_vm VALUES (1)')
  copyFileSync(join(folder.path, 'stale.db-wal'), `${target}-wal`)
  stale.close()
  await back(log, target, { force: true })
  expect(existsSync(`${target}-wal`)).toBe(false)
  await using copy = await open(target)
  expect(await all(copy, 'events.vm')).toEqual([])
})

test('a log that is not there, and a folder that is not there, are said', async () => {
  await using folder = await temporaryFolder()
  const { log } = await config(folder.path, 0)
  await expect(back(join(folder.path, 'no.db'), join(folder.path, 'copy.db'))).rejects.toMatchObject({ code: 'backup' })
  await expect(back(log, join(folder.path, 'no', 'copy.db'))).rejects.toMatchObject({ code: 'backup' })
})

// A limit on the size of a file is what a full disk is to a process.
test('on a full disk it says so and leaves no half file; one that was there stays', async () => {
  await using folder = await temporaryFolder()
  const { path } = await config(folder.path, 4)
  const target = await fileIn(folder.path, 'copy.db', 'an older copy')
  const args = ['--fsize=2000000', process.execPath, MAIN, 'backup', target, '--force', '--config', path]
  const { status, stderr } = spawnSync('prlimit', args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  })
  expect(stderr).toMatch(/can not be copied to .*(full|I\/O)[\s\S]*with room/)
  expect(status).toBe(EXIT.fault)
  expect(readFileSync(target, 'utf8')).toBe('an older copy')
  expect(readdirSync(folder.path).filter(name => name.includes('partial'))).toEqual([])
})

test('interrupted, it leaves nothing; killed, no file that looks like a copy, and the next one is well', async () => {
  await using folder = await temporaryFolder()
  const { path, log } = await config(folder.path, 10)
  const target = join(folder.path, 'copy.db')
  const stop = new AbortController()
  const stopped = back(log, target, { signal: stop.signal, onProgress: () => stop.abort() })
  await expect(stopped).rejects.toMatchObject({ code: 'interrupted' })
  expect(readdirSync(folder.path).filter(name => name.startsWith('copy'))).toEqual([])

  const child = spawn(process.execPath, ['--import', ENDLESS, MAIN, 'backup', target, '--config', path], {
    stdio: 'ignore',
  })
  const left = once(child, 'exit')
  await expect.poll(() => existsSync(`${target}.partial`), { timeout: 200_000, interval: 1 }).toBe(true)
  child.kill('SIGKILL')
  await left
  expect(existsSync(target)).toBe(false)
  await back(log, target)
  await using copy = await open(target)
  expect(await all(copy, 'events.vm')).toHaveLength(100)
})

test('a log that is put back from a copy tells what it lost, at every open, until each is confirmed; the original tells nothing', async () => {
  await using folder = await temporaryFolder()
  const { log } = await config(folder.path, 0)
  const target = join(folder.path, 'copy.db')
  const at = Date.parse('2026-11-01T02:03:04Z')
  await back(log, target, { now: () => at })
  {
    await using original = await open(log)
    expect(original.losses()).toEqual([])
  }
  const ids: string[] = []
  for (let times = 0; times < 2; times += 1) {
    await using copy = await open(target)
    const losses = copy.losses()
    expect(losses.map(({ stream }) => stream)).toEqual(['state.fleet', 'state.runs'])
    for (const loss of losses) {
      expect(loss.reason).toContain('a copy that was made at 2026-11-01T02:03:04.000Z')
      expect(Math.abs(loss.at - Date.now())).toBeLessThan(60_000)
    }
    ids.push(...losses.map(({ id }) => id))
  }
  expect(ids.slice(2)).toEqual(ids.slice(0, 2))
  {
    await using copy = await open(target)
    await copy.confirmLoss('of another log')
    await copy.confirmLoss(ids[1] ?? '')
    expect(copy.losses().map(({ stream }) => stream)).toEqual(['state.fleet'])
  }
  await using copy = await open(target)
  expect(copy.losses().map(({ stream }) => stream)).toEqual(['state.fleet'])
  await copy.confirmLoss(ids[0] ?? '')
  expect(copy.losses()).toEqual([])
})

test('virtbridge backup prints what it copied, for people and for programs; of Kafka it says what to do instead', async () => {
  await using folder = await temporaryFolder()
  const { path } = await config(folder.path, 1)
  const people = await virtbridge(['backup', join(folder.path, 'a.db'), '--config', path])
  expect(people).toMatchObject({ code: EXIT.ok, err: '' })
  expect(people.out).toMatch(/events\.vm +10\b[\s\S]*a\.db: 1\.\d MB as of 20.*, checked, in/)
  const programs = await virtbridge(['backup', join(folder.path, 'b.db'), '--config', path, '--json'])
  const counts = { 'events.vm': 10, 'state.fleet': 10 }
  expect(JSON.parse(programs.out)).toMatchObject({ file: join(folder.path, 'b.db'), counts })
  const yaml = 'log: {kafka: {brokers: ["k:9092"]}}\nclusters: [{name: c, in_cluster: true}]\n'
  const none = await virtbridge(['backup', join(folder.path, 'c.db'), '-c', await fileIn(folder.path, 'k.yaml', yaml)])
  expect(none.code).toBe(EXIT.fault)
  expect(none.err).toMatch(/on Kafka, whose replicas[\s\S]*mirror the topics virtbridge\.\*/)
})
