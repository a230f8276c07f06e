import { join } from 'node:path'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { type ClusterRecord, isCluster } from '../../src/cluster/index.ts'
import { parseConfig } from '../../src/config/index.ts'
import type { ClusterEventData, Event } from '../../src/event/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { Entry, EventLog } from '../../src/log/index.ts'
import { startSimulatedFleet } from '../../src/simulator/cast/fleet.ts'
import { MANAGED_CLUSTERS } from '../../src/simulator/kube/resource.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { WatchRole } from '../../src/service/watch/watch.ts'
import { all, dying, openLog } from '../cluster/bridge.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'

const PATIENT = { timeout: 60_000, interval: 20 }
const TOKEN = { name: 't', token: { env: 'T' } }

function tells(fact: string): (entries: readonly Entry[]) => boolean {
  return entries =>
    entries.some(
      ({ stream, value }) => stream === 'events.cluster' && (value as Event<ClusterEventData>).data.fact === fact,
    )
}

async function facts(log: EventLog): Promise<readonly string[]> {
  const events = (await all(log, 'events.cluster')).map(({ value }) => value as Event<ClusterEventData>)
  const moves = events.filter(({ data }) => data.fact === 'placement_changed' || data.fact === 'detached')
  expect(new Set(moves.map(({ id }) => id)).size).toBe(moves.length)
  return moves.map(({ subject, data }) => `${subject} ${data.fact}`).sort()
}

async function statuses(log: EventLog): Promise<Record<string, string>> {
  const records: ClusterRecord[] = []
  for await (const { value } of log.latest('state.fleet')) if (value !== null && isCluster(value)) records.push(value)
  return Object.fromEntries(records.map(({ name, status }) => [name, status]))
}

test.each([
  ['before that is durable', false],
  ['after that is durable', true],
])('a bridge that dies when it tells that a cluster left, %s, has told it once when it is back', async (_, durable) => {
  await using folder = await temporaryFolder()
  await using world = await startSimulatedFleet({ dir: join(folder.path, 'world') })
  const { name, url, token, store, proxyUrl } = world.hub
  const kubeconfig = {
    'current-context': name,
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }
  await fileIn(folder.path, 'hub', stringify(kubeconfig))
  const hubs = [{ name: 'hub1', kubeconfig: 'hub', proxy: { url: proxyUrl } }]
  const config = parseConfig(
    stringify({ http: { tokens: [TOKEN] }, watch: SHORT_HOLDS, hubs }),
    join(folder.path, 'virtbridge.yaml'),
  )
  await using log = await openLog(folder.path)
  const start = (on: EventLog): { done: Promise<void>; stop: () => Promise<void> } => {
    const stop = new AbortController()
    const around = { env: {}, logger: pino({ level: 'silent' }), now: () => Date.now(), newId: () => 'id' }
    const role = new WatchRole({
      ...around,
      config,
      log: on,
      fleet: new Fleet(),
      metrics: createMetrics(),
      signal: stop.signal,
    })
    const done = role.run()
    done.catch(() => undefined)
    const end = async (): Promise<void> => {
      stop.abort()
      await done.catch(() => undefined)
    }
    onTestFinished(end)
    return { done, stop: end }
  }

  const first = start(dying(log, { when: tells('placement_changed'), durable }))
  await expect.poll(() => statuses(log), PATIENT).toEqual({ hub1: 'synced', 'dev-1': 'synced', 'prod-1': 'synced' })
  store.remove(MANAGED_CLUSTERS, { namespace: '', name: 'dev-1' })
  await expect(first.done).rejects.toThrow('killed')
  expect(await facts(log)).toEqual(durable ? ['dev-1 detached', 'hub1 placement_changed'] : [])

  const second = start(log)
  await expect
    .poll(() => statuses(log), PATIENT)
    .toEqual({ hub1: 'synced', 'dev-1': 'out_of_scope', 'prod-1': 'synced' })
  expect(await facts(log)).toEqual(['dev-1 detached', 'hub1 placement_changed'])
  await second.stop()
})
