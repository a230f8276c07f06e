import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 250

/** What `acquireLock` needs to know besides the path: what the lock protects, for the line that tells a waiter, and where to say it. */
export interface LockOptions {
  readonly what: string
  readonly say: (line: string) => void
  readonly signal?: AbortSignal
}

/**
 * Holds the lock file `path` until disposed; waits, and says once for whom, while another process (or thread) holds it.
 *
 * The lock is SQLite's write lock on an empty database, so it is the kernel's: it ends with the process that holds it, however
 * that process ends, and no waiter ever has to guess whether a process id was given to another program meanwhile. Keep the
 * result: collected as garbage, it unlocks.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true })
  const holder = `${path}.holder`
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    let said = false
    for (let tries = 1; !tryLock(database); tries += 1) {
      const pid = await readFile(holder, 'utf8').catch(() => '')
      // Who has just got it may not have written down who it is.
      if (!said && (pid !== '' || tries > 4)) {
        said = true
        options.say(`waiting: ${pid === '' ? 'another process' : `process ${pid}`} is already at ${options.what}`)
      }
      await sleep(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal })
    }
  } catch (error) {
    database.close()
    throw error
  }
  await writeFile(holder, String(process.pid))
  return {
    async [Symbol.asyncDispose]() {
      await rm(holder, { force: true })
      database.close()
    },
  }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

/** SQLITE_BUSY is 5; its extended codes carry it in the low byte. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5
  )
}
