import { DatabaseSync, type StatementSync } from 'node:sqlite'
import {
  EVENT_STREAMS,
  isState,
  type Position,
  type StateStream,
  type Stored,
  type Stream,
  type Value,
  START,
} from '../log.ts'
import { type Copied, readCopied } from './copied.ts'
import { readTime, type TimeMark } from './log-time.ts'
import { MARK, tableOf } from './schema.ts'

interface Row {
  readonly seq: number
  readonly key: string
  readonly value: string | null
  readonly at: number
}

/** Rows a read takes at once: enough to be quick, few enough that the event loop is never held for long. */
const PAGE = 500

/** Reads of the log on a connection of its own, which never waits for the writer (WAL). */
export interface Reader extends Disposable {
  page(stream: Stream, from: Position, limit: number): readonly Stored[]
  latest(stream: StateStream): AsyncIterable<Stored>
  end(stream: Stream): Position
  /** What it is a copy of, while that is not confirmed. */
  copied(): Copied | null
  /** What it knows of its own time; null when it is empty. */
  time(): TimeMark | null
  /** Which log it is; a copy has the same. */
  id(): string
}

/** Opens the database to read it; it must be there already, with its tables. Throws what SQLite throws. */
export function openReader(file: string): Reader {
  const db = new DatabaseSync(file, { readOnly: true })
  db.exec('PRAGMA busy_timeout = 5000')
  const columns = 'seq, key, value, at'
  const states = db.prepare(`SELECT ${columns} FROM state WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?`)
  const lastState = db.prepare('SELECT max(seq) AS last FROM state WHERE stream = ?')
  const first = db.prepare(`SELECT ${columns} FROM state WHERE stream = ? AND key >= ? ORDER BY key LIMIT ?`)
  const byKey = db.prepare(`SELECT ${columns} FROM state WHERE stream = ? AND key > ? ORDER BY key LIMIT ?`)
  const tables = new Map<Stream, { events: StatementSync; last: StatementSync }>(
    EVENT_STREAMS.map(stream => {
      const table = tableOf(stream)
      const events = db.prepare(`SELECT ${columns} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`)
      return [stream, { events, last: db.prepare(`SELECT max(seq) AS last FROM ${table}`) }]
    }),
  )

  function page(stream: Stream, from: Position, limit: number): readonly Stored[] {
    const most = Math.min(limit, PAGE)
    const after = numberOf(from)
    const found = isState(stream) ? states.all(stream, after, most) : tables.get(stream)?.events.all(after, most)
    return ((found ?? []) as unknown as Row[]).map(row => stored(stream, row))
  }

  async function* latest(stream: StateStream): AsyncIterable<Stored> {
    let found = first.all(stream, '', PAGE) as unknown as Row[]
    for (;;) {
      for (const row of found) if (row.value !== null) yield stored(stream, row)
      const last = found.at(-1)
      if (last === undefined || found.length < PAGE) return
      await new Promise(resolve => setImmediate(resolve))
      found = byKey.all(stream, last.key, PAGE) as unknown as Row[]
    }
  }

  return {
    page,
    latest,
    end(stream) {
      const found = isState(stream) ? lastState.get(stream) : tables.get(stream)?.last.get()
      const last = found?.['last']
      return typeof last === 'number' ? String(last) : START
    },
    copied: () => readCopied(db),
    time: () => readTime(db),
    id: () => String(db.prepare('SELECT value FROM mark WHERE name = ?').get(MARK.id)?.['value'] ?? ''),
    [Symbol.dispose]: () => db.close(),
  }
}

/** What is no position of this engine is the start: what is read again has the same ids, what is passed over would be lost. */
function numberOf(position: Position): number {
  const number = Number(position)
  return Number.isSafeInteger(number) ? number : 0
}

function stored(stream: Stream, row: Row): Stored {
  const value = row.value === null ? null : (JSON.parse(row.value) as Value)
  return { stream, key: row.key, value, position: String(row.seq), at: row.at }
}
