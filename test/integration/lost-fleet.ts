import { basename } from 'node:path'
import type { Admin } from 'kafkajs'
import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { checkLog } from '../../src/check/own.ts'
import { parseConfig } from '../../src/config/index.ts'
import { createTopics } from '../../src/log/kafka/index.ts'
import type { Stream } from '../../src/log/index.ts'
import { connectionTo, planOf } from '../log/kafka/place.ts'
import { type Clusters, startClusters } from '../service/clusters.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 20 }

/** The brokers, when they run, and who may delete there. */
export interface Brokers {
  readonly brokers: readonly string[]
  readonly admin: Admin
}

function logOf({ brokers }: Brokers, folder: string): object {
  return { kafka: { brokers, topic_prefix: basename(folder), partitions: 3, replicas: 1 } }
}

/** What `virtbridge check` tells of the log, a line each. */
async function checked(at: Brokers, folder: string, clusters: Clusters): Promise<readonly string[]> {
  const config = parseConfig(
    stringify({ log: logOf(at, folder), clusters: clusters.config }),
    `${folder}/virtbridge.yaml`,
  )
  const told: string[] = []
  for await (const { what, result, hint } of checkLog({ config, env: {} })) told.push(`${result} ${what} ${hint}`)
  return told
}

/** The whole bridge on topics of its own; they are made when they are missing. */
async function start(at: Brokers, folder: string, clusters: Clusters): Promise<Bridge> {
  const prefix = basename(folder)
  await createTopics(connectionTo(at.brokers), planOf(prefix, 1))
  const controller = { url: 'http://127.0.0.1:1', token: { env: 'TEST_TOKEN' }, poll_seconds: 0.1 }
  return startBridge(folder, { log: logOf(at, folder), clusters: clusters.config, controller })
}

async function lose({ admin }: Brokers, folder: string, stream: Stream): Promise<void> {
  const topics = [`${basename(folder)}.${stream}`]
  await admin.deleteTopics({ topics })
  await expect.poll(() => admin.listTopics(), SOON).toEqual(expect.not.arrayContaining(topics))
}

async function checks(bridge: Bridge): Promise<readonly { name: string; ok: boolean; hint: string }[]> {
  return (
    (await (await fetch(`${bridge.url}/readyz`)).json()) as { checks: { name: string; ok: boolean; hint: string }[] }
  ).checks
}

async function synced(bridge: Bridge): Promise<void> {
  await expect
    .poll(async () => ((await bridge.api.get('/api/v1/clusters')) as { clusters: { status: string }[] }).clusters, SOON)
    .toMatchObject([{ status: 'synced' }])
}

/** What the whole bridge does about records that are gone. */
export function lostFleet(at: () => Brokers): void {
  test('a fleet that was lost is read anew: nothing of it is news, and what was missed is marked; told until a person confirms', async () => {
    await using folder = await temporaryFolder()
    await using clusters = await startClusters(folder.path, 'prod-1')
    const world = clusters.worlds['prod-1']
    {
      await using bridge = await start(at(), folder.path, clusters)
      await synced(bridge)
      world?.addVm('web-2')
      await expect.poll(() => bridge.facts('web-2.shop.prod-1'), SOON).toEqual(['created'])
      expect(await checked(at(), folder.path, clusters)).toEqual([expect.stringMatching(/^ok log on Kafka/)])
    }
    await lose(at(), folder.path, 'state.fleet')
    await createTopics(connectionTo(at().brokers), planOf(basename(folder.path), 1))
    expect(await checked(at(), folder.path, clusters)).toEqual([
      expect.stringMatching(/^ok log on Kafka/),
      expect.stringMatching(/^fail records of state\.fleet .*virtbridge loss confirm state\.fleet/),
    ])
    world?.addVm('web-3')
    await using bridge = await start(at(), folder.path, clusters)
    await synced(bridge)
    const told = (await bridge.events()).slice(-3)
    expect(told.map(({ data }) => `${data.fact} ${data.vm.name} ${data.origin} ${data.gap}`).sort()).toEqual([
      'discovered web-1 bootstrap true',
      'discovered web-2 bootstrap true',
      'discovered web-3 bootstrap true',
    ])
    // From here on it is as ever.
    world?.addVm('web-4')
    await expect.poll(() => bridge.facts('web-4.shop.prod-1'), SOON).toEqual(['created'])

    expect(await checks(bridge)).toContainEqual(
      expect.objectContaining({
        name: 'records of state.fleet',
        ok: false,
        hint: expect.stringContaining('virtbridge loss confirm state.fleet') as string,
      }),
    )
    await bridge.api.post('/api/v1/losses/state.fleet/confirm', {})
    await expect.poll(() => bridge.api.get('/api/v1/losses'), SOON).toEqual({ losses: [] })
    expect((await checks(bridge)).filter(({ name }) => name.startsWith('records'))).toEqual([])
  })

  test('a ledger that is lost under a bridge that runs ends it; the next one launches nothing until a person says so', async () => {
    await using folder = await temporaryFolder()
    await using clusters = await startClusters(folder.path, 'prod-1')
    {
      await using bridge = await start(at(), folder.path, clusters)
      await synced(bridge)
      const ended = bridge.service.ended.then(
        () => 'closed',
        (error: unknown) => error,
      )
      await lose(at(), folder.path, 'state.runs')
      await createTopics(connectionTo(at().brokers), planOf(basename(folder.path), 1))
      expect(await ended).toMatchObject({ code: 'log_lost', hint: expect.stringContaining('start it again') as string })
    }
    await using bridge = await start(at(), folder.path, clusters)
    await synced(bridge)
    const host = 'web-1.shop.prod-1'
    const wish = { verb: 'patch', hosts: [host] }
    await expect(bridge.api.post('/api/v1/runs', wish)).rejects.toThrow(/the ledger of what was launched is lost/)
    expect(await bridge.api.get(`/api/v1/explain/${host}`)).toMatchObject({
      launch: { possible: false, because: expect.stringContaining('virtbridge loss confirm state.runs') as string },
    })
    await bridge.api.post('/api/v1/losses/state.runs/confirm', {})
    await expect.poll(() => bridge.api.post('/api/v1/runs', wish).then(() => 'taken', String), SOON).toBe('taken')
  })
}
