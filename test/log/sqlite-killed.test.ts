import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqliteLog } from '../../src/log/index.ts'
import { killAtAwaits, SQLITE_LIFE } from '../chaos/lives.ts'
import { judge } from '../chaos/load.ts'
import { temporaryFolder } from '../support/bridge.ts'

const YEAR_MS = 31_536_000_000
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const LIVES = Number(process.env['LIVES'] ?? 10)

test(`a process killed at ${LIVES} random awaits (SEED=${SEED}): what the SQLite log acknowledged is there, once and in order`, async () => {
  await using folder = await temporaryFolder()
  const work = { folder: folder.path, brokers: [] }
  const promised = await killAtAwaits(work, { seed: SEED, lives: LIVES, span: SQLITE_LIFE })
  const file = join(folder.path, 'virtbridge.db')
  await using log = await openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
  const { wrong, repeated, events } = await judge(log, promised)
  expect({ wrong, repeated }).toEqual({ wrong: [], repeated: 0 })
  expect(events).toBeGreaterThan(0)
})
