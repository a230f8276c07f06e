import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type EventLog, openSqliteLog, type Position, type Stored, type Stream } from '../../src/log/index.ts'
import { EVENT_STREAMS, STATE_STREAMS } from '../../src/log/index.ts'
import { Duplicate } from '../../src/log/sqlite/duplicate.ts'
import { SCHEMA_VERSION } from '../../src/log/sqlite/schema.ts'
import { virtbridge } from '../cli/console.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { all } from './conformance.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'log')
const YEAR_MS = 31_536_000_000

/** A log as an older virtbridge left it. */
function old(folder: string, version: number): string {
  const file = join(folder, 'virtbridge.db')
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL')
  db.exec(readFileSync(join(FIXTURES, `schema-${version}.sql`), 'utf8'))
  db.close()
  return file
}

function open(file: string): Promise<EventLog> {
  return openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
}

function schemaOf(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true })
  const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  db.close()
  return user_version
}

type Held = readonly [Stream, string, unknown, Position, number]

async function everything(log: EventLog): Promise<readonly Held[]> {
  const found: Stored[] = []
  for (const stream of [...EVENT_STREAMS, ...STATE_STREAMS]) found.push(...(await all(log, stream)))
  return found
    .sort((a, b) => Number(a.position) - Number(b.position))
    .map(({ stream, key, value, position, at }) => [stream, key, value, position, at] as const)
}

/** What stands in the file of schema 1, tombstones too. */
function inSchema1(file: string): readonly Held[] {
  const db = new DatabaseSync(file, { readOnly: true })
  const rows = db
    .prepare(
      'SELECT * FROM (SELECT stream, key, seq, value, at FROM event UNION ALL SELECT stream, key, seq, value, at FROM state) ORDER BY seq',
    )
    .all()
  db.close()
  return rows.map(
    row =>
      [
        row['stream'] as Stream,
        String(row['key']),
        JSON.parse(String(row['value'])),
        String(row['seq']),
        Number(row['at']),
      ] as const,
  )
}

test('there is a log of every schema that was released before this one', () => {
  const known = globSync('schema-*.sql', { cwd: FIXTURES }).map(name => Number(/\d+/.exec(name)?.[0]))
  expect(known.sort((a, b) => a - b)).toEqual(Array.from({ length: SCHEMA_VERSION - 1 }, (_, n) => n + 1))
})

test('a log of 0.1.0 is migrated: every entry, tombstone, position and time is as it was, and positions go on', async () => {
  await using folder = await temporaryFolder()
  const file = old(folder.path, 1)
  const before = inSchema1(file)
  expect(before).toHaveLength(24)
  {
    await using log = await open(file)
    expect(await everything(log)).toEqual(before)
    expect(log.losses()).toEqual([])
    expect(await log.append([{ stream: 'events.vm', key: 'k', value: {} }])).toBe('35')
  }
  expect(readdirSync(folder.path).sort()).toEqual(['virtbridge.db', 'virtbridge.db.holder', 'virtbridge.db.lock'])
  expect(schemaOf(file)).toBe(SCHEMA_VERSION)
  await using log = await open(file)
  expect(await everything(log)).toHaveLength(25)
})

test('a log of schema 2 is migrated: every entry, tombstone, position and time is as it was, and positions go on', async () => {
  await using folder = await temporaryFolder()
  await using older = await temporaryFolder()
  const before = inSchema1(old(older.path, 1))
  const file = old(folder.path, 2)
  await using log = await open(file)
  expect(await everything(log)).toEqual(before)
  expect(await log.append([{ stream: 'events.vm', key: 'k', value: {} }])).toBe('35')
  expect(schemaOf(file)).toBe(SCHEMA_VERSION)
})

test('what a killed 0.1.0 left in its write-ahead log is migrated too', async () => {
  await using folder = await temporaryFolder()
  await using crashed = await temporaryFolder()
  const file = old(folder.path, 1)
  const db = new DatabaseSync(file)
  db.exec(
    `PRAGMA wal_autocheckpoint = 0; INSERT INTO event VALUES (35, 'events.vm', 'late', '{"n":35}', 1); UPDATE sequence SET last = 35`,
  )
  for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, join(crashed.path, `virtbridge.db${suffix}`))
  db.close()
  await using log = await open(join(crashed.path, 'virtbridge.db'))
  expect((await everything(log)).at(-1)).toEqual(['events.vm', 'late', { n: 35 }, '35', 1])
})

test('a migration that was interrupted left the log as it was, and the next start does it', async () => {
  await using folder = await temporaryFolder()
  const file = old(folder.path, 1)
  const before = inSchema1(file)
  const half = new Duplicate(file, `${file}.migrating`)
  half.step()
  half[Symbol.dispose]()
  expect(schemaOf(file)).toBe(1)
  expect(inSchema1(file)).toEqual(before)
  await using log = await open(file)
  expect(await everything(log)).toEqual(before)
  expect(existsSync(`${file}.migrating`)).toBe(false)
})

// A limit on the size of a file is what a full disk is to a process.
test('a migration on a full disk says so, changes nothing and leaves nothing', async () => {
  await using folder = await temporaryFolder()
  const file = old(folder.path, 1)
  const db = new DatabaseSync(file)
  const insert = db.prepare(`INSERT INTO event VALUES (?, 'events.vm', 'k', ?, 1)`)
  for (let n = 0; n < 500; n += 1) insert.run(100 + n, JSON.stringify({ filler: 'x'.repeat(2_000) }))
  db.close()
  const before = inSchema1(file)
  const module = join(import.meta.dirname, '..', '..', 'src', 'log', 'sqlite', 'migrate.ts')
  const program = `import(${JSON.stringify(module)}).then(m => m.migrate(${JSON.stringify(file)})).catch(e => console.log(e.message))`
  const said = execFileSync('prlimit', ['--fsize=600000', process.execPath, '-e', program], { encoding: 'utf8' })
  expect(said).toMatch(/full|I\/O/)
  expect(schemaOf(file)).toBe(1)
  expect(inSchema1(file)).toEqual(before)
  expect(existsSync(`${file}.migrating`)).toBe(false)
  await using log = await open(file)
  expect(await everything(log)).toEqual(before)
})

test('a log of 0.1.0 that another program has open is not migrated, and the fault says so', async () => {
  await using folder = await temporaryFolder()
  const file = old(folder.path, 1)
  const reader = new DatabaseSync(file, { readOnly: true })
  reader.exec('BEGIN; SELECT count(*) FROM event')
  await expect(open(file)).rejects.toMatchObject({
    code: 'log_migrate',
    message: expect.stringContaining('another program') as string,
  })
  expect(schemaOf(file)).toBe(1)
  reader.close()
  await using log = await open(file)
  expect(await everything(log)).toHaveLength(24)
})

test('a file of no bytes is a new log', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.db')
  writeFileSync(file, '')
  await using log = await open(file)
  await log.append([{ stream: 'events.vm', key: 'k', value: {} }])
  expect(statSync(file).size).toBeGreaterThanOrEqual(0)
})

test('virtbridge check tells that a log of 0.1.0 will be migrated, and leaves it as it is', async () => {
  await using folder = await temporaryFolder()
  const file = old(folder.path, 1)
  const yaml = 'log: {path: virtbridge.db}\nclusters: [{name: c, kubeconfig: none}]\n'
  const { out } = await virtbridge(['check', '-c', await fileIn(folder.path, 'v.yaml', yaml)])
  expect(out).toMatch(
    /ok {4}log .*virtbridge\.db: of an older virtbridge: the next start migrates it, which needs 1 MB/,
  )
  expect(schemaOf(file)).toBe(1)
})
