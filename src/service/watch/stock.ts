import { type ClusterRecord, isCluster, newCluster, readCluster } from '../../cluster/index.ts'
import type { Entry, EventLog } from '../../log/index.ts'
import { type Keep, PackedMap, type VmRecord } from '../../vm/index.ts'
import type { Candidate } from './candidate.ts'

/** What the log knows of one cluster. */
export interface Known {
  readonly cluster: ClusterRecord | null
  readonly records: Keep<VmRecord>
}

/**
 * What the log knew of every cluster when the process started, read in one pass. A watch that begins takes its cluster's part, which is
 * then freed; a cluster that is taken a second time is read from the log again.
 */
export class Stock {
  readonly #log: EventLog
  readonly #found: Map<string, Known>
  readonly #taken = new Set<string>()

  private constructor(log: EventLog, found: Map<string, Known>) {
    this.#log = log
    this.#found = found
  }

  static async read(log: EventLog): Promise<Stock> {
    return new Stock(log, await load(log))
  }

  /** Every cluster and hub that was on record at the start. */
  clusters(): readonly ClusterRecord[] {
    return [...this.#found.values()].flatMap(({ cluster }) => (cluster === null ? [] : [cluster]))
  }

  /** The VMs that were on record at the start, by the name of their cluster. */
  *vms(): Iterable<readonly [cluster: string, records: Keep<VmRecord>]> {
    for (const [name, { records }] of this.#found) yield [name, records]
  }

  /** True when the log had a record of the cluster at the start, or it was taken or kept since. */
  has(name: string): boolean {
    return this.#found.has(name) || this.#taken.has(name)
  }

  /** The first record of a cluster that the log does not have. It is written before the watch begins, so that the inventory stays closed until the cluster was read. */
  firstRecord({ name, hub, sets }: Pick<Candidate, 'name' | 'hub' | 'sets'>): readonly Entry[] {
    return this.has(name) ? [] : [{ stream: 'state.fleet', key: name, value: newCluster(name, hub, sets()) }]
  }

  /** What the log knows of a cluster, for the watch that begins; empty for a new one. The watch owns it from then on. */
  async take(name: string): Promise<Known> {
    const found = this.#taken.has(name) ? await load(this.#log) : this.#found
    const known = found.get(name) ?? { cluster: null, records: new PackedMap<VmRecord>() }
    this.#taken.add(name)
    this.#found.delete(name)
    return known
  }

  /** Gives back what is known of a cluster that is no longer watched, so that the next `take()` need not read the log. */
  keep(name: string, known: Known): void {
    this.#taken.delete(name)
    this.#found.set(name, known)
  }
}

async function load(log: EventLog): Promise<Map<string, Known>> {
  const found = new Map<string, Known>()
  for await (const { key, value } of log.latest('state.fleet')) {
    if (value === null) continue
    const slash = key.indexOf('/')
    const name = slash < 0 ? key : key.slice(0, slash)
    const known = found.get(name) ?? { cluster: null, records: new PackedMap<VmRecord>() }
    if (slash >= 0) known.records.set(key.slice(slash + 1), value as VmRecord)
    found.set(name, slash < 0 && isCluster(value) ? { ...known, cluster: readCluster(value) } : known)
  }
  return found
}
