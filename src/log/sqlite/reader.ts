import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { isState, type Position, type StateStream, type Stored, type Stream, type Value, START } from '../log.ts'

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
}

export function openReader(file: string): Reader {
  const db = new DatabaseSync(file, { readOnly: true })
  db.exec('PRAGMA busy_timeout = 5000')
  const events = db.prepare('SELECT seq, key, value, at FROM event WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?')
  const states = db.prepare('SELECT seq, key, value, at FROM state WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?')
  const lastEvent = db.prepare('SELECT max(seq) AS last FROM event WHERE stream = ?')
  const lastState = db.prepare('SELECT max(seq) AS last FROM state WHERE stream = ?')
  const first = db.prepare('SELECT seq, key, value, at FROM state WHERE stream = ? AND key >= ? ORDER BY key LIMIT ?')
  const byKey = db.prepare('SELECT seq, key, value, at FROM state WHERE stream = ? AND key > ? ORDER BY key LIMIT ?')

  function page(stream: Stream, from: Position, limit: number): readonly Stored[] {
    const statement = isState(stream) ? states : events
    return rows(statement, stream, numberOf(from), limit).map(row => stored(stream, row))
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
      const { last } = (isState(stream) ? lastState : lastEvent).get(stream) as { last: number | null }
      return last === null ? START : String(last)
    },
    [Symbol.dispose]: () => db.close(),
  }
}

/** What is no position of this engine is the start: what is read again has the same ids, what is passed over would be lost. */
function numberOf(position: Position): number {
  const number = Number(position)
  return Number.isSafeInteger(number) ? number : 0
}

function rows(statement: StatementSync, stream: Stream, from: number, limit: number): Row[] {
  return statement.all(stream, from, Math.min(limit, PAGE)) as unknown as Row[]
}

function stored(stream: Stream, row: Row): Stored {
  const value = row.value === null ? null : (JSON.parse(row.value) as Value)
  return { stream, key: row.key, value, position: String(row.seq), at: row.at }
}
