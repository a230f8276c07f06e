import { join } from 'node:path'
import { Fault } from '../../errors.ts'
import { Access, EVERYTHING, HUB_VIEW, VIEW } from '../kube/access.ts'
import type { Clock } from '../kube/clock.ts'
import { kubeTime, wallClock } from '../kube/clock.ts'
import { openDurable } from '../kube/durable.ts'
import { PROXY_PATH, clusterProxy, join as joinHub, userBehindProxy } from '../kube/hub.ts'
import type { ManagedTarget } from '../kube/hub.ts'
import type { Resource } from '../kube/resource.ts'
import { CLUSTER_RESOURCES, HUB_RESOURCES } from '../kube/resource.ts'
import type { Forward } from '../kube/front.ts'
import type { KubeServer } from '../kube/server.ts'
import { startKubeServer } from '../kube/server.ts'
import { Store } from '../kube/store.ts'
import type { WatchLimits } from '../kube/watch.ts'
import { startImporter } from '../virt/importer.ts'
import type { Virt } from '../virt/virt.ts'
import { settle, startVirt } from '../virt/virt.ts'
import type { ClusterName } from './cast.ts'
import { CAST, CLUSTERS, NODES } from './cast.ts'
import { Journal } from './journal.ts'
import type { Keys } from './keys.ts'
import { readKeys, tokenFor, writeKeys } from './keys.ts'
import { performOp } from './op.ts'
import type { Showing } from './play.ts'
import { live, play } from './play.ts'
import { STORY } from './story.ts'

/** The name of the hub. */
export const HUB = 'hub1'
/** Whom the bridge is to a hub. */
export const BRIDGE_USER = 'system:serviceaccount:virtbridge:virtbridge'
/** How long the cast has been running when a fleet is new. */
const CAST_AGE_MS = 5 * 24 * 3_600_000

/** What a fleet is made of. */
export interface FleetOptions {
  /** Holds everything that outlives the process: one SQLite file per server, and `fleet.json` with tokens and ports (mode 0600). */
  dir: string
  seed?: string
  clock?: Clock
  /** 2 halves every delay of guests and story; 1 unless told. */
  speed?: number
  /** By server name; otherwise the ports of the last start, or free ones. */
  ports?: Readonly<Record<string, number>>
  watch?: Partial<WatchLimits>
}

/** One server of a fleet. `token` is the bridge's and may only read, `adminToken` may do everything. */
export interface FleetServer {
  readonly name: string
  readonly url: string
  readonly token: string
  readonly adminToken: string
  readonly server: KubeServer
  readonly store: Store
}

/** The demo's world: a hub and two clusters, each a server of its own, peopled and running. */
export interface Fleet extends AsyncDisposable {
  /** `proxyUrl` + `/{cluster}` is a managed cluster's API for the hub's token. */
  readonly hub: FleetServer & { readonly proxyUrl: string }
  readonly clusters: ReadonlyMap<ClusterName, FleetServer & { readonly virt: Virt }>
  readonly story: {
    /** How many acts have been played, in this life or an earlier one. */
    readonly played: number
    readonly length: number
    /** Plays what has not been played yet; ends without an error when the signal says so, or the fleet is disposed. */
    play(showing: Showing): Promise<void>
    /** Small acts for ever: one about every `everyMs` at speed 1 (6,000 unless told). */
    live(showing: Showing, everyMs?: number): Promise<void>
  }
}

interface Setting {
  dir: string
  seed: string
  clock: Clock
  speed: number
  keys: Keys
  options: FleetOptions
  stack: AsyncDisposableStack
}

/**
 * Starts the fleet, or goes on with the one in `dir`: same objects, uids, tokens, and ports where they are still free.
 *
 * @throws Fault `simulator_store`, `simulator_keys`, or `port_in_use` for a port that was asked for
 */
