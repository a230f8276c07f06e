import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { virtbridge } from '../cli/console.ts'
import type { ClusterEventData, Event } from '../../src/event/index.ts'
import { startWorld, TOKEN, type World } from '../kube/world.ts'
import { kubeconfig } from '../service/clusters.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

const PATIENT = { timeout: 60_000, interval: 20 }
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
    err: '6 VMs of prod-1 are confirmed as gone',
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

/** What was told of confirmed deletions: how many, which, and who said so. */
async function confirmed(bridge: Bridge): Promise<readonly object[]> {
  const page = (await bridge.api.get('/api/v1/events?stream=cluster&limit=500')) as {
    events: Event<ClusterEventData>[]
  }
  const facts = page.events.filter(({ data }) => data.fact === 'deletions_confirmed')
  return facts.map(({ data: { message, deleted, confirmed_by } }) => ({ message, deleted, confirmed_by }))
}

test('deletions of a burst are told at once, wait for a person over a restart, and are released by one who has seen them all', async () => {
  const folder = await temporaryFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const at = await startWorld()
  onTestFinished(() => at[Symbol.asyncDispose]())
  await fileIn(folder.path, 'kubeconfig', kubeconfig([{ name: 'prod-1', url: at.server.url, token: TOKEN }]))
  const config = {
    clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
    watch: { heartbeat_seconds: 0.1 },
  }
  for (const name of NAMES) at.addVm(name)
  const first = await startBridge(folder.path, config)
  onTestFinished(() => first[Symbol.asyncDispose]())
  await expect.poll(() => standing(first), PATIENT).toMatchObject({ status: 'synced', vms: 6 })
  for (const name of NAMES) at.removeVm(name)
  await expect.poll(() => gone(first), PATIENT).toBe(6)
  const marked = (await first.events()).filter(({ data }) => data.fact === 'deleted' && data.burst)
  const keys = marked.map(({ data: { vm } }) => `${vm.namespace}/${vm.name}`)
  expect(keys.length).toBeGreaterThan(0)
  await expect
    .poll(() => standing(first), PATIENT)
    .toMatchObject({ status: 'synced', burst: { count: keys.length, names: keys } })
  const { burst: seen } = (await standing(first)) ?? {}
  await first[Symbol.asyncDispose]()

  const bridge = await startBridge(folder.path, config)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  await expect.poll(() => standing(bridge), PATIENT).toMatchObject({ status: 'synced', burst: seen })
  const env = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token }
  const ask = (...more: string[]): ReturnType<typeof virtbridge> =>
    virtbridge(['confirm-deletions', 'prod-1', ...more], env)
  const waits = `${keys.length} deletions of a burst wait for a person: virtbridge confirm-deletions prod-1`
  expect((await virtbridge(['clusters'], env)).out).toContain(waits)
  const look = JSON.parse((await ask('--json')).out) as { digest: string }
  expect(look).toMatchObject({ kind: 'burst', missing: keys.length, names: keys, digest: seen?.digest })
  expect((await ask()).out).toMatch(/^\d VMs of prod-1 were deleted in a burst that began at .*nothing destructive/)
  expect(await ask('--yes', '--digest', '0000000000000000')).toMatchObject({ code: 1 })
  expect(await confirmed(bridge)).toEqual([])

  expect(await ask('--yes', '--digest', look.digest)).toMatchObject({ code: 0 })
  const told = { message: `${keys.length} VMs are gone`, deleted: keys, confirmed_by: expect.any(String) as string }
  await expect.poll(() => confirmed(bridge), PATIENT).toEqual([told])
  await expect.poll(() => standing(bridge), PATIENT).toMatchObject({ burst: null })
  expect(await ask()).toMatchObject({ code: 1, err: expect.stringContaining('waits for nothing') as string })
})
