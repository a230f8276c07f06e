import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqliteLog } from '../../src/log/index.ts'
import { KAFKA_LIFE, killAtAwaits, SQLITE_LIFE } from '../chaos/lives.ts'
import { judge } from '../chaos/load.ts'
import { openIn } from '../log/kafka/place.ts'
import { startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const YEAR_MS = 31_536_000_000
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const LIVES = Number(process.env['LIVES'] ?? 200)

test(`a writer killed at ${LIVES} random awaits (SEED=${SEED}) on Kafka`, async () => {
  await using kafka = await startKafka()
  await using folder = await temporaryFolder()
  const work = { folder: folder.path, brokers: kafka.brokers }
  const promised = await killAtAwaits(work, { seed: SEED, lives: LIVES, span: KAFKA_LIFE })
  await using log = await openIn(folder.path, kafka.brokers)
  const { wrong, repeated, events } = await judge(log, promised)
  console.log(`SEED=${SEED} LIVES=${LIVES} events ${events}`)
  expect({ wrong, repeated }).toEqual({ wrong: [], repeated: 0 })
  expect(events).toBeGreaterThan(LIVES)
})

test(`a writer killed at ${LIVES} random awaits (SEED=${SEED}) on SQLite`, async () => {
  await using folder = await temporaryFolder()
  const work = { folder: folder.path, brokers: [] }
  const promised = await killAtAwaits(work, { seed: SEED, lives: LIVES, span: SQLITE_LIFE })
  const file = join(folder.path, 'virtbridge.db')
  await using log = await openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
  const { wrong, repeated, events } = await judge(log, promised)
  console.log(`SEED=${SEED} LIVES=${LIVES} events ${events}`)
  expect({ wrong, repeated }).toEqual({ wrong: [], repeated: 0 })
  expect(events).toBeGreaterThan(LIVES)
})
