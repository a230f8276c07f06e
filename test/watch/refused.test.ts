import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { isCluster } from '../../src/cluster/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { startSimulatedFleet } from '../../src/simulator/cast/fleet.ts'
import { MANAGED_CLUSTERS } from '../../src/simulator/kube/resource.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { WatchRole } from '../../src/service/watch/watch.ts'
import { all, openLog, watched } from '../cluster/bridge.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'
import { kubeconfig } from './place.ts'

const PATIENT = { timeout: 60_000, interval: 20 }

/** The log, but the records of these keys can not be stored. */
function breaking(log: EventLog, keys: ReadonlySet<string>): EventLog {
  return {
    ...watched(log),
    append: entries =>
      log.append(
        entries.map(entry =>
          entry.stream === 'state.fleet' && keys.has(entry.key) ? { ...entry, value: { broken: 1n } } : entry,
        ),
      ),
  }
}

async function statuses(log: EventLog): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { value } of log.latest('state.fleet'))
    if (value !== null && isCluster(value)) found[value.name] = value.status
  return found
}

test('a hub, and a cluster, whose records can not be stored end nothing: it is told, and the others are watched', async () => {
  await using folder = await temporaryFolder()
  await using world = await startSimulatedFleet({ dir: join(folder.path, 'world') })
  await fileIn(folder.path, 'hub', kubeconfig(world.hub))
  const hubs = [{ name: 'hub1', kubeconfig: 'hub', proxy: { url: world.hub.proxyUrl } }]
  const config = parseConfig(
    stringify({ http: { tokens: [{ name: 't', token: { env: 'T' } }] }, watch: SHORT_HOLDS, hubs }),
    join(folder.path, 'virtbridge.yaml'),
  )
  await using log = await openLog(folder.path)
  const broken = new Set(['hub1', 'prod-1'])
  const stop = new AbortController()
  const around = { env: {}, logger: pino({ level: 'silent' }), now: () => Date.now(), newId: () => 'id' }
  const parts = { config, log: breaking(log, broken), fleet: new Fleet(), metrics: createMetrics() }
  const running = new WatchRole({ ...around, ...parts, signal: stop.signal }).run().then(
    () => 'ended when it was told to',
    (error: unknown) => error,
  )
  await expect.poll(() => statuses(log), PATIENT).toEqual({ 'dev-1': 'synced' })
  const dead = async (): Promise<unknown> => new Set((await all(log, 'events.dead')).map(({ key }) => key))
  await expect.poll(dead, PATIENT).toEqual(broken)
  broken.add('dev-1')
  world.hub.store.remove(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' })
  await expect.poll(dead, PATIENT).toEqual(broken)
  // Its record stays as it was stored; what was told of it is there.
  expect(await statuses(log)).toEqual({ 'dev-1': 'synced' })
  const told = async (): Promise<unknown> => (await all(log, 'events.cluster')).map(({ value }) => value)
  await expect
    .poll(told, PATIENT)
    .toContainEqual(
      expect.objectContaining({ subject: 'dev-1', data: expect.objectContaining({ fact: 'detached' }) as unknown }),
    )
  stop.abort()
  expect(await running).toBe('ended when it was told to')
})
