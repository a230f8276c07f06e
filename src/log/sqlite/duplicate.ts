import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { EVENT_STREAMS, type EventStream, isState, STATE_STREAMS, type StateStream, type Stream } from '../log.ts'
import { makePrivate } from '../private-file.ts'
import { create, tableOf, versionOf } from './schema.ts'

/** Rows and bytes of one read. While it lasts, some ms, the write-ahead log of the source can not be emptied. */
const PIECE_ROWS = 2_000
const PIECE_BYTES = 4_194_304

/** How many rows each stream has; of a state stream those that are no tombstones. */
export type Counts = Readonly<Record<Stream, number>>

/** How far it is, in bytes. */
export interface Progress {
  readonly done: number
  readonly total: number
}

/**
 * A copy of a log in the making, of any schema that was ever released, in the schema of this program.
 *
 * The source is read in short pieces, each in the order of its sequence, while it is written by whoever holds it; what is written
 * meanwhile has a larger sequence and comes later. Only the last piece must be one look at all of it, and that is a small one. So the
 * copy is of one moment, and nobody's write-ahead log grows for it.
 */
export class Duplicate implements Disposable {
  readonly #db: DatabaseSync
  readonly #version: number
  readonly #last = new Map<Stream, number>()
  readonly #copied = new Map<EventStream, number>()

  /** Begins a copy of `source` in a new file. Throws a Fault for a source that is no log, or one of a newer program. */
  constructor(source: string, file: string) {
    rmSync(file, { force: true })
    makePrivate(file)
    this.#db = new DatabaseSync(file)
    try {
      // Whole or not at all: until it is put in its place nobody reads it, so it needs no journal.
      this.#db.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF')
      create(this.#db)
      this.#version = versionAt(source)
      this.#db.prepare('ATTACH ? AS source').run(readOnly(source))
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Copies the next piece; false when no stream has a whole piece left. Who writes meanwhile keeps it from nothing but the last few. */
  step(): boolean {
    return [...EVENT_STREAMS, ...STATE_STREAMS].some(stream => this.#piece(stream) === 'whole')
  }

  /** Copies all that is left, of one moment, and gives what there is then. Only state can be less than what was copied before. */
  finish(mark: (db: DatabaseSync) => void): Counts {
    const db = this.#db
    db.exec('BEGIN')
    for (const stream of [...EVENT_STREAMS, ...STATE_STREAMS]) while (this.#piece(stream) === 'whole');
    db.exec('UPDATE main.sequence SET last = (SELECT last FROM source.sequence)')
    if (this.#version > 1) db.exec('INSERT OR REPLACE INTO main.mark SELECT * FROM source.mark')
    const states = STATE_STREAMS.map(stream => [stream, countState(db, 'source', stream)] as const)
    mark(db)
    db.exec('COMMIT')
    const events = EVENT_STREAMS.map(stream => [stream, this.#copied.get(stream) ?? 0] as const)
    return Object.fromEntries([...events, ...states]) as Counts
  }

  progress(): Progress {
    const pages = (schema: string, name: string): number =>
      Number(this.#db.prepare(`PRAGMA ${schema}.${name}`).get()?.[name] ?? 0)
    const size = pages('main', 'page_size')
    const total = pages('source', 'page_count') - pages('source', 'freelist_count')
    return { done: Math.min(pages('main', 'page_count'), total) * size, total: total * size }
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close()
  }

  #piece(stream: Stream): 'whole' | 'last' {
    const { into, columns, select } = shapeOf(stream, this.#version)
    const after = this.#last.get(stream) ?? 0
    const next = this.#db.prepare(
      `SELECT seq, octet_length(value) AS bytes ${select} AND seq > ? ORDER BY seq LIMIT ${PIECE_ROWS}`,
    )
    let [last, rows, bytes] = [after, 0, 0]
    for (const row of next.iterate(after)) {
      last = Number(row['seq'])
      rows += 1
      bytes += Number(row['bytes'])
      if (bytes >= PIECE_BYTES) break
    }
    if (rows === 0) return 'last'
    const insert = `INSERT OR REPLACE INTO main.${into} (${columns}) SELECT ${columns} ${select} AND seq > ? AND seq <= ?`
    const { changes } = this.#db.prepare(insert).run(after, last)
    this.#last.set(stream, last)
    if (!isState(stream)) this.#copied.set(stream, (this.#copied.get(stream) ?? 0) + Number(changes))
    return rows === PIECE_ROWS || bytes >= PIECE_BYTES ? 'whole' : 'last'
  }
}

/** What there is in a copy, whose pages were all looked at. Throws an Error that says what is wrong with it. */
export function verify(file: string): Counts {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (found !== 'ok') throw new Error(String(found))
    const events = EVENT_STREAMS.map(stream => {
      const counted = db.prepare(`SELECT count(*) AS n FROM ${tableOf(stream)}`).get()
      return [stream, Number(counted?.['n'])] as const
    })
    const states = STATE_STREAMS.map(stream => [stream, countState(db, 'main', stream)] as const)
    return Object.fromEntries([...events, ...states]) as Counts
  } finally {
    db.close()
  }
}

/** Puts a file, whole, where it is to be, so that a machine that stops has either what was there before or this. */
export function place(from: string, to: string): void {
  sync(from)
  renameSync(from, to)
  sync(dirname(to))
}

/** Waits until a file, or the names in a folder, are on the disk. */
export function sync(path: string): void {
  const opened = openSync(path, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

interface Shape {
  readonly into: string
  readonly columns: string
  /** `FROM … WHERE …` of the source, to which a range of the sequence is added. */
  readonly select: string
}

function shapeOf(stream: Stream, version: number): Shape {
  if (isState(stream)) {
    const select = `FROM source.state WHERE stream = '${stream}'`
    return { into: 'state', columns: 'stream, key, seq, value, at', select }
  }
  const into = tableOf(stream)
  const select = version === 1 ? `FROM source.event WHERE stream = '${stream}'` : `FROM source.${into} WHERE true`
  return { into, columns: 'seq, key, value, at', select }
}

function countState(db: DatabaseSync, schema: 'main' | 'source', stream: StateStream): number {
  const count = `SELECT count(*) AS n FROM ${schema}.state WHERE stream = ? AND value IS NOT NULL`
  return Number(db.prepare(count).get(stream)?.['n'])
}

function versionAt(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 5000')
    return versionOf(db, file)
  } finally {
    db.close()
  }
}

/** The name under which SQLite opens a file to read it only. */
function readOnly(file: string): string {
  return `${pathToFileURL(file).href}?mode=ro`
}
