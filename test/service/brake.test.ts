import { join } from 'node:path'
import { expect, test } from 'vitest'
import { braked } from '../../src/day2/brake.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { startClusters } from './clusters.ts'

const SOON = { timeout: 60_000, interval: 20 }
const AT = Date.UTC(2026, 10, 21)
const ID = '8d0c1c52-2f0e-4c37-a1a5-6e1f5b9d2c10'
const REASON = 'more than 50 hosts would start by themselves within 3600 s'
const BECAUSE = `held by the brake since 2026-11-21T00:00:00.000Z: ${REASON}; virtbridge brake release lets it go on`

/** What `/readyz` says of the brake; null when nothing. */
async function checked(bridge: Bridge): Promise<object | null> {
  const answer = await fetch(`${bridge.url}/readyz`)
  expect(answer.status).toBe(200)
  const { checks } = (await answer.json()) as { checks: readonly { name: string }[] }
  return checks.find(({ name }) => name === 'brake') ?? null
}

test('a brake that was set before a restart is told until a person releases it, who is on record', async () => {
  await using folder = await temporaryFolder()
  {
    await using log = await openSqliteLog({
      file: join(folder.path, 'virtbridge.db'),
      retentionMs: 1e12,
      auditRetentionMs: 1e12,
    })
    await log.append(braked({ schema: 5, kind: 'brake', id: ID, at: AT, reason: REASON, hosts: 7 }))
  }
  // Nobody is there: a person's word needs no controller.
  const controller = { url: 'http://127.0.0.1:9', token: { env: 'TEST_TOKEN' } }
  await using clusters = await startClusters(folder.path, 'prod-1')
  await using bridge = await startBridge(folder.path, { clusters: clusters.config, controller })
  await expect
    .poll(() => checked(bridge), SOON)
    .toEqual({ name: 'brake', ok: false, reason: BECAUSE, hint: 'virtbridge brake shows which hosts wait' })
  const metrics = async (): Promise<string> => (await fetch(`${bridge.url}/metrics`)).text()
  expect(await metrics()).toContain('\nvirtbridge_brake_held 1\n')
  await expect.poll(metrics, SOON).toContain('\nvirtbridge_alarms_total 1\n')
  expect(await bridge.api.get('/api/v1/brake')).toEqual({
    held: { id: ID, at: AT, because: BECAUSE },
    due: 0,
    hosts: [],
  })
  await bridge.api.post('/api/v1/brake/release', { brake: ID })
  await expect.poll(() => checked(bridge), SOON).toBeNull()
  await expect.poll(metrics, SOON).toContain('\nvirtbridge_brake_held 0\n')
  const told = (await bridge.day2()).map(({ data }) => `${data.fact} ${data.run.asked_by}`)
  expect(told).toEqual(['brake_set bridge', 'brake_released test'])
})
