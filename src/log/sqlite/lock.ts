import { readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../errors.ts'

/** Who holds a log, as its lock tells. */
export interface Holder {
  readonly pid: number
  readonly host: string
  readonly since: string
}

/**
 * statfs(2) magic numbers of file systems on which POSIX locks can not be trusted (https://sqlite.org/faq.html#q5): NFS, SMB, SMB2,
 * CIFS, AFS, Ceph, 9p.
 */
const NETWORK_FILE_SYSTEMS = new Map<number, string>([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9p'],
])

/** The name of the network file system with this statfs(2) type; undefined for a local one. */
export function networkFileSystem(magic: number): string | undefined {
  return NETWORK_FILE_SYSTEMS.get(magic)
}

/**
 * Takes the log for the life of this process: one writer, however it was started.
 *
 * The lock is an open exclusive transaction on a database beside the log, so the operating system releases it when the process dies,
 * by whatever signal. Throws a Fault `log_held` that says who holds it, or `log_network` on a network file system.
 */
export function takeLock(logFile: string, holder: Holder): Disposable {
  const network = networkFileSystem(statfsSync(dirname(logFile)).type)
  if (network !== undefined) {
    throw new Fault('log_network', `${logFile} is on a network file system (${network}), where a lock proves nothing`, {
      hint: 'put log.path on a local disk or a block volume that one node mounts',
    })
  }
  const lock = new DatabaseSync(`${logFile}.lock`)
  try {
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isBusy(error)) throw error
    throw new Fault('log_held', `${logFile} is held by ${describeHolder(logFile)}`, {
      hint: 'stop that process first, or give this one another log.path; two writers would both watch and both launch',
      cause: error,
    })
  }
  writeFileSync(`${logFile}.holder`, JSON.stringify(holder))
  return {
    [Symbol.dispose](): void {
      lock.close()
    },
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}

function describeHolder(logFile: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(`${logFile}.holder`, 'utf8')) as Holder
    return `process ${pid} on ${host}, since ${since}`
  } catch {
    return 'another process'
  }
}
