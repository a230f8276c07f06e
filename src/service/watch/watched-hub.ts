import {
  groupsOf,
  keep,
  type ManagedCluster,
  type Selection,
  type SelectionChange,
  setsOf,
  watchHub,
  watchPlans,
} from '../../cluster/index.ts'
import type { HubConfig } from '../../config/index.ts'
import { KubeClient } from '../../kube/index.ts'
import { type Entry, isState } from '../../log/index.ts'
import { type RoleParts, USER_AGENT } from '../role.ts'
import type { ClusterNames, Managed } from './cluster-names.ts'
import type { Departures } from './departures.ts'
import type { Faults } from './faults.ts'
import { connectionOf, managedConnection, ruleOf } from './reach.ts'
import type { RunningClusters } from './running.ts'
import type { HubAccess } from './secret.ts'
import type { Stock } from './stock.ts'

/** What all hubs of a bridge share. */
export interface Shared {
  readonly stock: Stock
  readonly clusters: RunningClusters
  readonly departures: Departures
  readonly names: ClusterNames
  readonly faults: Faults
}

/** One hub: which clusters it selects, and what it says of imports. Those clusters are started and stopped as the selection changes, each under a name that no other cluster has. */
export class WatchedHub {
  readonly #hub: HubConfig
  readonly #parts: RoleParts
  readonly #shared: Shared

  constructor(hub: HubConfig, parts: RoleParts, shared: Shared) {
    this.#hub = hub
    this.#parts = parts
    this.#shared = shared
  }

  /** Follows it until the signal aborts. Rejects with a Fault when it can not be reached as the configuration says, else only when the log is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const hub = this.#hub
    const { stock, clusters } = this.#shared
    const { config, log, now } = this.#parts
    const connection = connectionOf(hub)
    await using client = new KubeClient({ connection, userAgent: USER_AGENT })
    const access: HubAccess = { hub, connection, client, signal }
    const before = stock.clusters().filter(({ hub: of, status }) => of === hub.name && status !== 'out_of_scope')
    const plans = watchPlans({ client, hub: hub.name, board: clusters.imports, signal })
    await watchHub({
      name: hub.name,
      client,
      log,
      known: (await stock.take(hub.name)).cluster,
      rule: ruleOf(hub),
      before: before.map(({ name }) => name),
      nameOf: name => hub.aliases[name] ?? name,
      now,
      signal,
      leaveHoldMs: config.watch.leave_hold_seconds * 1000,
      onChange: (change, selection, entries) => this.#follow(access, change, selection, entries),
    })
    await plans
  }

  /**
   * Follows a change of what the hub selects. Watches of clusters that left are stopped first, so that nothing is written of them after the
   * events that tell it; then those that came are started.
   */
  async #follow(
    access: HubAccess,
    change: SelectionChange,
    selection: Selection,
    told: readonly Entry[],
  ): Promise<void> {
    const { names } = this.#shared
    const entries = [...told]
    for (const [name, how] of change.left) entries.push(...(await this.#leave(name, how)))
    const came: Managed[] = []
    for (const [name, cluster] of change.came) {
      const candidate = this.#candidate(access, name, cluster, selection)
      if (this.#admit(candidate)) came.push(candidate)
    }
    await this.#begin(came, entries)
    // Everything about those that left is durable: their names are free for clusters that waited.
    for (const name of change.left.keys()) names.release(name, this.#hub.name)
    await this.#begin(
      [...change.left.keys()].flatMap(name => this.#next(name)),
      [],
    )
  }

  /** Makes `told` durable with the first records of `candidates`, events before state, and only then starts to watch them. */
  async #begin(candidates: readonly Managed[], told: readonly Entry[]): Promise<void> {
    const { stock, clusters } = this.#shared
    const entries = [...told, ...candidates.flatMap(candidate => stock.firstRecord(candidate))]
    const ordered = entries.toSorted((a, b) => Number(isState(a.stream)) - Number(isState(b.stream)))
    await keep(this.#parts.log, groupsOf(ordered))
    for (const candidate of candidates) await clusters.start(candidate)
  }

  #candidate(access: HubAccess, name: string, cluster: ManagedCluster, selection: Selection): Managed {
    const managed = (): ManagedCluster => selection.find(cluster.name) ?? cluster
    const connection = managedConnection(access, managed)
    const about = { word: () => managed().word, sets: () => setsOf(managed().labels) }
    return { name, managed: cluster.name, hub: this.#hub.name, connection, ...about }
  }

  /** Takes the name for the candidate. False when another cluster has it: that is told as a fault, and the candidate waits until the name is free. */
  #admit(candidate: Managed): boolean {
    const fault = this.#shared.names.admit(candidate)
    if (fault !== null) this.#shared.faults.tell(nameOf(candidate), fault)
    return fault === null
  }

  #next(name: string): readonly Managed[] {
    const next = this.#shared.names.next(name)
    if (next === null) return []
    this.#shared.faults.forget(nameOf(next))
    return [next]
  }

  /** Gives the entries that tell that a cluster left; none of one that waited for its name, as it was never watched. */
  async #leave(name: string, how: 'unselected' | 'detached'): Promise<readonly Entry[]> {
    const { names, faults, departures } = this.#shared
    const waited = names.withdraw(name, this.#hub.name)
    if (waited !== null) {
      faults.forget(nameOf(waited))
      return []
    }
    // A cluster of another hub has this name by now.
    if (names.isOfAnother(name, this.#hub.name)) return []
    return departures.leave(this.#hub.name, name, how)
  }
}

/** What a managed cluster is called in messages while it has no name of its own: `<hub>/<name there>`. */
function nameOf({ hub, managed }: Managed): string {
  return `${hub}/${managed}`
}
