import {
  clusterEvent,
  type ClusterRecord,
  groupsOf,
  keep,
  type ManagedCluster,
  newCluster,
  notReadYet,
  outOfScope,
  type Selection,
  type SelectionChange,
  setsOf,
  leavingEntries,
  watchHub,
  watchPlans,
} from '../../cluster/index.ts'
import type { ClusterConfig, Config, HubConfig } from '../../config/index.ts'
import { Fault } from '../../errors.ts'
import type { Check } from '../../http/index.ts'
import { KubeClient } from '../../kube/index.ts'
import { type Entry, isState } from '../../log/index.ts'
import { type Keep, PackedMap, type VmRecord } from '../../vm/index.ts'
import { type RoleParts, USER_AGENT } from '../role.ts'
import { ClusterNames, type Managed } from './cluster-names.ts'
import { Confirmations, followConfirmations } from './confirmations.ts'
import { Stock } from './stock.ts'
import { connectionOf, managedConnection, ruleOf } from './reach.ts'
import { type Candidate, RunningClusters } from './running.ts'
import type { HubAccess } from './secret.ts'

/** The role `watch`: watches every configured cluster and every cluster that a hub selects, each by a ClusterWatch of its own, and appends what they say. */
export class WatchRole {
  readonly #parts: RoleParts
  readonly #confirmations = new Confirmations()
  readonly #faults = new Map<string, Fault>()
  readonly #names: ClusterNames
  #config: Config
  #stock: Stock | null = null
  #clusters: RunningClusters | null = null

  constructor(parts: RoleParts) {
    const { clusters, hubs } = parts.config
    this.#parts = parts
    this.#config = parts.config
    this.#names = new ClusterNames([...clusters, ...hubs].map(({ name }) => name))
  }

  /** For `/readyz`: a check for each cluster or hub that could not be started, as by a broken kubeconfig. The others are watched all the same. */
  checks(): readonly Check[] {
    return [...this.#faults].map(([name, { message, hint }]) => {
      return { name: `cluster ${name} (configuration)`, ok: false, reason: message, hint }
    })
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
    const stock = await Stock.read(log)
    const clusters = new RunningClusters(
      { ...this.#parts, config: this.#config, signal: inner },
      stock,
      this.#confirmations,
    )
    this.#stock = stock
    this.#clusters = clusters
    await this.#retire(stock.clusters())
    for (const cluster of config.clusters) await this.#try(cluster, () => this.#startConfigured(cluster))
    const hubs = config.hubs.map(hub => this.#watchHub(hub, inner))
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

  /**
   * At the start, before anything is watched: clusters on record that the configuration no longer names, themselves or by their hub,
   * become out of scope. The others are marked as not read yet, as nothing may be launched on a cluster before it was read again.
   */
  async #retire(known: readonly ClusterRecord[]): Promise<void> {
    const { config, log, now } = this.#parts
    const named = new Set([...config.clusters, ...config.hubs].map(({ name }) => name))
    for (const record of known.filter(({ status }) => status !== 'out_of_scope')) {
      if (!named.has(record.name) && !named.has(record.hub)) {
        const reason = 'the configuration no longer names it'
        this.#parts.logger.warn({ cluster: record.name }, `out of scope: ${reason}`)
        const records = (await this.#stock?.take(record.name))?.records ?? new PackedMap<VmRecord>()
        await this.#leaveVms(records, reason)
        const cluster = outOfScope(record, reason, now())
        await keep(log, [[{ stream: 'state.fleet', key: record.name, value: cluster }]])
        this.#stock?.keep(record.name, { cluster, records })
      } else if (record.status === 'synced' || record.status === 'held') {
        await keep(log, [[{ stream: 'state.fleet', key: record.name, value: notReadYet(record) }]])
      }
    }
  }

  async #try(cluster: ClusterConfig, start: () => Promise<void>): Promise<void> {
    try {
      await start()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#tell(cluster.name, error)
    }
  }

  #tell(name: string, fault: Fault): void {
    this.#faults.set(name, fault)
    this.#parts.logger.error({ cluster: name, hint: fault.hint }, fault.message)
  }

  async #startConfigured(cluster: ClusterConfig): Promise<void> {
    const { name, cluster_sets } = cluster
    const about = { word: () => '' as const, sets: () => cluster_sets ?? [] }
    const candidate: Candidate = { name, hub: '', connection: connectionOf(cluster), ...about }
    const entries = this.#firstRecord(candidate)
    await keep(this.#parts.log, [entries])
    await this.#clusters?.start(candidate)
  }

  /** The first record of a cluster that the log does not have. It is written before the watch begins, so that the inventory stays closed until the cluster was read. */
  #firstRecord({ name, hub, sets }: Candidate): readonly Entry[] {
    if (this.#stock?.has(name) === true) return []
    return [{ stream: 'state.fleet', key: name, value: newCluster(name, hub, sets()) }]
  }

