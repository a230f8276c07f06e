import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import type { ClusterRecord } from '../../src/cluster/index.ts'
import type { ClusterEventData, Event } from '../../src/event/index.ts'
import { type Fleet as World, startSimulatedFleet } from '../../src/simulator/cast/fleet.ts'
import { HUB_SECRETS, HUB_VIEW } from '../../src/simulator/kube/access.ts'
import { PLACEMENT_DECISIONS, SECRETS } from '../../src/simulator/kube/resource.ts'
import { virtbridge } from '../cli/console.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

/** How long things may take. */
export const PATIENT = { timeout: 60_000, interval: 20 }
/** All of them, watched. */
export const BOTH = { hub1: 'synced', 'dev-1': 'synced', 'prod-1': 'synced' }

/** A simulated hub with two clusters, and a bridge's folder. */
export interface Place {
  readonly folder: string
  readonly world: World
  /** A configuration of the hub, with more said of it. */
  config(hub?: object): Record<string, unknown>
}

/** A new place, gone with the test. Another seed has other clusters. */
export async function place(seed = 'virtbridge'): Promise<Place> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const world = await startSimulatedFleet({ dir: join(folder.path, 'world'), seed })
  onTestFinished(() => world[Symbol.asyncDispose]())
  await fileIn(folder.path, 'hub', kubeconfig(world.hub))
  return {
    folder: folder.path,
    world,
    config: (more = {}) => {
      return {
        hubs: [{ name: 'hub1', kubeconfig: 'hub', context: 'hub1', proxy: { url: world.hub.proxyUrl }, ...more }],
      }
    },
  }
}

/** A kubeconfig of one server. */
export function kubeconfig({ name, url, token }: { name: string; url: string; token: string }): string {
  return stringify({
    'current-context': name,
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}

/** A bridge that is gone with the test. */
export async function started({ folder }: Place, config: Record<string, unknown>): Promise<Bridge> {
  const bridge = await startBridge(folder, config)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

/** Every cluster and hub on record. */
export async function records(bridge: Bridge): Promise<readonly ClusterRecord[]> {
  return ((await bridge.api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }).clusters
}

/** The status of each. */
export async function statuses(bridge: Bridge): Promise<Record<string, string>> {
  return Object.fromEntries((await records(bridge)).map(({ name, status }) => [name, status]))
}

/** Every cluster event so far. */
export async function told(bridge: Bridge): Promise<readonly Event<ClusterEventData>[]> {
  const page = (await bridge.api.get('/api/v1/events?stream=cluster&limit=500')) as {
    events: Event<ClusterEventData>[]
  }
  return page.events
}

/** What was told of the selection of hubs. */
export async function changes(bridge: Bridge): Promise<readonly object[]> {
  const events = (await told(bridge)).filter(({ data }) => data.fact === 'placement_changed')
  return events.map(({ data: { added, removed } }) => ({ added, removed }))
}

/** How many VMs were told as deleted. */
export async function deleted(bridge: Bridge): Promise<number> {
  return (await bridge.events()).filter(({ data }) => data.fact === 'deleted').length
}

/** What `virtbridge check` prints. */
export async function checked({ folder }: Place, config: object): Promise<{ out: string }> {
  const http = { tokens: [{ name: 'c', token: { env: 'T' } }] }
  const file = await fileIn(folder, 'check.yaml', stringify({ log: { path: 'v.db' }, http, ...config }))
  return virtbridge(['check', '-c', file], { T: 'a-token-of-sixteen-and-more' })
}

/** A Secret of the hub, made or written anew. */
export function putSecret({ hub }: World, namespace: string, name: string, content: Record<string, string>): void {
  const data = Object.fromEntries(Object.entries(content).map(([key, text]) => [key, btoa(text)]))
  if (hub.store.get(SECRETS, { namespace, name }) === null)
    hub.store.create(SECRETS, { metadata: { namespace, name }, data })
  else hub.store.patch(SECRETS, { namespace, name }, { data })
}

/** Gives the bridge the role of `hub-secrets-rbac`. */
export function letReadSecrets({ hub }: World): void {
  hub.server.access.grant(hub.token, { user: 'bridge', rules: [...HUB_VIEW, ...HUB_SECRETS] })
}

/** A slice of the decision of the Placement `ops/fleet`, made or written anew. */
export function slice({ hub }: World, name: string, ...clusters: readonly string[]): void {
  const labels = { 'cluster.open-cluster-management.io/placement': 'fleet' }
  const status = { decisions: clusters.map(clusterName => ({ clusterName, reason: '' })) }
  const ref = { namespace: 'ops', name }
  hub.store.ensureNamespace('ops')
  if (hub.store.get(PLACEMENT_DECISIONS, ref) === null)
    hub.store.create(PLACEMENT_DECISIONS, { metadata: { ...ref, labels } })
  hub.store.patch(PLACEMENT_DECISIONS, ref, { status }, 'status')
}
