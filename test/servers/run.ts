import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Fault } from '../../src/errors.ts'

const keptBytes = 1024 * 1024
const toldLines = 15

/** How to run a program: its whole environment (nothing is inherited unless given), its folder, and what may end it early. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
  readonly signal?: AbortSignal
  /** Hears what was printed until now, each time that there is more. */
  readonly heard?: (stdout: string) => void
}

/** What a program left: its exit status (`null` when a signal ended it) and the last megabyte of each stream. */
export interface RunResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end and tells how it ended; throws only when it cannot be started. */
export async function runToEnd(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = spawn(command, args, {
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout = (stdout + text).slice(-keptBytes)))
  if (options.heard !== undefined) child.stdout?.on('data', () => options.heard?.(stdout))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-keptBytes)))
  if (options.input !== undefined) child.stdin?.end(options.input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

/** Runs a program that must succeed and returns its standard output; else a `Fault` that carries the command and its last lines. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await runToEnd(command, args, options).catch((error: unknown) => {
    throw new Fault('command_not_started', `cannot start ${command}`, { cause: error })
  })
  if (status === 0) return stdout
  const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-toldLines).join('\n')
  throw new Fault('command_failed', `${[command, ...args].join(' ')} ended with status ${status}:\n${tail}`)
}
