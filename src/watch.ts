import {
  type ClusterRecord,
  ClusterWatch,
  isCluster,
  type ManagedCluster,
  newCluster,
  notReadYet,
  outOfScope,
  watchHub,
} from './cluster/index.ts'
import type { ClusterConfig, Config, HubConfig } from './config/index.ts'
import type { ConfirmCommand } from './day2/index.ts'
import { Fault } from './errors.ts'
import { readable } from './fleet/index.ts'
import { type Connection, KubeClient } from './kube/index.ts'
import type { EventLog } from './log/index.ts'
import type { Check } from './http/index.ts'
import { behindProxy, connectionOf } from './reach.ts'
import { type RoleParts, USER_AGENT } from './role.ts'
import type { VmRecord } from './vm/index.ts'

/** The role `watch`: every configured cluster, and every cluster that the hubs select, each watched on its own. */
export class WatchRole {
  readonly #parts: RoleParts
  readonly #running = new Map<string, { watch: ClusterWatch; stop: AbortController; done: Promise<void> }>()
  /** Watches that were told to stop: a cluster that comes back waits for its old one, so that it never has two writers. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #faults = new Map<string, Fault>()
  /** What was on record at the start of clusters that were not begun since: each is taken once, then the log is read again. */
  #stock = new Map<string, Known>()
  readonly #taken = new Set<string>()
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
    await this.#retire()
    this.#stock = await load(this.#parts.log)
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
      await Promise.all([...this.#leaving.values(), ...[...this.#running.values()].map(running => running.done)])
    }
  }

  /**
   * Clusters that the configuration no longer has are out of scope, as are those of a hub that it no longer has. What was synced in
   * another life is not so now: nothing is launched on a cluster before it was read again.
   */
  async #retire(): Promise<void> {
    const { config, log } = this.#parts
    const named = new Set([...config.clusters, ...config.hubs].map(({ name }) => name))
    for (const record of await this.#known()) {
      if (!named.has(record.name) && !named.has(record.hub))
        await this.#release(record, 'the configuration no longer names it')
      else if (record.status === 'synced' || record.status === 'held') {
        await log.append([{ stream: 'state.fleet', key: record.name, value: notReadYet(record) }])
      }
    }
  }

  /** Clusters of a hub that it did not select, although it did in another life. */
  async #releaseUnselected(hub: string): Promise<void> {
    for (const record of await this.#known()) {
      if (record.hub === hub && !this.#running.has(record.name))
        await this.#release(record, 'it left the selection of its hub')
    }
  }

  /** Every cluster on record that is not out of scope already. */
  async #known(): Promise<readonly ClusterRecord[]> {
    const records: ClusterRecord[] = []
    for await (const { value } of this.#parts.log.latest('state.fleet')) {
      if (value !== null && isCluster(value) && value.status !== 'out_of_scope') records.push(value)
    }
    return records
  }

  async #release(record: ClusterRecord, reason: string): Promise<void> {
    this.#taken.add(record.name)
    this.#stock.delete(record.name)
    this.#parts.logger.warn({ cluster: record.name }, `out of scope: ${reason}`)
    await this.#parts.log.append([{ stream: 'state.fleet', key: record.name, value: outOfScope(record, reason) }])
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
    const known = await this.#knownOf(name)
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

  async #knownOf(name: string): Promise<Known> {
    const found = this.#taken.has(name) ? await load(this.#parts.log) : this.#stock
    const known = found.get(name) ?? { cluster: null, records: new Map<string, VmRecord>() }
    this.#taken.add(name)
    this.#stock.delete(name)
    return known
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
    const { log, now, signal } = this.#parts
    await this.#try(hub, async () => {
      const connection = connectionOf(hub)
      await using client = new KubeClient({ connection, userAgent: USER_AGENT })
      const known = (await this.#knownOf(hub.name)).cluster
      const nameOf = (cluster: ManagedCluster): string => hub.aliases[cluster.name] ?? cluster.name
      await watchHub({
        name: hub.name,
        client,
        log,
        known,
        labels: hub.labels,
        now,
        signal,
        onSelected: cluster => this.#select(nameOf(cluster), hub, cluster, connection),
        onLeft: cluster => this.#leave(nameOf(cluster)),
        onListed: () => this.#releaseUnselected(hub.name),
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
    await this.#leaving.get(name)
    await this.#start(name, hub.name, behindProxy(hub, cluster.name, connection))
  }

  /** Out of scope: no longer watched, nothing of it is forgotten, and its hosts grow stale. */
  #leave(name: string): void {
    const running = this.#running.get(name)
    if (running === undefined) return
    running.stop.abort()
    this.#running.delete(name)
    const left = running.done.then(() => this.#release(running.watch.record, 'it left the selection of its hub'))
    this.#leaving.set(
      name,
      left.catch((error: unknown) => this.#lost.reject(error)),
    )
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

interface Known {
  readonly cluster: ClusterRecord | null
  readonly records: Map<string, VmRecord>
}

/** What the log knows of each cluster, by one reading of it. */
async function load(log: EventLog): Promise<Map<string, Known>> {
  const found = new Map<string, Known>()
  for await (const entry of log.latest('state.fleet')) {
    const { key, value } = readable(entry)
    if (value === null) continue
    const slash = key.indexOf('/')
    const name = slash < 0 ? key : key.slice(0, slash)
    const known = found.get(name) ?? { cluster: null, records: new Map<string, VmRecord>() }
    if (slash >= 0) known.records.set(key.slice(slash + 1), value as VmRecord)
    found.set(name, slash < 0 && isCluster(value) ? { ...known, cluster: value } : known)
  }
  return found
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
