import { randomUUID } from 'node:crypto'
import { runProgram } from '../../src/cli/program.ts'

/** What one command line printed, and how it ended. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command line that runs in this process, on a terminal that remembers. */
export interface Running extends AsyncDisposable {
  readonly lines: string[]
  readonly errors: string[]
  readonly done: Promise<number>
}

/** What a person types where nobody may see it, and what the standard input has. */
export interface Typed {
  readonly hidden?: readonly string[]
  readonly input?: string
}

/** Runs a command line to its end. `yes` is what is answered when it asks. */
export async function virtbridge(
  args: readonly string[],
  env: Record<string, string> = {},
  yes = false,
  typed: Typed = {},
): Promise<Outcome> {
  const running = start(args, env, yes, false, typed)
  const code = await running.done
  return { code, out: running.lines.join('\n'), err: running.errors.join('\n') }
}

/** Starts a command line that goes on until it is disposed. */
export function start(
  args: readonly string[],
  env: Record<string, string> = {},
  yes = false,
  interactive = false,
  typed: Typed = {},
): Running {
  const hidden = [...(typed.hidden ?? [])]
  const [lines, errors, stop] = [[] as string[], [] as string[], new AbortController()]
  const done = runProgram(args, {
    env,
    signal: stop.signal,
    now: () => Date.now(),
    newId: () => randomUUID(),
    terminal: {
      out: text => void lines.push(text),
      err: text => void errors.push(text),
      colours: false,
      interactive,
      ask: () => Promise.resolve(yes),
      askHidden: () => Promise.resolve(hidden.shift() ?? null),
      input: () => Promise.resolve(typed.input ?? ''),
    },
  })
  done.catch(() => undefined)
  return {
    lines,
    errors,
    done,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done.catch(() => undefined)
    },
  }
}
