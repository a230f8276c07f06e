import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { makePrivate } from '../log/index.ts'

const VERSION = 3

const SCHEMA = `
  CREATE TABLE result (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, run TEXT NOT NULL, verb TEXT NOT NULL, template TEXT NOT NULL,
    asked_by TEXT NOT NULL, asked_because TEXT NOT NULL, trigger TEXT NOT NULL, allowed_by TEXT NOT NULL, attempts INTEGER NOT NULL,
    step TEXT NOT NULL, job INTEGER NOT NULL, host TEXT NOT NULL, key TEXT NOT NULL, vm_uid TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL
  ) STRICT;
  CREATE INDEX by_host ON result (host, at, seq);
  CREATE UNIQUE INDEX by_run ON result (run, host);
  CREATE INDEX by_time ON result (at, seq);
  CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), at TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${VERSION};
`
/** Made anew, it is written at random places: few checkpoints and some memory make that several times as fast. */
const PRAGMAS = `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -16384`

/** The tables of the index, made anew where the file is none of this version. `file`: null keeps them in memory. Throws when the file can not be made. */
export function openDatabase(file: string | null): DatabaseSync {
  if (file === null) return prepared(new DatabaseSync(':memory:'))
  const open = (): DatabaseSync => {
    makePrivate(file)
    return prepared(new DatabaseSync(file))
  }
  try {
    return open()
  } catch {
    for (const part of ['', '-wal', '-shm']) rmSync(`${file}${part}`, { force: true })
    return open()
  }
}

/** Throws when it is no index of this version. What a crash takes from it is read again. */
function prepared(database: DatabaseSync): DatabaseSync {
  try {
    database.exec(PRAGMAS)
    const version = database.prepare('PRAGMA user_version').get()?.['user_version']
    const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']
    if (version === 0 && tables === 0) database.exec(SCHEMA)
    else if (version !== VERSION) throw new Error(`an index of version ${String(version)}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
