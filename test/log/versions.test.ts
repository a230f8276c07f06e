import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CLUSTER_SCHEMA } from '../../src/cluster/index.ts'
import { COMMAND_SCHEMA, LEDGER_SCHEMA, loadLedger, refuseNewerCommands } from '../../src/day2/index.ts'
import { loadFleet } from '../../src/fleet/index.ts'
import { openSqliteLog, RECORDS_VERSION, refuseNewer, START } from '../../src/log/index.ts'
import { DEAD_LETTER_SCHEMA } from '../../src/log/dead-letter.ts'
import { RECORD_SCHEMA } from '../../src/vm/index.ts'
import { faultsOf, type Kind } from '../event/published.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { known, NEWER, V1, versions } from './versions.ts'

versions('SQLite', {
  kinds: Infinity,
  config: () => ({ path: './virtbridge.db' }),
  open: folder => openSqliteLog({ file: join(folder, 'virtbridge.db'), retentionMs: 1e12, auditRetentionMs: 1e12 }),
})

/** The schema of each record, by the version of them all. A row is never changed; a new schema of any is a new row. */
const HISTORY: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  1: { vm: 1, cluster: 1, ledger: 1, command: 1, dead: 1 },
  2: { vm: 1, cluster: 1, ledger: 2, command: 1, dead: 1 },
  3: { vm: 1, cluster: 1, ledger: 3, command: 2, dead: 1 },
  4: { vm: 1, cluster: 1, ledger: 4, command: 3, dead: 1 },
  5: { vm: 1, cluster: 1, ledger: 5, command: 3, dead: 1 },
  6: { vm: 1, cluster: 1, ledger: 6, command: 3, dead: 1 },
}

test('the version of all records grows with that of any, or an old program would take the log over before it finds what it can not read', () => {
  const schemas = {
    vm: RECORD_SCHEMA,
    cluster: CLUSTER_SCHEMA,
    ledger: LEDGER_SCHEMA,
    command: COMMAND_SCHEMA,
    dead: DEAD_LETTER_SCHEMA,
  }
  expect(HISTORY[RECORDS_VERSION]).toEqual(schemas)
  expect(Object.keys(HISTORY).at(-1)).toBe(String(RECORDS_VERSION))
})

test('every record that is stored says its schema version', () => {
  const unversioned = V1.filter(({ value }) => {
    const { schema, data } = value as { schema?: unknown; data?: { schema_version?: unknown } }
    return schema !== 1 && data?.schema_version !== 1
  })
  expect(unversioned).toEqual([])
  expect(new Set(V1.map(({ stream }) => stream)).size).toBe(7)
})

test.each(V1.filter(({ stream }) => /^events\.(vm|cluster|day2)$/.test(stream)))(
  'an event of version 1 is still one of its published schema: $key',
  ({ stream, value }) => {
    expect(faultsOf(stream.slice('events.'.length) as Kind, value)).toEqual([])
  },
)

test.each([
  ['of a schema that is known', { schema: 1 }],
  ['older', { schema: 0 }],
  ['without a schema, from before there were any', {}],
  ['a tombstone', null],
])('a record %s is read', (_what, value) => {
  expect(() => refuseNewer({ stream: 'state.fleet', key: 'c/n/vm', value }, 1)).not.toThrow()
})

test('every kind of record of a later schema is refused by who reads it, by its stream, its key and both versions', async () => {
  await using folder = await temporaryFolder()
  await using log = await openSqliteLog({ file: join(folder.path, 'v.db'), retentionMs: 1e12, auditRetentionMs: 1e12 })
  expect(NEWER.map(({ key }) => key.replaceAll(/[0-9a-f-]{36}/g, 'id'))).toEqual([
    'id',
    'prod-1',
    'prod-1/shop/web-1',
    'position/commands',
    'run/id',
    'run/id/web-2.shop.prod-1',
    'vm/id/onboard',
  ])
  for (const entry of NEWER) {
    await log.append([entry])
    const reading = async (): Promise<unknown> => {
      await loadFleet(log)
      await loadLedger(log)
      return refuseNewerCommands(log, START)
    }
    await expect(reading()).rejects.toMatchObject({
      code: 'log_newer',
      message: `${entry.stream} has ${entry.key} by a newer virtbridge (record schema 99, this one knows ${known(entry)})`,
    })
    if (entry.stream !== 'commands') await log.append([{ ...entry, value: null }])
  }
})
