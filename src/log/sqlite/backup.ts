import { chmodSync, existsSync, realpathSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { counted } from '../../whole-number.ts'
import { markCopied } from './copied.ts'
import { type Counts, Duplicate, place, type Progress, sync, verify } from './duplicate.ts'

export interface BackupOptions {
  /** The log, which may be written meanwhile. */
  readonly source: string
  readonly target: string
  /** Whether a file that is there is replaced. */
  readonly force: boolean
  readonly now: () => number
  /** When it aborts, nothing is left. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/** What was copied. */
export interface Backup {
  readonly file: string
  readonly bytes: number
  /** The moment of which it is, in ms since the epoch. */
  readonly at: number
  /** Entries of each stream that were counted in it. */
  readonly counts: Counts
}

/** So much goes to the disk at once, so that a writer on the same disk never waits for all of it. */
const SYNC_BYTES = 33_554_432

/**
 * Copies a log into a file of its own, which is there whole and verified, or not at all. The copy knows that it is one: a bridge on it
 * says that the log was put back.
 *
 * Throws a Fault: `backup_exists`, `backup` when it can not be made, `interrupted`, or what opening a log throws.
 */
export async function backupSqliteLog(options: BackupOptions): Promise<Backup> {
  const { source, target } = options
  refuse(options)
  const partial = `${target}.partial`
  try {
    const { at, counts } = await write(options, partial)
    const found = verify(partial)
    for (const [stream, count] of Object.entries(counts)) {
      const there = found[stream as keyof Counts]
      if (there !== count) throw new Error(`${stream} has ${counted(count, 'entry')}, and ${there} of them in the copy`)
    }
    chmodSync(partial, statSync(source).mode)
    // What an earlier file left would be laid over this one.
    for (const suffix of ['-wal', '-shm']) rmSync(`${target}${suffix}`, { force: true })
    place(partial, target)
    return { file: target, bytes: statSync(target).size, at, counts }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('backup', `${source} can not be copied to ${target}: ${messageOf(error)}`, {
      hint: 'FILE must be in a folder that this user may write, on a disk with room for the whole log; nothing was left there',
      cause: error,
    })
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true })
  }
}

function refuse({ source, target, force }: BackupOptions): void {
  if (!existsSync(source)) {
    throw new Fault('backup', `there is no log at ${source}`, { hint: 'log.path of --config says where it is' })
  }
  if (!existsSync(target)) return
  if (!force) {
    throw new Fault('backup_exists', `${target} is there already`, {
      hint: 'name another file, or give --force to replace it',
    })
  }
  // A log that a bridge holds, or held, has its lock beside it.
  if (realpathSync(target) !== realpathSync(source) && !existsSync(`${target}.lock`)) return
  throw new Fault('backup_exists', `${target} is the log of a bridge, not a copy`, { hint: 'name another file' })
}

async function write(options: BackupOptions, partial: string): Promise<{ at: number; counts: Counts }> {
  const { source, signal, onProgress, now } = options
  using duplicate = new Duplicate(source, partial)
  let synced = 0
  while (duplicate.step()) {
    const progress = duplicate.progress()
    onProgress(progress)
    if (progress.done - synced >= SYNC_BYTES) {
      sync(partial)
      synced = progress.done
    }
    await new Promise(resolve => setImmediate(resolve))
    if (signal.aborted) {
      const hint = `nothing was left in ${dirname(options.target)}`
      throw new Fault('interrupted', 'the copy was not finished', { hint })
    }
  }
  const at = now()
  const counts = duplicate.finish(db => markCopied(db, at))
  return { at, counts }
}
