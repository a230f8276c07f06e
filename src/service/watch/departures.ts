import { clusterEvent, type ClusterRecord, groupsOf, keep, leavingEntries, outOfScope } from '../../cluster/index.ts'
import type { Entry } from '../../log/index.ts'
import type { Keep, VmRecord } from '../../vm/index.ts'
import type { RoleParts } from '../role.ts'
import type { RunningClusters } from './running.ts'
import type { Stock } from './stock.ts'

/** What becomes of clusters that are not to be watched any more: they are out of scope, their records and VMs are kept, and their hosts grow stale. */
export class Departures {
  readonly #parts: RoleParts
  readonly #stock: Stock
  readonly #clusters: RunningClusters

  constructor(parts: RoleParts, stock: Stock, clusters: RunningClusters) {
    this.#parts = parts
    this.#stock = stock
    this.#clusters = clusters
  }

  /** A cluster on record that the configuration no longer names, at the start. Resolves when that is durable. */
  async retire(record: ClusterRecord): Promise<void> {
    const reason = 'the configuration no longer names it'
    const { records } = await this.#stock.take(record.name)
    await this.#leaveVms(record.name, records, reason)
    const cluster = outOfScope(record, reason, this.#parts.now())
    await keep(this.#parts.log, [[{ stream: 'state.fleet', key: record.name, value: cluster }]])
    this.#stock.keep(record.name, { cluster, records })
  }

  /** Stops to watch a cluster that its hub no longer selects. Gives the entries that tell it, to be appended; of its VMs all is durable then. */
  async leave(hub: string, name: string, how: 'unselected' | 'detached'): Promise<readonly Entry[]> {
    const { now } = this.#parts
    const known = (await this.#clusters.stop(name)) ?? (await this.#stock.take(name))
    const { cluster: record, records } = known
    if (record === null) return []
    const reason =
      how === 'detached' ? `its hub ${hub} has no such cluster any more` : `its hub ${hub} no longer selects it`
    await this.#leaveVms(name, records, reason)
    const entries: Entry[] = []
    let next = outOfScope(record, reason, now())
    if (how === 'detached' && record.adopted_at > 0) {
      const event = clusterEvent(next, 'detached', now())
      next = { ...next, last_event: event.id }
      entries.push({ stream: 'events.cluster', key: name, value: event })
    }
    // The name keeps its holder until these entries are durable, so nobody takes it from the stock before.
    this.#stock.keep(name, { cluster: next, records })
    return [...entries, { stream: 'state.fleet', key: name, value: next }]
  }

  /** Appends `out_of_scope` for each VM of a cluster, and changes `records` to match. The VMs are kept as they were. */
  async #leaveVms(name: string, records: Keep<VmRecord>, reason: string): Promise<void> {
    const { log, now, logger } = this.#parts
    logger.warn({ cluster: name }, `out of scope: ${reason}`)
    for (const { entries, left } of leavingEntries(records.values(), reason, now())) {
      await keep(log, groupsOf(entries))
      for (const record of left) {
        this.#clusters.guests.replace(null, record)
        records.set(`${record.namespace}/${record.name}`, record)
      }
    }
  }
}
