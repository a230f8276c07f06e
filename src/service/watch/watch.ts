import { type ClusterRecord, keep, notReadYet } from '../../cluster/index.ts'
import type { ClusterConfig, Config } from '../../config/index.ts'
import type { Check } from '../../http/index.ts'
import type { RoleParts } from '../role.ts'
import type { Candidate } from './candidate.ts'
import { ClusterNames } from './cluster-names.ts'
import { Confirmations, followConfirmations } from './confirmations.ts'
import { Departures } from './departures.ts'
import { Faults } from './faults.ts'
import { connectionOf } from './reach.ts'
import { RunningClusters } from './running.ts'
import { Stock } from './stock.ts'
import { type Shared, WatchedHub } from './watched-hub.ts'

/** The role `watch`: watches every configured cluster and every cluster that a hub selects, each by a ClusterWatch of its own, and appends what they say. */
export class WatchRole {
  readonly #parts: RoleParts
  readonly #confirmations = new Confirmations()
  readonly #faults: Faults
  #config: Config
  #clusters: RunningClusters | null = null

  constructor(parts: RoleParts) {
    this.#parts = parts
    this.#config = parts.config
    this.#faults = new Faults(parts.logger)
  }

  /** For `/readyz`: a check for each cluster or hub that could not be started. */
  checks(): readonly Check[] {
    return this.#faults.checks()
  }

  /** Applies the keys of a changed configuration that need no restart: what views show of VMs is kept of them, and their addresses and networks count for events. */
  reconfigure(config: Config): void {
    this.#config = config
    this.#clusters?.reconfigure(config)
  }

  /** Watches until the signal aborts, and resolves when nothing is written any more. Rejects only when the log is lost. */
  async run(): Promise<void> {
    const { config, signal, log } = this.#parts
    const stop = new AbortController()
    const inner = AbortSignal.any([signal, stop.signal])
    const ended = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    const shared = this.#share(await Stock.read(log), inner)
    const { clusters } = shared
    await this.#retire(shared)
    for (const cluster of config.clusters)
      await this.#faults.try(cluster.name, () => this.#startConfigured(cluster, shared))
    const hubs = config.hubs.map(hub =>
      this.#faults.try(hub.name, () => new WatchedHub(hub, this.#parts, shared).run(inner)),
    )
    try {
      const others = hubs.map(hub => hub.then(() => ended))
      await Promise.race([
        ended,
        clusters.lost,
        followConfirmations(this.#parts, this.#confirmations, name => clusters.record(name)),
        ...others,
      ])
    } finally {
      stop.abort()
      await Promise.allSettled(hubs)
      await clusters.settled()
    }
  }

  #share(stock: Stock, signal: AbortSignal): Shared {
    const { config } = this.#parts
    const clusters = new RunningClusters({ ...this.#parts, config: this.#config, signal }, stock, this.#confirmations)
    this.#clusters = clusters
    const names = new ClusterNames([...config.clusters, ...config.hubs].map(({ name }) => name))
    const departures = new Departures(this.#parts, stock, clusters)
    return { stock, clusters, departures, names, faults: this.#faults }
  }

  /**
   * At the start, before anything is watched: clusters on record that the configuration no longer names, themselves or by their hub,
   * become out of scope. The others are marked as not read yet, as nothing may be launched on a cluster before it was read again.
   */
  async #retire({ stock, departures }: Shared): Promise<void> {
    const { config, log } = this.#parts
    const named = new Set([...config.clusters, ...config.hubs].map(({ name }) => name))
    const isNamed = ({ name, hub }: ClusterRecord): boolean => named.has(name) || named.has(hub)
    for (const record of stock.clusters().filter(({ status }) => status !== 'out_of_scope')) {
      if (!isNamed(record)) await departures.retire(record)
      else if (record.status === 'synced' || record.status === 'held')
        await keep(log, [[{ stream: 'state.fleet', key: record.name, value: notReadYet(record) }]])
    }
  }

  async #startConfigured(cluster: ClusterConfig, { stock, clusters }: Shared): Promise<void> {
    const { name, cluster_sets } = cluster
    const about = { word: () => '' as const, sets: () => cluster_sets ?? [] }
    const candidate: Candidate = { name, hub: '', connection: connectionOf(cluster), ...about }
    await keep(this.#parts.log, [stock.firstRecord(candidate)])
    await clusters.start(candidate)
  }
}