export async function startSimulatedFleet(options: FleetOptions): Promise<Fleet> {
  await using stack = new AsyncDisposableStack()
  const { dir, seed = 'virtbridge', clock = wallClock, speed = 1 } = options
  const setting: Setting = { dir, seed, clock, speed, keys: readKeys(dir), options, stack }
  const clusters = new Map<ClusterName, FleetServer & { virt: Virt }>()
  for (const name of CLUSTERS) clusters.set(name, await startCluster(setting, name))
  const hub = await startHub(setting, clusters)
  writeKeys(dir, setting.keys)

  const journal = new Journal(hub.store)
  const stores = new Map([...clusters].map(([name, { store }]) => [name, store]))
  stack.use(startImporter({ hub: hub.store, clusters: stores, clock, speed }))
  const playing = { stores, journal, clock, speed, seed }
  // A story that outlived its fleet would write to closed stores.
  const ended = new AbortController()
  stack.defer(() => ended.abort())
  const until = (showing: Showing): Showing => ({ ...showing, signal: AbortSignal.any([showing.signal, ended.signal]) })
  const owned = stack.move()
  let closing: Promise<void> | undefined
  return {
    hub,
    clusters,
    story: {
      get played() {
        return journal.read('act')
      },
      length: STORY.length,
      play: showing => play(STORY, playing, until(showing)),
      live: (showing, everyMs = 6000) => live(playing, everyMs, until(showing)),
    },
    // Asked twice, it ends once, and both wait for it.
    [Symbol.asyncDispose]: () => (closing ??= owned.disposeAsync()),
  }
}

async function startCluster(setting: Setting, name: ClusterName): Promise<FleetServer & { virt: Virt }> {
  const { seed, clock, speed, stack, keys } = setting
  // While the cast is put on stage the store's clock shows the past: a fleet that has been running for days.
  const time = { past: null as { now: number } | null }
  const store = openStore(setting, name, CLUSTER_RESOURCES, () => time.past?.now ?? clock.now())
  const stage = { store, cluster: name, nodes: NODES[name], seed: `${seed}/${name}` }
  const journal = new Journal(store)
  if (journal.read('peopled') === 0) {
    time.past = { now: clock.now() - CAST_AGE_MS }
    for (const sketch of CAST[name]) performOp(store, { do: 'create', cluster: name, sketch })
    settle(stage, time.past)
    time.past = null
    journal.write('peopled', 1)
  }
  const access = new Access()
  access.grant(tokenFor(keys, `${name}/proxy`), { user: 'cluster-proxy', rules: [], impersonates: true })
  access.admit({ user: userBehindProxy(BRIDGE_USER), rules: VIEW })
  const served = await serve(setting, name, { store, access, rules: VIEW })
  return { ...served, virt: stack.use(startVirt({ ...stage, clock, speed })) }
}

async function startHub(
  setting: Setting,
  clusters: ReadonlyMap<ClusterName, FleetServer>,
): Promise<FleetServer & { proxyUrl: string }> {
  const { keys, clock } = setting
  const store = openStore(setting, HUB, HUB_RESOURCES, () => clock.now())
  const access = new Access()
  const targets = new Map<string, ManagedTarget>()
  for (const [name, { url, store: managed }] of clusters) {
    targets.set(name, { url, proxyToken: tokenFor(keys, `${name}/proxy`) })
    const clusterSet = name === 'prod-1' ? 'production' : 'development'
    joinHub(store, { name, url, identity: managed.identity, clusterSet }, kubeTime(clock.now()))
  }
  const forward = clusterProxy(access, targets)
  const served = await serve(setting, HUB, { store, access, rules: HUB_VIEW, forward })
  return { ...served, proxyUrl: `${served.url}${PROXY_PATH}` }
}

function openStore(
  { dir, seed, stack }: Setting,
  name: string,
  resources: readonly Resource[],
  now: () => number,
): Store {
  const durable = stack.use(openDurable(join(dir, `${name}.sqlite`)))
  return new Store({ resources, seed: `${seed}/${name}`, now, durable })
}

async function serve(
  { keys, options, stack }: Setting,
  name: string,
  { store, access, rules, forward }: { store: Store; access: Access; rules: typeof VIEW; forward?: Forward },
): Promise<FleetServer> {
  const token = tokenFor(keys, name)
  const adminToken = tokenFor(keys, `${name}/admin`)
  access.grant(token, { user: BRIDGE_USER, rules })
  access.grant(adminToken, { user: 'admin', rules: EVERYTHING })
  const start = (port: number) =>
    startKubeServer({
      store,
      access,
      port,
      ...(options.watch === undefined ? {} : { watch: options.watch }),
      ...(forward === undefined ? {} : { forward }),
    })
  const asked = options.ports?.[name]
  // The last port is a wish, not a demand: somebody else may have it by now.
  const server = await start(asked ?? keys.ports[name] ?? 0).catch((error: unknown) => {
    if (asked === undefined && error instanceof Fault && error.code === 'port_in_use') return start(0)
    throw error
  })
  keys.ports[name] = server.port
  return { name, url: server.url, token, adminToken, server: stack.use(server), store }
}
