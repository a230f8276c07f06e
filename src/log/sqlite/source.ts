import { existsSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../errors.ts'
import { type Entry, isState, type Position, START, type Stream, type Value } from '../log.ts'
import { type Copied, readCopied } from './copied.ts'
import { takeLock } from './lock.ts'
import { migrate } from './migrate.ts'
import { MARK, tableOf, versionOf } from './schema.ts'

/** A log that nobody writes, to be carried elsewhere. */
export interface SqliteSource extends Disposable {
  /** Which log it is; a copy has the same. */
  readonly id: string
  /** When it was made, of a copy that was never put back and confirmed. */
  readonly copied: Copied | null
  /** The position of its newest entry. */
  readonly end: Position
  /** Some entries after a position, tombstones too, and up to where they go; none when there are none. */
  page(
    stream: Stream,
    from: Position,
    until?: Position,
  ): { readonly entries: readonly Entry[]; readonly last: Position }
  /** How many entries there are after a position. */
  count(stream: Stream, from: Position): number
  /** The latest value of a key of the ledger. */
  ledger(key: string): Value | null
}

/** Rows and bytes of one page: one transaction of where they go. */
const PAGE_ROWS = 1_000
const PAGE_BYTES = 1_048_576

/**
 * Opens a log to read it, under its lock: not while a bridge writes it. One of an older virtbridge is migrated, as a start would.
 *
 * Throws a Fault: `log_open` when there is none, or what opening a log throws.
 */
export function openSqliteSource(file: string): SqliteSource {
  if (!existsSync(file)) {
    throw new Fault('log_open', `there is no log at ${file}`, {
      hint: 'name the file of the SQLite log, or a copy of it',
    })
  }
  using stack = new DisposableStack()
  // A copy is none of a bridge's logs: what says so is not left beside it.
  if (!existsSync(`${file}.lock`)) stack.defer(() => forget(file))
  stack.use(takeLock(file, { pid: process.pid, host: hostname(), since: new Date().toISOString() }))
  migrate(file)
  const db = new DatabaseSync(file, { readOnly: true })
  stack.defer(() => db.close())
  if (versionOf(db, file) === 0) throw new Fault('log_open', `${file} is empty`, { hint: 'name the file of the log' })
  const mark = db.prepare('SELECT value FROM mark WHERE name = ?').get(MARK.id)
  const { last } = db.prepare('SELECT last FROM sequence').get() as { last: number }
  const owned = stack.move()
  return {
    id: String(mark?.['value']),
    copied: readCopied(db),
    end: String(last),
    page: (stream, from, until) => page(db, stream, Number(from), until === undefined ? last : Number(until)),
    count: (stream, from) => Number(db.prepare(`SELECT count(*) AS n ${rowsOf(stream)} AND seq > ?`).get(from)?.['n']),
    ledger: key => {
      const found = db.prepare("SELECT value FROM state WHERE stream = 'state.runs' AND key = ?").get(key)?.['value']
      return typeof found === 'string' ? (JSON.parse(found) as Value) : null
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}

function page(db: DatabaseSync, stream: Stream, after: number, until: number): { entries: Entry[]; last: Position } {
  const entries: Entry[] = []
  let [last, bytes] = [after, 0]
  const rows = db.prepare(
    `SELECT seq, key, value ${rowsOf(stream)} AND seq > ? AND seq <= ? ORDER BY seq LIMIT ${PAGE_ROWS}`,
  )
  for (const row of rows.iterate(after, until)) {
    const json = row['value']
    const value = typeof json === 'string' ? (JSON.parse(json) as Value) : null
    entries.push({ stream, key: String(row['key']), value })
    last = Number(row['seq'])
    bytes += typeof json === 'string' ? json.length : 0
    if (bytes >= PAGE_BYTES) break
  }
  return { entries, last: last === 0 ? START : String(last) }
}

function rowsOf(stream: Stream): string {
  return isState(stream) ? `FROM state WHERE stream = '${stream}'` : `FROM ${tableOf(stream)} WHERE true`
}

function forget(file: string): void {
  for (const suffix of ['.lock', '.holder']) rmSync(`${file}${suffix}`, { force: true })
}
