import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Entry, type EventLog, openSqliteLog } from '../../src/log/index.ts'

/** The one real log of a test file: opening one takes longer than most tests. Each world finds it empty of runs and commands. */
let place: { path: string; log: EventLog } | null = null

/** On a disk that needs not to spin: durability is not what these tests are about. */
async function quickFolder(): Promise<string> {
  const quick = mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virtbridge-day2-'))
  return quick.catch(() => mkdtemp(join(tmpdir(), 'virtbridge-day2-')))
}

function open(path: string): Promise<EventLog> {
  return openSqliteLog({ file: join(path, 'log.db'), retentionMs: 1e12, auditRetentionMs: 1e12 })
}

/** The log, as if nothing had ever been launched: no state of runs, and all commands of before taken in. */
export async function emptyLog(): Promise<EventLog> {
  if (place === null) {
    const path = await quickFolder()
    place = { path, log: await open(path) }
  }
  const { log } = place
  const entries: Entry[] = []
  for await (const { stream, key } of log.latest('state.runs')) entries.push({ stream, key, value: null })
  const position = { schema: 1, kind: 'position', position: log.end('commands') }
  await log.append([...entries, { stream: 'state.runs', key: 'position/commands', value: position }])
  return log
}

/** Every byte of it on disk, as text: what went too, until its room is used again. */
export async function bytesOfLog(): Promise<string> {
  const path = place?.path ?? ''
  const files = await Promise.all((await readdir(path)).map(file => readFile(join(path, file), 'latin1')))
  return files.join('')
}

/** The same log, closed and opened again. */
export async function reopenedLog(): Promise<EventLog> {
  if (place === null) return emptyLog()
  await place.log[Symbol.asyncDispose]()
  place.log = await open(place.path)
  return place.log
}

afterAll(async () => {
  await place?.log[Symbol.asyncDispose]()
  if (place !== null) await rm(place.path, { recursive: true, force: true })
})
