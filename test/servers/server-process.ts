import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../src/errors.ts'

const toldLines = 20

/** A program to keep running: its whole environment, the file its output goes to, and a folder that must not outlive it. */
export interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly logFile: string
  /** Removed by the watchdog when this process dies without stopping the server. */
  readonly folder: string
}

/**
 * A server in a process group of its own, so that Ctrl-C in a terminal leaves its end to us.
 *
 * It never outlives this process: a watchdog reads a pipe that only we hold, and when the pipe ends, however we died, it
 * kills the server's group and removes its folder.
 */
export class ServerProcess implements AsyncDisposable {
  readonly #command: ServerCommand
  readonly #child: ChildProcess
  readonly #watchdog: ChildProcess
  readonly #exited: Promise<void>

  constructor(command: ServerCommand) {
    this.#command = command
    const log = openSync(command.logFile, 'a', 0o600)
    try {
      const stdio = ['ignore', log, log] as const
      const env = command.env ?? { PATH: process.env['PATH'], HOME: command.folder }
      this.#child = spawn(command.program, command.args, {
        stdio: [...stdio],
        detached: true,
        env,
        cwd: command.folder,
      })
    } finally {
      closeSync(log)
    }
    this.#exited = new Promise(resolve => {
      this.#child.once('exit', () => resolve())
      this.#child.once('error', () => resolve())
    })
    this.#watchdog = watch(this.#child.pid, command.folder)
  }

  /** The process id, which is also the id of its group. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends a signal to the whole group; with one that ends it, resolves when it has ended. SIGSTOP and SIGCONT return at once. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return
    process.kill(-this.pid, signal)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
    await this.#exited
  }

  /** Polls `ready` until it holds; a `Fault` with the last lines of the log when the server ended or the deadline passed first. */
  async waitUntil(ready: () => Promise<boolean>, what: string, timeoutMs = 300_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!(await ready())) {
      if (!this.running) throw new Fault('server_ended', `${await this.#told()}\nended before ${what}`)
      if (performance.now() > deadline)
        throw new Fault('server_slow', `${await this.#told()}\nnot ${what} after ${timeoutMs} ms`)
      await sleep(25)
    }
  }

  /** Kills the group, waits for its end, and lets the watchdog go. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal('SIGKILL')
    if (this.#watchdog.exitCode !== null || this.#watchdog.signalCode !== null) return
    // It is waited for now, so it has to keep this process alive.
    this.#watchdog.ref()
    const gone = once(this.#watchdog, 'exit')
    this.#watchdog.kill('SIGKILL')
    await gone
  }

  async #told(): Promise<string> {
    const log = await readFile(this.#command.logFile, 'utf8').catch(() => '')
    return `${this.#command.program}:\n${log.trimEnd().split('\n').slice(-toldLines).join('\n')}`
  }
}

/** `read` ends when the write end of the pipe closes, which the kernel does for a process that dies. In a session of its own, it hears no Ctrl-C. */
function watch(pid: number | undefined, folder: string): ChildProcess {
  const script = 'trap "" INT TERM HUP; read -r _; [ -z "$1" ] || kill -s KILL -- "-$1" 2>/dev/null; rm -rf -- "$2"'
  const args = ['-c', script, 'watchdog', pid === undefined ? '' : String(pid), folder]
  const watchdog = spawn('/bin/sh', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' })
  // It is there for the end of this process: it must not put that end off.
  watchdog.unref()
  return watchdog
}
