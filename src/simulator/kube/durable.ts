import { DatabaseSync } from 'node:sqlite'
import { Fault, messageOf } from '../../errors.ts'
import type { KubeObject } from './object.ts'

const SCHEMA_VERSION = 1

/** Where a store keeps its objects so that a killed process finds them again. */
export interface Durable extends Disposable {
  /** The last revision ever given out; 0 for a new file. */
  revision(): number
  objects(): Iterable<{ resource: string; object: KubeObject }>
  /** Remembers that revisions up to this one were given out. */
  advance(revision: number): void
  /** Writes or, with null, removes one object, together with the revision. On return it survives the death of the process. */
  write(revision: number, resource: string, key: string, object: KubeObject | null): void
}

/**
 * Opens a SQLite file. Every write is its own transaction in the write-ahead log: it survives `kill -9` of the process,
 * though not always the loss of power, which is enough for a simulator. The file is this process's alone until disposed.
 *
 * @throws Fault `simulator_store` when the file cannot be opened, is in use, or is of a newer version
 */
export function openDurable(file: string): Durable {
  const database = open(file)
  const upsert = database.prepare('INSERT OR REPLACE INTO object (resource, key, json) VALUES (?, ?, ?)')
  const remove = database.prepare('DELETE FROM object WHERE resource = ? AND key = ?')
  const setRevision = database.prepare('UPDATE counter SET revision = ?')
  return {
    revision: () => Number(database.prepare('SELECT revision FROM counter').get()?.['revision'] ?? 0),
    *objects() {
      for (const row of database.prepare('SELECT resource, json FROM object ORDER BY resource, key').iterate()) {
        yield { resource: String(row['resource']), object: JSON.parse(String(row['json'])) as KubeObject }
      }
    },
    advance: revision => void setRevision.run(revision),
    write(revision, resource, key, object) {
      database.exec('BEGIN')
      try {
        if (object === null) remove.run(resource, key)
        else upsert.run(resource, key, JSON.stringify(object))
        setRevision.run(revision)
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    [Symbol.dispose]() {
      if (database.isOpen) database.close()
    },
  }
}

function open(file: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file)
    // Held until the process ends, however it ends: two simulators over one file would each give out the same revisions.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN EXCLUSIVE; COMMIT',
    )
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (version > SCHEMA_VERSION) throw new Error(`it was written by a newer version (${version})`)
    if (version === 0) {
      database.exec(`BEGIN;
        CREATE TABLE object (resource TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (resource, key));
        CREATE TABLE counter (revision INTEGER NOT NULL);
        INSERT INTO counter VALUES (0);
        PRAGMA user_version = ${SCHEMA_VERSION};
        COMMIT`)
    }
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    throw new Fault('simulator_store', `cannot open the simulated cluster's store ${file}: ${messageOf(error)}`, {
      hint: /locked/.test(messageOf(error))
        ? 'another demo runs in this folder: end it, or use another folder'
        : 'check that the folder is writable, or start again with --fresh to forget it',
      cause: error,
    })
  }
}
