import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../../errors.ts'
import { EVENT_STREAMS, isState, type Stream } from '../log.ts'
import { confirmCopied, findCopied } from './copied.ts'
import { type TimeMark, writeTime } from './log-time.ts'
import { migrate } from './migrate.ts'
import type { Limits } from './retention.ts'
import { create, PAGE_BYTES, tableOf, versionOf } from './schema.ts'
import { tend, type Tended } from './tend.ts'
import { Wal } from './wal.ts'

/** What the thread is started with. */
export interface WriterData {
  readonly file: string
  readonly limits: Limits
  /** The write-ahead log may be so large, in bytes; beyond that nothing is written until it can be emptied. */
  readonly walBytes: number
}

/** What the engine asks of its writing thread. */
export type WriterRequest =
  /** `number` counts the transactions: one that is not next is skipped, so that none overtakes one that failed. */
  | { readonly kind: 'append'; readonly number: number; readonly fields: Fields; readonly at: number }
  | { readonly kind: 'tend'; readonly now: number; readonly mark: TimeMark | null }
  | { readonly kind: 'confirm'; readonly loss: string }
  | { readonly kind: 'close' }

/** Entries one after the other, three fields each: stream, key, JSON or null. An array of strings alone crosses threads at the least cost. */
export type Fields = readonly (string | null)[]

/** Its answer. `full` and other refusals of the disk leave the database as it was: the transaction is rolled back. */
export type WriterAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'done'; readonly last: number }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'tended'; readonly tended: Tended; readonly walBytes: number }
  /** The file is none that this program may use. A Fault loses its class between threads. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly kind: 'failed'; readonly code: number; readonly message: string }

/** The writing thread: one transaction a request, in the order they come. */
function serve(data: WriterData): void {
  const port = parentPort
  if (port === null) return
  let db: DatabaseSync
  try {
    db = open(data.file)
  } catch (error) {
    const refused = error instanceof Fault ? { code: error.code, message: error.message, hint: error.hint } : null
    port.postMessage(refused === null ? failure(error) : ({ kind: 'refused', ...refused } satisfies WriterAnswer))
    port.close()
    return
  }
  const answer = answerer(db, data)
  port.on('message', (request: WriterRequest) => {
    if (request.kind === 'close') {
      db.close()
      port.postMessage({ kind: 'done', last: 0 } satisfies WriterAnswer)
      port.close()
      return
    }
    try {
      port.postMessage(answer(request))
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      port.postMessage(failure(error))
    }
  })
  port.postMessage({ kind: 'opened' } satisfies WriterAnswer)
}

function open(file: string): DatabaseSync {
  migrate(file)
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA busy_timeout = 5000')
    // First whether it may be used at all: the journal mode is written into the file.
    if (versionOf(db, file) === 0) create(db)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    findCopied(db, Date.now())
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

type Work = Exclude<WriterRequest, { kind: 'close' }>

function answerer(db: DatabaseSync, { file, limits, walBytes }: WriterData): (request: Work) => WriterAnswer {
  const wal = new Wal(db, file, walBytes)
  const write = writer(db)
  let next = 0
  let worked = false
  return request => {
    switch (request.kind) {
      case 'append': {
        if (request.number !== next) return { kind: 'skipped' }
        wal.ensureRoom(mostOf(request.fields))
        const last = write(request.fields, request.at)
        next += 1
        return { kind: 'done', last }
      }
      case 'tend': {
        const tended = tend(db, limits, request.now)
        if (request.mark !== null) writeTime(db, request.mark)
        wal.grown()
        // What was given back leaves the file when it leaves the write-ahead log.
        if (worked && !tended.more) db.exec('PRAGMA wal_checkpoint(PASSIVE)')
        worked = tended.more
        return { kind: 'tended', tended, walBytes: wal.bytes() }
      }
      case 'confirm':
        confirmCopied(db, request.loss)
        return { kind: 'done', last: 0 }
    }
  }
}

function writer(db: DatabaseSync): (fields: Fields, at: number) => number {
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const readLast = db.prepare('SELECT last FROM sequence')
  /** What the database has: nobody else writes, so it is read once, and again when it is not known whether a transaction counts. */
  let stored: number | null = null
  const saveLast = db.prepare('UPDATE sequence SET last = ?')
  const add = new Map<Stream, StatementSync>(
    EVENT_STREAMS.map(stream => {
      const insert = db.prepare(`INSERT INTO ${tableOf(stream)} (seq, key, value, at) VALUES (?, ?, ?, ?)`)
      return [stream, insert]
    }),
  )
  const setState = db.prepare(
    'INSERT INTO state (stream, key, seq, value, at) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (stream, key) DO UPDATE SET seq = excluded.seq, value = excluded.value, at = excluded.at',
  )
  return (fields, at) => {
    begin.run()
    let last = stored ?? (readLast.get() as { last: number }).last
    stored = null
    for (let field = 0; field < fields.length; field += 3) {
      const stream = fields[field] as Stream
      const key = fields[field + 1] ?? ''
      const json = fields[field + 2] ?? null
      last += 1
      if (isState(stream)) setState.run(stream, key, last, json, at)
      else add.get(stream)?.run(last, key, json, at)
    }
    saveLast.run(last)
    commit.run()
    stored = last
    return last
  }
}

/** Pages that one row changes, and more: its table's, those of three indices, what these are split into, and the file's own. */
const ROW_PAGES = 12

/** How much the write-ahead log grows by these, at most, in bytes. */
function mostOf(fields: Fields): number {
  const chars = fields.reduce((sum, field) => sum + (field?.length ?? 0), 0)
  return (fields.length / 3) * ROW_PAGES * PAGE_BYTES + chars * 3
}

function failure(error: unknown): WriterAnswer {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
  return { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) }
}

serve(workerData as WriterData)
