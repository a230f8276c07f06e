import { openSqliteLog } from '../../src/log/index.ts'

/**
 * Writes the log in a file all the time, as a busy bridge does, until something comes on its standard input: an event, and the state it
 * leads to, together. Says `many` when there are many.
 */
const [file = ''] = process.argv.slice(2)
const log = await openSqliteLog({ file, retentionMs: 1e12, auditRetentionMs: 1e12 })
const stop = new AbortController()
process.stdin.once('data', () => stop.abort())
const filler = 'x'.repeat(1_000)
const write = (n: number): Promise<unknown> =>
  log.append([
    { stream: 'events.vm', key: 'c/n/vm', value: { n, filler } },
    { stream: 'state.fleet', key: 'c/n/vm', value: { n } },
    { stream: 'state.fleet', key: `c/n/vm-${n % 100}`, value: { n } },
  ])
// Two rows of appends that wait for themselves only, so that there is always a commit on its way.
let n = 0
const row = async (): Promise<void> => {
  while (!stop.signal.aborted) {
    await write(n++)
    if (n === 1_000) process.stdout.write('many\n')
  }
}
await Promise.all([row(), row(), row(), row()])
await log[Symbol.asyncDispose]()
process.stdin.destroy()
