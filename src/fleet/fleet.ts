import { CLUSTER_SCHEMA, type ClusterRecord, isCluster } from '../cluster/record.ts'
import { type EventLog, type Position, refuseNewer, type Stored } from '../log/index.ts'
import { hostName, RECORD_SCHEMA, type VmRecord } from '../vm/index.ts'
import { Records } from './records.ts'

/** What changed in the fleet: one VM (null: it is gone) or one cluster. */
export type FleetChange =
  | { readonly kind: 'vm'; readonly key: string; readonly before: VmRecord | null; readonly after: VmRecord | null }
  | { readonly kind: 'cluster'; readonly name: string; readonly after: ClusterRecord | null }

/** The fleet as the log says it is: a view that anybody may read and nobody writes. */
export interface FleetView {
  readonly vms: ReadonlyMap<string, VmRecord>
  readonly clusters: ReadonlyMap<string, ClusterRecord>
  /** Those of the VMs that came after their cluster was adopted. To look at `vms` one by one costs some microseconds for each. */
  readonly news: Iterable<VmRecord>
  /** The VM that Ansible knows by this name. */
  byHost(host: string): VmRecord | undefined
  /** Called after each change, in order; must not throw. Returns the end of the subscription. */
  subscribe(listener: (change: FleetChange) => void): () => void
}

/** The materialised view of `state.fleet`. */
export class Fleet implements FleetView {
  readonly #vms = new Records()
  readonly #clusters = new Map<string, ClusterRecord>()
  /** Keys by host, of those whose names do not tell it. */
  readonly #odd = new Map<string, string>()
  readonly #listeners = new Set<(change: FleetChange) => void>()

  get vms(): ReadonlyMap<string, VmRecord> {
    return this.#vms
  }

  get clusters(): ReadonlyMap<string, ClusterRecord> {
    return this.#clusters
  }

  get news(): Iterable<VmRecord> {
    return this.#vms.news
  }

  byHost(host: string): VmRecord | undefined {
    return this.#vms.get(this.#odd.get(host) ?? keyIn(host))
  }

  subscribe(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes in one entry of `state.fleet`. The same entry twice changes nothing. */
  apply(entry: Pick<Stored, 'key' | 'value'>): void {
    const change = entry.key.includes('/') ? this.#applyVm(entry) : this.#applyCluster(entry)
    for (const listener of this.#listeners) listener(change)
  }

  #applyVm({ key, value }: Pick<Stored, 'key' | 'value'>): FleetChange {
    const before = this.#vms.get(key) ?? null
    const after = value as VmRecord | null
    if (after === null) {
      this.#vms.delete(key)
      if (before !== null) this.#odd.delete(hostName(before))
    } else {
      this.#vms.set(key, after)
      if (keyIn(hostName(after)) !== key) this.#odd.set(hostName(after), key)
    }
    return { kind: 'vm', key, before, after }
  }

  #applyCluster({ key, value }: Pick<Stored, 'key' | 'value'>): FleetChange {
    const after = value !== null && isCluster(value) ? value : null
    if (after === null) this.#clusters.delete(key)
    else this.#clusters.set(key, after)
    return { kind: 'cluster', name: key, after }
  }
}

/** The key of the VM that a host name tells, read from the right: names of namespaces and clusters have no dots. */
function keyIn(host: string): string {
  const cluster = host.lastIndexOf('.')
  const namespace = host.lastIndexOf('.', cluster - 1)
  return `${host.slice(cluster + 1)}/${host.slice(namespace + 1, cluster)}/${host.slice(0, Math.max(namespace, 0))}`
}

/** Reads the fleet as it is now; resolves with the view and the position to follow it from. */
export async function loadFleet(log: EventLog): Promise<{ fleet: Fleet; position: Position }> {
  const fleet = new Fleet()
  const position = log.end('state.fleet')
  for await (const entry of log.latest('state.fleet')) fleet.apply(readable(entry))
  return { fleet, position }
}

/** Keeps the view up with the log until the signal aborts. */
export async function followFleet(fleet: Fleet, log: EventLog, from: Position, signal: AbortSignal): Promise<void> {
  for await (const entry of log.follow('state.fleet', from, signal)) fleet.apply(readable(entry))
}

/** The entry of `state.fleet`. Throws a Fault `log_newer` when a newer program wrote it. */
export function readable(entry: Stored): Stored {
  refuseNewer(entry, entry.key.includes('/') ? RECORD_SCHEMA : CLUSTER_SCHEMA)
  return entry
}
