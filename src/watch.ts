import { readFileSync } from 'node:fs'
import {
  type ClusterRecord,
  ClusterWatch,
  isCluster,
  type ManagedCluster,
  newCluster,
  watchHub,
} from './cluster/index.ts'
import type { ClusterConfig, Config, HubConfig } from './config/index.ts'
import type { ConfirmCommand } from './day2/index.ts'
import { Fault } from './errors.ts'
import { type Connection, fromKubeconfig, inCluster, KubeClient, withToken } from './kube/index.ts'
import type { EventLog } from './log/index.ts'
import type { Check } from './http/index.ts'
import { type RoleParts, USER_AGENT } from './role.ts'
import type { VmRecord } from './vm/index.ts'

/** The role `watch`: every configured cluster, and every cluster that the hubs select, each watched on its own. */
export class WatchRole {
  readonly #parts: RoleParts
  readonly #running = new Map<string, { watch: ClusterWatch; stop: AbortController; done: Promise<void> }>()
  readonly #faults = new Map<string, Fault>()
  #lost = Promise.withResolvers<never>()

  constructor(parts: RoleParts) {
    this.#parts = parts
  }

  /** Clusters and hubs that can not even be tried (a broken kubeconfig, say), for `/readyz`. The rest of the fleet goes on. */
  checks(): readonly Check[] {
    return [...this.#faults].map(([name, { message, hint }]) => {
      return { name: `cluster ${name} (configuration)`, ok: false, reason: message, hint }
    })
  }

  /** Works until the signal aborts; rejects only when the log is lost. */
  async run(): Promise<void> {
    const { config, signal } = this.#parts
    const ended = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (const cluster of config.clusters)
      await this.#try(cluster, () => this.#start(cluster.name, '', connectionOf(cluster)))
    const hubs = config.hubs.map(hub => this.#watchHub(hub))
    try {
      await Promise.race([
        ended,
        this.#lost.promise,
        this.#followConfirmations(),
        ...hubs.map(hub => hub.then(() => ended)),
      ])
    } finally {
      await Promise.all([...this.#running.values()].map(running => running.done.catch(() => undefined)))
    }
  }

  async #try(cluster: ClusterConfig, start: () => Promise<void>): Promise<void> {
    try {
      await start()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#faults.set(cluster.name, error)
      this.#parts.logger.error({ cluster: cluster.name, hint: error.hint }, error.message)
    }
  }

  async #start(name: string, hub: string, connection: Connection): Promise<void> {
    const { config, log, now, signal } = this.#parts
    const known = await load(log, name)
    if (known.cluster === null) await log.append([{ stream: 'state.fleet', key: name, value: newCluster(name, hub) }])
    const stop = new AbortController()
    const client = new KubeClient({ connection, userAgent: USER_AGENT })
    const watch = new ClusterWatch({
      name,
      hub,
      client,
      log,
      known,
      holds: holdsOf(config),
      now,
      signal: AbortSignal.any([signal, stop.signal]),
      heartbeatMs: config.watch.heartbeat_seconds * 1000,
    })
    const done = this.#finish(watch, client)
    this.#running.set(name, { watch, stop, done })
  }

  async #finish(watch: ClusterWatch, client: KubeClient): Promise<void> {
    try {
      await watch.run()
    } catch (error) {
      this.#lost.reject(error)
    } finally {
      await client[Symbol.asyncDispose]()
    }
  }

  async #watchHub(hub: HubConfig): Promise<void> {
    const { config, log, now, signal } = this.#parts
    await this.#try(hub, async () => {
      const connection = connectionOf(hub)
      await using client = new KubeClient({ connection, userAgent: USER_AGENT })
      const known = (await load(log, hub.name)).cluster
      const nameOf = (cluster: ManagedCluster): string => hub.aliases[cluster.name] ?? cluster.name
      await watchHub({
        name: hub.name,
        client,
        log,
        known,
        labels: hub.labels,
        now,
        signal,
        heartbeatMs: config.watch.heartbeat_seconds * 1000,
        onSelected: cluster => this.#select(nameOf(cluster), hub, cluster, connection),
        onLeft: cluster => this.#leave(nameOf(cluster)),
      })
    })
  }

  /** A name that another hub or the configuration has already is refused, and said: it needs an alias. */
  async #select(name: string, hub: HubConfig, cluster: ManagedCluster, connection: Connection): Promise<void> {
    if (this.#running.has(name)) {
      const fault = new Fault('cluster_name', `${hub.name} has a cluster "${name}", which is the name of another one`, {
        hint: `give it another under hubs.aliases of ${hub.name}`,
      })
      this.#faults.set(`${hub.name}/${name}`, fault)
      this.#parts.logger.error({ cluster: name, hint: fault.hint }, fault.message)
      return
    }
    const ca = hub.proxy.ca_file === '' ? '' : readFileSync(hub.proxy.ca_file, 'utf8')
    const token = async (): Promise<string> => bearerOf(await connection.authorize(true), hub.name)
    await this.#start(
      name,
      hub.name,
      withToken({ url: `${hub.proxy.url.replace(/\/$/, '')}/${cluster.name}`, ca, token }),
    )
  }

  /** Out of scope: no longer watched, nothing of it is forgotten, and its hosts grow stale. */
  #leave(name: string): void {
    this.#parts.logger.warn({ cluster: name }, 'a cluster left the selection: it is held as it was')
    this.#running.get(name)?.stop.abort()
    this.#running.delete(name)
  }

  async #followConfirmations(): Promise<void> {
    const { log, signal, logger } = this.#parts
    for await (const entry of log.follow('commands', log.end('commands'), signal)) {
      const command = entry.value as ConfirmCommand | { kind: 'run' }
      if (command.kind !== 'confirm') continue
      logger.warn({ cluster: command.cluster, by: command.asked_by }, 'missing VMs were confirmed as gone')
      this.#running.get(command.cluster)?.watch.confirm()
    }
  }
}

/** What the log knows of one cluster. */
async function load(
  log: EventLog,
  name: string,
): Promise<{ cluster: ClusterRecord | null; records: Map<string, VmRecord> }> {
  const records = new Map<string, VmRecord>()
  let cluster: ClusterRecord | null = null
  for await (const { key, value } of log.latest('state.fleet')) {
    if (value === null) continue
    if (key === name && isCluster(value)) cluster = value
    else if (key.startsWith(`${name}/`)) records.set(key.slice(name.length + 1), value as VmRecord)
  }
  return { cluster, records }
}

/** How a configured cluster or hub is reached. Throws a Fault. */
export function connectionOf(cluster: ClusterConfig): Connection {
  return cluster.in_cluster
    ? inCluster()
    : fromKubeconfig({ file: cluster.kubeconfig, context: cluster.context, allowExec: cluster.allow_exec })
}

/** The hub's own token, which the cluster-proxy takes for its managed clusters (MCE 2.9 and later). */
function bearerOf(headers: Record<string, string>, hub: string): string {
  const [, token = ''] = /^Bearer (.+)$/.exec(headers['authorization'] ?? '') ?? []
  if (token === '')
    throw new Fault('hub_token', `${hub} is not reached with a token, so its cluster-proxy can not be asked`, {
      hint: 'use a service account token in its kubeconfig',
    })
  return token
}

function holdsOf(config: Config): { stopped: number; reachable: number; unreachable: number; address: number } {
  const { watch } = config
  return {
    stopped: watch.stopped_hold_seconds * 1000,
    reachable: watch.reachable_hold_seconds * 1000,
    unreachable: watch.unreachable_hold_seconds * 1000,
    address: watch.address_hold_seconds * 1000,
  }
}
