import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import { messageOf } from './errors.ts'
import { EXIT } from './cli/exit.ts'
import { hiddenAnswer } from './cli/hidden-answer.ts'
import { runProgram } from './cli/program.ts'
import { harmless } from './cli/terminal.ts'

/**
 * The only file that touches `process`: arguments, environment, standard streams, signals, exit code. All of it reaches the program as
 * arguments of `runProgram()`, so that tests can give their own.
 *
 * SIGINT and SIGTERM ask for an orderly end; a second one exits at once with 130. An error that is no Fault is a bug of ours: its stack
 * is printed, and the exit code is 70.
 */
const closing = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    closing.abort()
    // A second signal means that the person will not wait for the orderly end.
    process.once(name, () => process.exit(EXIT.cutShort))
  })
}
process.stdout.on('error', error => {
  // The reader of the pipe has gone, as in `virtbridge events --follow | head`: a normal end.
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

const interactive = process.stdin.isTTY && process.stderr.isTTY
const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined

try {
  process.exitCode = await runProgram(process.argv.slice(2), {
    env: process.env,
    signal: closing.signal,
    now: () => Date.now(),
    newId: () => randomUUID(),
    onHangup: asked => {
      process.on('SIGHUP', asked)
      return () => process.off('SIGHUP', asked)
    },
    terminal: {
      // Another program gets it as it is.
      out: text => process.stdout.write(`${process.stdout.isTTY ? harmless(text) : text}\n`),
      err: text => process.stderr.write(`${process.stderr.isTTY ? harmless(text) : text}\n`),
      colours,
      interactive,
      ask: async question => {
        if (!interactive) return false
        const lines = createInterface({ input: process.stdin, output: process.stderr })
        const answer = await lines
          .question(`${question} [y/N] `, { signal: closing.signal })
          .finally(() => lines.close())
        return /^y(es)?$/i.test(answer.trim())
      },
      askHidden: async question => {
        if (!interactive) return null
        return hiddenAnswer(question, { input: process.stdin, output: process.stderr, signal: closing.signal })
      },
      input: async most => {
        let text = ''
        for await (const chunk of process.stdin.setEncoding('utf8')) {
          text += String(chunk)
          if (text.length > most) break
        }
        return text
      },
    },
  })
} catch (error) {
  process.stderr.write(`virtbridge: ${error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error)}\n`)
  process.exitCode = EXIT.bug
}