  async #watchHub(hub: HubConfig, signal: AbortSignal): Promise<void> {
    const { config, log, now } = this.#parts
    await this.#try(hub, async () => {
      const connection = connectionOf(hub)
      await using client = new KubeClient({ connection, userAgent: USER_AGENT })
      const access: HubAccess = { hub, connection, client, signal }
      const before = this.#stock
        ?.clusters()
        .filter(({ hub: of, status }) => of === hub.name && status !== 'out_of_scope')
      const board = this.#clusters?.imports
      const plans = board === undefined ? null : watchPlans({ client, hub: hub.name, board, signal })
      await watchHub({
        name: hub.name,
        client,
        log,
        known: (await this.#stock?.take(hub.name))?.cluster ?? null,
        rule: ruleOf(hub),
        before: before?.map(({ name }) => name) ?? [],
        nameOf: name => hub.aliases[name] ?? name,
        now,
        signal,
        leaveHoldMs: config.watch.leave_hold_seconds * 1000,
        onChange: (change, selection, entries) => this.#follow(access, change, selection, entries),
      })
      await plans
    })
  }

  /**
   * Follows a change of what a hub selects. Watches of clusters that left are stopped first, so that nothing is written of them after the
   * events that tell it; then those that came are started, each under a name that no other cluster has.
   */
  async #follow(
    access: HubAccess,
    change: SelectionChange,
    selection: Selection,
    told: readonly Entry[],
  ): Promise<void> {
    const entries = [...told]
    for (const [name, how] of change.left) entries.push(...(await this.#leave(access.hub.name, name, how)))
    const came: Managed[] = []
    for (const [name, cluster] of change.came) {
      const candidate = this.#candidate(access, name, cluster, selection)
      if (this.#admit(candidate)) came.push(candidate)
    }
    await this.#begin(came, entries)
    // Everything about those that left is durable: their names are free for clusters that waited.
    for (const name of change.left.keys()) this.#names.release(name, access.hub.name)
    await this.#begin(
      [...change.left.keys()].flatMap(name => this.#next(name)),
      [],
    )
  }

  /** Makes `told` durable with the first records of `candidates`, events before state, and only then starts to watch them. */
  async #begin(candidates: readonly Managed[], told: readonly Entry[]): Promise<void> {
    const entries = [...told, ...candidates.flatMap(candidate => this.#firstRecord(candidate))]
    const ordered = entries.toSorted((a, b) => Number(isState(a.stream)) - Number(isState(b.stream)))
    await keep(this.#parts.log, groupsOf(ordered))
    for (const candidate of candidates) await this.#clusters?.start(candidate)
  }

  #candidate(access: HubAccess, name: string, cluster: ManagedCluster, selection: Selection): Managed {
    const managed = (): ManagedCluster => selection.find(cluster.name) ?? cluster
    const connection = managedConnection(access, managed)
    const about = { word: () => managed().word, sets: () => setsOf(managed().labels) }
    return { name, managed: cluster.name, hub: access.hub.name, connection, ...about }
  }

  /** Takes the name for the candidate. False when another cluster has it: that is told as a fault, and the candidate waits until the name is free. */
  #admit(candidate: Managed): boolean {
    const fault = this.#names.admit(candidate)
    if (fault !== null) this.#tell(nameOf(candidate), fault)
    return fault === null
  }

  #next(name: string): readonly Managed[] {
    const next = this.#names.next(name)
    if (next === null) return []
    this.#faults.delete(nameOf(next))
    return [next]
  }

  /** Stops to watch a cluster that its hub no longer selects. Its record and VMs are kept, marked out of scope; its hosts grow stale. Gives the entries that tell it. */
  async #leave(hub: string, name: string, how: 'unselected' | 'detached'): Promise<readonly Entry[]> {
    const { now } = this.#parts
    const waited = this.#names.withdraw(name, hub)
    if (waited !== null) {
      this.#faults.delete(nameOf(waited))
      return []
    }
    // A cluster of another hub has this name by now.
    if (this.#names.isOfAnother(name, hub)) return []
    const known = (await this.#clusters?.stop(name)) ?? (await this.#stock?.take(name))
    const record = known?.cluster ?? null
    if (known === undefined || record === null) return []
    const reason =
      how === 'detached' ? `its hub ${hub} has no such cluster any more` : `its hub ${hub} no longer selects it`
    this.#parts.logger.warn({ cluster: name }, `out of scope: ${reason}`)
    await this.#leaveVms(known.records, reason)
    const entries: Entry[] = []
    let next = outOfScope(record, reason, now())
    if (how === 'detached' && record.adopted_at > 0) {
      const event = clusterEvent(next, 'detached', now())
      next = { ...next, last_event: event.id }
      entries.push({ stream: 'events.cluster', key: name, value: event })
    }
    // The name keeps its holder until these entries are durable, so nobody takes it from the stock before.
    this.#stock?.keep(name, { cluster: next, records: known.records })
    return [...entries, { stream: 'state.fleet', key: name, value: next }]
  }

  /** Appends `out_of_scope` for each VM of a cluster, and changes `records` to match. The VMs are kept as they were. */
  async #leaveVms(records: Keep<VmRecord>, reason: string): Promise<void> {
    const { log, now } = this.#parts
    for (const { entries, left } of leavingEntries(records.values(), reason, now())) {
      await keep(log, groupsOf(entries))
      for (const record of left) {
        this.#clusters?.guests.replace(null, record)
        records.set(`${record.namespace}/${record.name}`, record)
      }
    }
  }
}

/** What a managed cluster is called in messages while it has no name of its own: `<hub>/<name there>`. */
function nameOf({ hub, managed }: Managed): string {
  return `${hub}/${managed}`
}
