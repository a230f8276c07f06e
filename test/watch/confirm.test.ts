import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { virtbridge } from '../cli/console.ts'
import { startWorld, TOKEN, type World } from '../kube/world.ts'
import { kubeconfig } from '../service/clusters.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

const PATIENT = { timeout: 10_000, interval: 20 }
const NAMES = Array.from({ length: 6 }, (_, index) => `vm-${index}`)

interface Place {
  readonly folder: string
  readonly at: World
  readonly start: () => Promise<Bridge>
}

/** A cluster that was adopted, and of whose VMs a list then lacks all. */
async function bereaved(): Promise<Place> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const at = await startWorld()
  onTestFinished(() => at[Symbol.asyncDispose]())
  await fileIn(folder.path, 'kubeconfig', kubeconfig([{ name: 'prod-1', url: at.server.url, token: TOKEN }]))
  const start = async (): Promise<Bridge> => {
    const config = { clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }] }
    const bridge = await startBridge(folder.path, config)
    onTestFinished(() => bridge[Symbol.asyncDispose]())
    return bridge
  }
  for (const name of NAMES) at.addVm(name)
  const first = await start()
  await expect.poll(() => standing(first), PATIENT).toMatchObject({ status: 'synced', vms: 6 })
  await first[Symbol.asyncDispose]()
  for (const name of NAMES) at.removeVm(name)
  return { folder: folder.path, at, start }
}

async function standing(bridge: Bridge): Promise<ClusterRecord | undefined> {
  const { clusters } = (await bridge.api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  return clusters[0]
}

async function gone(bridge: Bridge): Promise<number> {
  return (await bridge.events()).filter(({ data }) => data.fact === 'deleted').length
}

test('a person looks which VMs are missing, and confirms these; what another look showed confirms nothing', async () => {
  const { start } = await bereaved()
  const bridge = await start()
  await expect.poll(() => standing(bridge), PATIENT).toMatchObject({ status: 'held', missing: 6 })
  const env = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token }
  const ask = (...more: string[]): ReturnType<typeof virtbridge> =>
    virtbridge(['confirm-deletions', 'prod-1', ...more], env)
  const { missing_digest: digest } = (await standing(bridge)) ?? { missing_digest: '' }

  const look = await ask()
  expect([look.code, look.err]).toEqual([1, expect.stringContaining('nothing was changed') as string])
  expect(look.out.split('\n')).toEqual([
    expect.stringMatching(/^6 of 6 VMs of prod-1 are missing since \d{4}-\d\d-\d\dT/),
    ...NAMES.map(name => `  shop/${name}`),
    `digest ${digest}`,
  ])
  expect(JSON.parse((await ask('--json')).out)).toMatchObject({ cluster: 'prod-1', missing: 6, digest })
  expect(await ask('--yes', '--digest', '0000000000000000')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/other VMs of "prod-1" are missing now.*\n.*look again/) as string,
  })
  expect(await gone(bridge)).toBe(0)

  expect(await ask('--yes', '--digest', digest)).toMatchObject({
    code: 0,
    err: '6 VMs of prod-1 will be told as deleted',
  })
  await expect.poll(() => gone(bridge), PATIENT).toBe(6)
  await expect.poll(() => standing(bridge), PATIENT).toMatchObject({ status: 'synced', vms: 0, missing: 0 })
})

test('a confirmation that comes while nobody watches is not lost, and is worth nothing in another hold', async () => {
  const { folder, at, start } = await bereaved()
  const second = await start()
  await expect.poll(() => standing(second), PATIENT).toMatchObject({ status: 'held' })
  const { missing_digest: digest } = (await standing(second)) ?? { missing_digest: '' }
  await second[Symbol.asyncDispose]()
  {
    await using log = await openSqliteLog({
      file: join(folder, 'virtbridge.db'),
      retentionMs: 1e12,
      auditRetentionMs: 1e12,
    })
    const command = {
      schema: 1,
      kind: 'confirm',
      id: 'c',
      cluster: 'prod-1',
      digest,
      asked_by: 'admin',
      at: Date.now(),
    }
    await log.append([{ stream: 'commands', key: 'c', value: command }])
  }
  const third = await start()
  await expect.poll(() => gone(third), PATIENT).toBe(6)
  for (const name of NAMES) at.addVm(name)
  await expect.poll(() => standing(third), PATIENT).toMatchObject({ status: 'synced', vms: 6 })
  await third[Symbol.asyncDispose]()
  for (const name of NAMES) at.removeVm(name)

  const fourth = await start()
  await expect.poll(() => standing(fourth), PATIENT).toMatchObject({ status: 'held', missing: 6 })
  const { heartbeat = 0 } = (await standing(fourth)) ?? {}
  await expect.poll(async () => (await standing(fourth))?.heartbeat, PATIENT).toBeGreaterThan(heartbeat)
  expect(await gone(fourth)).toBe(6)
})
