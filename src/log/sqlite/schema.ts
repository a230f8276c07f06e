import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../errors.ts'
import { EVENT_STREAMS, type EventStream } from '../log.ts'

/** The schema this program writes. A database with a larger one is refused, one with a smaller one is migrated. */
export const SCHEMA_VERSION = 3

/** The table of an event stream. Each has its own, so that its order is that of the table itself and no index has to be kept. */
export function tableOf(stream: EventStream): string {
  return stream.replace('.', '_')
}

/** What a log says of itself, by name. */
export const MARK = {
  /** Which log it is: a copy has the same. */
  id: 'id',
  /** That it is a copy: see `copied.ts`. */
  copied: 'copied',
  /** Up to when it has seen time pass: see `log-time.ts`. */
  time: 'time',
} as const

/**
 * The schema of a database, 0 when it is empty. Throws a Fault when another or a newer program wrote it.
 *
 * 1: one table of events with an index by stream.
 * 2: a table for each event stream; `mark`; `state_gone`; space is given back (`auto_vacuum = INCREMENTAL`).
 * 3: rows of state have an id, so that a record is written where it stands; pages of 8 KB.
 */
export function versionOf(db: DatabaseSync, file: string): number {
  const { user_version: found } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (found > SCHEMA_VERSION) {
    throw new Fault(
      'log_newer',
      `${file} was written by a newer virtbridge (log schema ${found}, this one knows ${SCHEMA_VERSION})`,
      {
        hint: 'start the newer version, or point log.path at another file; nothing was changed',
      },
    )
  }
  if (found > 0) return found
  const foreign = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table'").get() as { n: number }
  if (foreign.n === 0) return 0
  throw new Fault('log_foreign', `${file} is a SQLite database of another program`, {
    hint: 'point log.path at another file',
  })
}

/** Three records of a VM, or four events, in one. With a table that is its own index one of 2.7 KB spilled over into pages of its own. */
export const PAGE_BYTES = 8_192

/**
 * Creates the tables in an empty database.
 *
 * One sequence over all streams, so that one position orders everything a transaction made durable. A state stream keeps one row a
 * key and gives it a new sequence on each write: what a follower missed in between is compacted away, as on a compacted topic.
 */
export function create(db: DatabaseSync): void {
  // Only while there is no page yet; it needs no transaction, as it counts with the first page.
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`)
  const columns = 'seq INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL'
  const tables = EVENT_STREAMS.map(stream => `CREATE TABLE ${tableOf(stream)} (${columns});`)
  db.exec(`
    BEGIN;
    ${tables.join('\n')}
    CREATE TABLE state (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, value TEXT,
                        at INTEGER NOT NULL);
    CREATE UNIQUE INDEX state_by_key ON state (stream, key);
    CREATE UNIQUE INDEX state_by_seq ON state (stream, seq);
    CREATE INDEX state_gone ON state (at) WHERE value IS NULL;
    CREATE TABLE sequence (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
    INSERT INTO sequence VALUES (1, 0);
    CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO mark VALUES ('${MARK.id}', '${randomUUID()}');
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `)
}
