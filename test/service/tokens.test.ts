import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { startClusters } from './clusters.ts'

const SOON = { timeout: 60_000, interval: 20 }
const VALUES = { part: 'part-of-the-fleet-alone', ended: 'ended-a-long-time-ago', hashed: 'known-by-its-hash-alone' }

test('what the configuration says of a token counts: its part of the fleet, its end, its hash, and a new value beside the old', async () => {
  await using folder = await temporaryFolder()
  const sha256 = createHash('sha256').update(VALUES.hashed).digest('hex')
  await fileIn(folder.path, 'hashed', `sha256:${sha256}\n`)
  await using clusters = await startClusters(folder.path, 'prod-1', 'dev-1')
  const tokens = [
    { name: 'test', token: { env: 'TEST_TOKEN' }, can: ['read'] },
    { name: 'part', token: { env: 'PART' }, clusters: ['dev-1'] },
    { name: 'ended', token: { env: 'ENDED' }, expires: '2020-01-01' },
    { name: 'hashed', token: { file: 'hashed' } },
  ]
  const config = { http: { listen: '127.0.0.1:0', tokens }, clusters: clusters.config }
  await using bridge = await startBridge(folder.path, config, { PART: VALUES.part, ENDED: VALUES.ended })
  const ask = async (path: string, token: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${bridge.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    return { status: answer.status, text: await answer.text() }
  }
  await expect.poll(async () => (await ask('/api/v1/inventory', bridge.token)).status, SOON).toBe(200)
  expect((await ask('/api/v1/inventory', bridge.token)).text).toContain('web-1.shop.prod-1')
  for (const path of ['/api/v1/inventory', '/api/v1/vms', '/api/v1/clusters', '/api/v1/events?limit=500']) {
    const { status, text } = await ask(path, VALUES.part)
    expect([path, status, text.includes('dev-1'), text.includes('prod-1')]).toEqual([path, 200, true, false])
  }
  expect((await ask('/api/v1/vms', VALUES.ended)).text).toContain('token_expired')
  expect([
    (await ask('/api/v1/vms', VALUES.hashed)).status,
    (await ask('/api/v1/vms', `sha256:${sha256}`)).status,
  ]).toEqual([200, 401])
  await fileIn(folder.path, 'hashed', `sha256:${sha256}\nthe-new-value-beside-it\n`)
  await expect.poll(async () => (await ask('/api/v1/vms', 'the-new-value-beside-it')).status, SOON).toBe(200)
  expect((await ask('/api/v1/vms', VALUES.hashed)).status).toBe(200)
})
