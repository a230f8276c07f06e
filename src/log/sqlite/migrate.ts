import { chmodSync, existsSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../errors.ts'
import { Duplicate, place } from './duplicate.ts'
import { SCHEMA_VERSION, versionOf } from './schema.ts'

/** Room that a migration needs beside the log, as a share of its size. */
const ROOM = 1.1

/**
 * Brings a log of an older virtbridge to the schema of this one: a copy is made beside it and takes its place when it is whole, so
 * whatever interrupts it leaves the log as it was. Whoever calls holds the lock.
 *
 * Throws a Fault `log_migrate` when it can not, `log_newer` or `log_foreign` for what is not ours to touch.
 */
export function migrate(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return
  const file = realpathSync(path)
  const copy = `${file}.migrating`
  rmSync(copy, { force: true })
  const version = settle(file)
  if (version === 0 || version === SCHEMA_VERSION) return
  const { size, mode } = statSync(file)
  const { bavail, bsize } = statfsSync(dirname(file))
  if (bavail * bsize < size * ROOM) throw noRoom(file, size)
  try {
    using duplicate = new Duplicate(file, copy)
    while (duplicate.step());
    duplicate.finish(() => undefined)
    duplicate[Symbol.dispose]()
    chmodSync(copy, mode)
    place(copy, file)
  } finally {
    rmSync(copy, { force: true })
  }
}

/**
 * Room in bytes that the start needs beside a log to migrate it; 0 for one that is not migrated. Throws as opening it does; nothing is
 * changed.
 */
export function roomToMigrate(path: string): number {
  const file = realpathSync(path)
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const version = versionOf(db, file)
    return version === 0 || version === SCHEMA_VERSION ? 0 : Math.ceil(statSync(file).size * ROOM)
  } finally {
    db.close()
  }
}

/** The schema of a log. An older one is made one file, with nothing left in its write-ahead log, before another takes its name. */
function settle(file: string): number {
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA busy_timeout = 5000')
    const version = versionOf(db, file)
    if (version === 0 || version === SCHEMA_VERSION) return version
    const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    const { journal_mode } = db.prepare('PRAGMA journal_mode = DELETE').get() as { journal_mode: string }
    if (busy === 0 && journal_mode === 'delete') return version
    throw held(file)
  } catch (error) {
    // What it was opened for is not possible while somebody reads it.
    throw error instanceof Error && 'errcode' in error && error.errcode === 5 ? held(file) : error
  } finally {
    db.close()
  }
}

function held(file: string): Fault {
  return new Fault('log_migrate', `${file} is of an older virtbridge, and another program has it open`, {
    hint: 'end that program (fuser names it), then start again; nothing was changed',
  })
}

function noRoom(file: string, size: number): Fault {
  const megabytes = Math.ceil((size * ROOM) / 1_048_576)
  return new Fault(
    'log_migrate',
    `${file} is of an older virtbridge: to migrate it, its disk needs ${megabytes} MB more`,
    {
      hint: 'make room on its disk, then start again; nothing was changed',
    },
  )
}
