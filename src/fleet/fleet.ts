import { steadyClock } from '../clocks.ts'
import { CLUSTER_SCHEMA, type ClusterRecord, isCluster } from '../cluster/record.ts'
import { type EventLog, type Position, refuseNewer, type Stored } from '../log/index.ts'
import { hostName, RECORD_SCHEMA, type VmRecord } from '../vm/index.ts'
import { Records } from './records.ts'

/** One change of the fleet: a VM by its key `<cluster>/<namespace>/<name>`, or a cluster by its name. `before` null: it is new; `after` null: it is gone. */
export type FleetChange =
  | { readonly kind: 'vm'; readonly key: string; readonly before: VmRecord | null; readonly after: VmRecord | null }
  | { readonly kind: 'cluster'; readonly name: string; readonly after: ClusterRecord | null }

/** The fleet as `state.fleet` has it, read-only: every VM and every cluster that virtbridge knows now. */
export interface FleetView {
  /** By `<cluster>/<namespace>/<name>`. Most are held packed: to read one costs some microseconds, and to walk over all of them adds up. */
  readonly vms: ReadonlyMap<string, VmRecord>
  /** By name; hubs too. */
  readonly clusters: ReadonlyMap<string, ClusterRecord>
  /**
   * How long ago a cluster was seen last, in ms at `now` (since the epoch); Infinity of one that never was. By its heartbeat, and by a
   * clock that nobody sets since that was heard here, whichever is longer: to put the clock back makes nobody seen more lately.
   */
  ageOf(cluster: string, now: number): number
  /** The VMs that appeared after their cluster was adopted: the only ones on which work may start by itself. Not packed, cheap to walk over. */
  readonly news: Iterable<VmRecord>
  /** The VM with this host name in Ansible, `<name>.<namespace>.<cluster>`. */
  byHost(host: string): VmRecord | undefined
  /** The uid of the VM with this host name that was deleted last, as this process saw it, and none has that name since; empty when none did, or too many did after it. */
  gone(host: string): string
  /** Calls `listener` after each change, in the order of the log; it must not throw. Returns a function that ends the subscription. */
  subscribe(listener: (change: FleetChange) => void): () => void
}

/** Deleted VMs that are remembered by their host names. */
const MAX_GONE = 10_000

/** The view of `state.fleet` in memory. `loadFleet()` fills it once, `followFleet()` keeps it up to date. */
export class Fleet implements FleetView {
  readonly #vms = new Records()
  readonly #clusters = new Map<string, ClusterRecord>()
  /** When the heartbeat that a cluster has on record was heard here, by the steady clock. */
  readonly #heard = new Map<string, number>()
  /** Host name → key, of VMs whose key can not be read from the host name alone: a name with dots. */
  readonly #odd = new Map<string, string>()
  /** Host name → uid, of VMs that were deleted; the oldest first. */
  readonly #gone = new Map<string, string>()
  readonly #listeners = new Set<(change: FleetChange) => void>()
  readonly #steady: () => number

  /** `steady`: see `Clocks`; that of the machine when left out. */
  constructor(steady: () => number = steadyClock) {
    this.#steady = steady
  }

  get vms(): ReadonlyMap<string, VmRecord> {
    return this.#vms
  }

  get clusters(): ReadonlyMap<string, ClusterRecord> {
    return this.#clusters
  }

  ageOf(cluster: string, now: number): number {
    const { heartbeat = 0 } = this.#clusters.get(cluster) ?? {}
    if (heartbeat === 0) return Infinity
    return Math.max(now - heartbeat, this.#steady() - (this.#heard.get(cluster) ?? Infinity))
  }

  get news(): Iterable<VmRecord> {
    return this.#vms.news
  }

  byHost(host: string): VmRecord | undefined {
    return this.#vms.get(this.#odd.get(host) ?? keyIn(host))
  }

  gone(host: string): string {
    return this.#gone.get(host) ?? ''
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
      if (before !== null) this.#leave(before)
    } else {
      this.#vms.set(key, after)
      if (before === null) this.#gone.delete(hostName(after))
      if (keyIn(hostName(after)) !== key) this.#odd.set(hostName(after), key)
    }
    return { kind: 'vm', key, before, after }
  }

  #leave(record: VmRecord): void {
    const host = hostName(record)
    this.#odd.delete(host)
    this.#gone.delete(host)
    this.#gone.set(host, record.uid)
    const [oldest = ''] = this.#gone.keys()
    if (this.#gone.size > MAX_GONE) this.#gone.delete(oldest)
  }

  #applyCluster({ key, value }: Pick<Stored, 'key' | 'value'>): FleetChange {
    const after = value !== null && isCluster(value) ? value : null
    if (after?.heartbeat !== this.#clusters.get(key)?.heartbeat) this.#heard.set(key, this.#steady())
    if (after === null) {
      this.#clusters.delete(key)
      this.#heard.delete(key)
    } else this.#clusters.set(key, after)
    return { kind: 'cluster', name: key, after }
  }
}

/** The key of a host name. It is read from the right, as namespaces and clusters have no dots in their names and VMs may. */
function keyIn(host: string): string {
  const cluster = host.lastIndexOf('.')
  const namespace = host.lastIndexOf('.', cluster - 1)
  return `${host.slice(cluster + 1)}/${host.slice(namespace + 1, cluster)}/${host.slice(0, Math.max(namespace, 0))}`
}

/** Reads all of `state.fleet`. `position` is where `followFleet()` goes on; an entry that comes twice changes nothing. Throws a Fault `log_newer`. */
export async function loadFleet(log: EventLog): Promise<{ fleet: Fleet; position: Position }> {
  const fleet = new Fleet()
  const position = log.end('state.fleet')
  for await (const entry of log.latest('state.fleet')) fleet.apply(readable(entry))
  return { fleet, position }
}

/** Applies every entry after `from` to the view. Resolves when the signal aborts; rejects when the log is lost, or with a Fault `log_newer`. */
export async function followFleet(fleet: Fleet, log: EventLog, from: Position, signal: AbortSignal): Promise<void> {
  for await (const entry of log.follow('state.fleet', from, signal)) fleet.apply(readable(entry))
}

/** The same entry of `state.fleet`. Throws a Fault `log_newer` when a newer program wrote it in a schema that this one does not know. */
export function readable(entry: Stored): Stored {
  refuseNewer(entry, entry.key.includes('/') ? RECORD_SCHEMA : CLUSTER_SCHEMA)
  return entry
}
