import { openSqliteLog } from '../../src/log/index.ts'

/** Appends to the log of a folder for ever, one entry at a time, and prints each acknowledged position on a line of its own. */
const YEAR_MS = 31_536_000_000
const [folder = '', bytes = '0'] = process.argv.slice(2)
const log = await openSqliteLog({
  file: `${folder}/virtbridge.db`,
  retentionMs: YEAR_MS,
  auditRetentionMs: YEAR_MS,
  onHealth: health => process.stdout.write(`${health.writable ? 'writable' : `stuck ${health.reason}`}\n`),
})
const filler = 'x'.repeat(Number(bytes))
for (let n = 0; ; n += 1) {
  const position = await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n, filler } }])
  process.stdout.write(`${position}\n`)
}
