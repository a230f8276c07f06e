import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const LOGGER = join(import.meta.dirname, '..', '..', 'src', 'telemetry', 'logger.ts')

/** What a program of its own logs with our logger: stdout and stderr are the process's. */
function logged(people: boolean, statements: string): { lines: Record<string, unknown>[]; text: string } {
  const program = `import { createLogger } from ${JSON.stringify(LOGGER)}
    const logger = createLogger({ level: 'info', people: ${people} })
    ${statements}`
  const text = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return {
    text,
    lines: text
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as Record<string, unknown>),
  }
}

test('a line is JSON with its level in words and its time, lines below the level are not written, and what may hold a secret is cut', () => {
  const { lines, text } = logged(
    false,
    `logger.debug('not told')
     logger.info({ cluster: 'prod-1', token: 'se-cret' }, 'told')
     logger.error({ err: new Error('broken'), request: { headers: { authorization: 'Bearer se-cret' } }, config: { token: 'se-cret' } }, 'failed')`,
  )
  expect(lines).toMatchObject([
    {
      level: 'info',
      cluster: 'prod-1',
      token: '[cut]',
      msg: 'told',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    },
    { level: 'error', err: { message: 'broken' }, msg: 'failed' },
  ])
  expect(text).not.toContain('se-cret')
  expect(text).not.toContain('not told')
})

test('for people it goes to stderr, so that stdout is the answer of the command alone', () => {
  expect(logged(true, `logger.info({ cluster: 'prod-1' }, 'told')`).text).toBe('')
})

test('what is always written for the record is not, where nobody wants it; what is severe is', () => {
  const { lines } = logged(
    false,
    `for (const unaudited of [false, true]) {
       const one = createLogger({ level: 'warn', people: false, unaudited })
       const audit = one.child({ unaudited }, { level: 'info' })
       audit.info('asked')
       audit.error('failed')
     }`,
  )
  // Two loggers, each of which writes when it likes.
  expect(lines.map(({ unaudited, msg }) => `${String(unaudited)} ${String(msg)}`).sort()).toEqual([
    'false asked',
    'false failed',
    'true failed',
  ])
})
