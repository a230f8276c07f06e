import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadLedger } from '../../src/day2/index.ts'
import { pageOf } from '../../src/inventory/legacy.ts'
import type { EventLog, Stored } from '../../src/log/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { BelievedHosts } from '../../src/service/serve/believed-hosts.ts'
import { startBridge, temporaryFolder } from '../support/bridge.ts'
import { startClusters } from './clusters.ts'

const SHOP_TOKEN = 'a-token-of-the-shop-42'
const SOON = { timeout: 60_000, interval: 10 }

let stack: AsyncDisposableStack
let folder: string
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
})
afterEach(() => stack.disposeAsync())

function openLog(): Promise<EventLog> {
  return openSqliteLog({ file: join(folder, 'virtbridge.db'), retentionMs: 1e12, auditRetentionMs: 1e12 })
}

async function restored(log: EventLog): Promise<BelievedHosts> {
  const believed = new BelievedHosts(log)
  await loadLedger(log, entry => believed.restore(entry))
  return believed
}

test('how many hosts views had is known after a start; of a view that is not guarded any more nothing is', async () => {
  const log = stack.use(await openLog())
  const believed = new BelievedHosts(log)
  const guarded = new Set(['web', 'db'])
  await believed.look(
    new Map([
      ['web', 40],
      ['db', 3],
    ]),
    guarded,
  )
  const end = log.end('state.runs')
  // Of a view that was not served since the start the number before it counts.
  await believed.look(new Map([['web', 40]]), guarded)
  expect(log.end('state.runs')).toBe(end)
  await believed.look(new Map([['web', 39]]), guarded)
  const after = await restored(log)
  expect(['web', 'db', 'other'].map(view => after.of(view))).toEqual([39, 3, 0])
  await after.look(new Map(), new Set(['web']))
  expect(['web', 'db'].map(view => after.of(view))).toEqual([39, 0])
  const last = await restored(log)
  expect(['web', 'db'].map(view => last.of(view))).toEqual([39, 0])
})

test('a record of a later version is refused', async () => {
  const log = stack.use(await openLog())
  const value = { schema: 99, kind: 'believed', hosts: 1 }
  const newer = { stream: 'state.runs', key: 'believed/web', value, position: '1', at: 0 } as unknown as Stored
  expect(() => new BelievedHosts(log).restore(newer)).toThrow(expect.objectContaining({ code: 'log_newer' }))
})

test('it is looked at again and again until the end, which a log that can not be written does not hold up', async () => {
  const closing = new AbortController()
  let appended = 0
  const log = {
    append: () => {
      appended += 1
      return appended < 2 ? Promise.resolve() : new Promise<never>(() => {})
    },
  } as unknown as EventLog
  let hosts = 0
  const watched = new BelievedHosts(log).watch(
    () => {
      hosts += 1
      return [new Map([['web', hosts]]), new Set(['web'])]
    },
    closing.signal,
    1,
  )
  await expect.poll(() => appended, SOON).toBe(2)
  closing.abort()
  await watched
})

test.each([
  ['a view', 'web', '/api/v1/inventory/web', (more: object) => ({ views: [{ name: 'web', ...more }] })],
  ['the whole', '', '/api/v1/inventory', (more: object) => more],
])(
  'a bridge that is started holds %s back that had many more hosts, until somebody says that it is meant',
  async (_, view, path, settings) => {
    await hadHosts(view, 30)
    const clusters = stack.use(await startClusters(folder, 'prod-1'))
    const read = async (more: Record<string, unknown>): Promise<string> => {
      await using bridge = await startBridge(folder, { clusters: clusters.config, inventory: settings(more) })
      const answer = (): Promise<string> =>
        bridge.api.get(path).then(
          found => Object.keys(found as object).join(),
          (error: unknown) => String(error),
        )
      await expect.poll(answer, SOON).not.toContain('not read yet')
      const answered = await answer()
      return answered
    }
    expect(await read({})).toContain('29 of 30 hosts would be missing')
    expect(await read({ max_shrink: 100 })).toContain('all')
  },
)

test('a bridge that is started holds back what a token sees of a view that had many more hosts there, and of no other token', async () => {
  const within = { clusters: ['prod-1'], namespaces: ['shop'] }
  await hadHosts(pageOf({ name: 'web', within }, ''), 30)
  const clusters = stack.use(await startClusters(folder, 'prod-1'))
  const tokens = [
    { name: 'test', token: { env: 'TEST_TOKEN' }, can: ['read', 'admin'] },
    { name: 'shop', token: { env: 'SHOP_TOKEN' }, can: ['read'], ...within },
  ]
  const config = {
    clusters: clusters.config,
    inventory: { views: [{ name: 'web' }] },
    http: { listen: '127.0.0.1:0', tokens },
  }
  await using bridge = await startBridge(folder, config, { SHOP_TOKEN })
  const answer = async (token: string): Promise<string> => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${bridge.url}/api/v1/inventory/web`, { headers })).text()
  }
  await expect.poll(() => answer(SHOP_TOKEN), SOON).toContain('of 30 hosts would be missing')
  expect(await answer(bridge.token)).toContain('_meta')
})

/** A view was served with so many hosts by a bridge that is gone. */
async function hadHosts(view: string, hosts: number): Promise<void> {
  await using log = await openLog()
  await new BelievedHosts(log).look(new Map([[view, hosts]]), new Set([view]))
}
