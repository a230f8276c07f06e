import type { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../errors.ts'

/** The schema this program writes. A database with a larger one is refused. */
export const SCHEMA_VERSION = 1

/**
 * Creates the tables, or refuses a database that another or a newer program wrote.
 *
 * One sequence over all streams, so that one position orders everything a transaction made durable. A state stream keeps one row a
 * key and gives it a new sequence on each write: what a follower missed in between is compacted away, as on a compacted topic.
 */
export function migrate(db: DatabaseSync, file: string): void {
  const found = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (found > SCHEMA_VERSION) {
    throw new Fault(
      'log_newer',
      `${file} was written by a newer virtbridge (log schema ${found}, this one knows ${SCHEMA_VERSION})`,
      {
        hint: 'start the newer version, or point log.path at another file; nothing was changed',
      },
    )
  }
  if (found === SCHEMA_VERSION) return
  const foreign = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table'").get() as { n: number }
  if (foreign.n > 0) {
    throw new Fault('log_foreign', `${file} is a SQLite database of another program`, {
      hint: 'point log.path at another file',
    })
  }
  db.exec(`
    BEGIN;
    CREATE TABLE event (seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX event_by_stream ON event (stream, seq);
    CREATE TABLE state (stream TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, value TEXT, at INTEGER NOT NULL,
                        PRIMARY KEY (stream, key)) WITHOUT ROWID;
    CREATE UNIQUE INDEX state_by_seq ON state (stream, seq);
    CREATE TABLE sequence (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
    INSERT INTO sequence VALUES (1, 0);
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `)
}
