import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../../errors.ts'
import { isState, type Stream } from '../log.ts'
import { migrate } from './schema.ts'

/** What the engine asks of its writing thread. */
export type WriterRequest =
  | { readonly kind: 'append'; readonly rows: readonly Row[]; readonly at: number }
  | { readonly kind: 'prune'; readonly stream: Stream; readonly before: number; readonly limit: number }
  | { readonly kind: 'close' }

export type Row = readonly [stream: Stream, key: string, json: string | null]

/** Its answer. `full` and other refusals of the disk leave the database as it was: the transaction is rolled back. */
export type WriterAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'done'; readonly last: number }
  /** The file is none that this program may use. A Fault loses its class between threads. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly kind: 'failed'; readonly code: number; readonly message: string }

/** The writing thread: one transaction a request, in the order they come. */
function serve(file: string): void {
  const port = parentPort
  if (port === null) return
  let db: DatabaseSync
  try {
    db = open(file)
  } catch (error) {
    const refused = error instanceof Fault ? { code: error.code, message: error.message, hint: error.hint } : null
    port.postMessage(refused === null ? failure(error) : ({ kind: 'refused', ...refused } satisfies WriterAnswer))
    port.close()
    return
  }
  const write = writer(db)
  port.on('message', (request: WriterRequest) => {
    if (request.kind === 'close') {
      db.close()
      port.postMessage({ kind: 'done', last: 0 } satisfies WriterAnswer)
      port.close()
      return
    }
    try {
      const last = request.kind === 'append' ? write(request.rows, request.at) : prune(db, request)
      port.postMessage({ kind: 'done', last } satisfies WriterAnswer)
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      port.postMessage(failure(error))
    }
  })
  port.postMessage({ kind: 'opened' } satisfies WriterAnswer)
}

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA busy_timeout = 5000')
    // First whether it may be used at all: the journal mode is written into the file.
    migrate(db, file)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function writer(db: DatabaseSync): (rows: readonly Row[], at: number) => number {
  const readLast = db.prepare('SELECT last FROM sequence')
  const saveLast = db.prepare('UPDATE sequence SET last = ?')
  const addEvent = db.prepare('INSERT INTO event (seq, stream, key, value, at) VALUES (?, ?, ?, ?, ?)')
  const setState = db.prepare(
    'INSERT INTO state (stream, key, seq, value, at) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (stream, key) DO UPDATE SET seq = excluded.seq, value = excluded.value, at = excluded.at',
  )
  return (rows, at) => {
    db.exec('BEGIN IMMEDIATE')
    let last = (readLast.get() as { last: number }).last
    for (const [stream, key, json] of rows) {
      last += 1
      if (isState(stream)) setState.run(stream, key, last, json, at)
      else addEvent.run(last, stream, key, json, at)
    }
    saveLast.run(last)
    db.exec('COMMIT')
    return last
  }
}

function prune(db: DatabaseSync, request: { stream: Stream; before: number; limit: number }): number {
  const statement = isState(request.stream)
    ? 'DELETE FROM state WHERE stream = ?1 AND key IN (SELECT key FROM state WHERE stream = ?1 AND value IS NULL AND at < ?2 LIMIT ?3)'
    : 'DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE stream = ?1 AND at < ?2 LIMIT ?3)'
  return Number(db.prepare(statement).run(request.stream, request.before, request.limit).changes)
}

function failure(error: unknown): WriterAnswer {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
  return { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) }
}

serve((workerData as { file: string }).file)
