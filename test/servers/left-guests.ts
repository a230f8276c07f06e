import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../src/errors.ts'
import type { Say } from './cache.ts'

const NAME = /^virtbridge-guest-(\d+)-(\d+)-[A-Za-z0-9]{6}$/
/** What holds a guest beside its own processes, with its root among its arguments. */
const HOLDERS = new Set(['sh', 'nsenter', 'unshare'])
const PATIENCE_MS = 10_000

/** Of the folder of a guest: it says by which process it was made, and in which namespace of processes that number counts. */
export function guestPrefix(pid: number = process.pid): string {
  return `virtbridge-guest-${namespaceOf()}-${pid}-`
}

/**
 * Ends what is left of guests in `place` whose makers are gone, and removes their folders: a test that was killed together with its watchdogs
 * tidies nothing. What it can not know to be left it leaves alone: folders of another name, of another namespace of processes, or of a process
 * that is there, even if that is another by now.
 */
export async function tidyGuests(place: string, say: Say): Promise<void> {
  for (const name of readdirSync(place)) {
    const [, namespace, pid] = NAME.exec(name) ?? []
    if (namespace !== namespaceOf() || isThere(Number(pid))) continue
    const folder = join(place, name)
    say(`${folder} is left of process ${pid}, which is gone: what runs in it is ended, and it is removed`)
    await endGuest(folder)
    await removeGuest(folder)
  }
}

/** Removes the folder of a guest, unless something is mounted there: a bind mount of the machine's own files would be deleted with the rest. */
export async function removeGuest(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map(line => line.split(' ')[4] ?? '')
  const left = mounts.filter(mount => mount.startsWith(`${folder}/`))
  if (left.length > 0) throw new Fault('guest_mounted', `not deleted, for these are mounted: ${left.join(', ')}`)
  await rm(folder, { recursive: true, force: true })
}

function namespaceOf(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? ''
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** What holds a guest starts it again, so it is looked until there is nothing. */
async function endGuest(folder: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (let left = processesOf(folder); left.length > 0; left = processesOf(folder)) {
    if (performance.now() > deadline)
      throw new Fault('guest_left', `these do not end: ${left.join(', ')}, of ${folder}`)
    for (const pid of left) end(pid)
    await sleep(25)
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself since.
  }
}

/** Those that run in the guest of a folder, or hold it. What is dead and was not waited for has neither a root nor arguments any more. */
function processesOf(folder: string): readonly number[] {
  const root = join(folder, 'root')
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return all.filter(pid => read(() => readlinkSync(`/proc/${pid}/root`)) === root || holds(pid, root)).map(Number)
}

function holds(pid: string, root: string): boolean {
  const [program = '', ...args] = read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  return HOLDERS.has(basename(program)) && args.includes(root)
}

/** What a file of a process says; nothing where the process is gone, or is none of ours. */
function read(file: () => string): string {
  try {
    return file()
  } catch {
    return ''
  }
}
