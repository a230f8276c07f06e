import { openSqliteLog } from '../../src/log/index.ts'

/**
 * Appends to the log of a folder for ever, and prints each acknowledged position on a line of its own. One entry at a time, or so many that
 * wait at once.
 */
const YEAR_MS = 31_536_000_000
const [folder = '', bytes = '0', atOnce = '1'] = process.argv.slice(2)
const log = await openSqliteLog({
  file: `${folder}/virtbridge.db`,
  retentionMs: YEAR_MS,
  auditRetentionMs: YEAR_MS,
  onHealth: health => process.stdout.write(`${health.writable ? 'writable' : `stuck ${health.reason}`}\n`),
})
const filler = 'x'.repeat(Number(bytes))
let n = 0
async function append(): Promise<void> {
  for (;;) {
    const position = await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: n++, filler } }])
    process.stdout.write(`${position}\n`)
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, append))
