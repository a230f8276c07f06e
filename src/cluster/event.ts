import { type ClusterEventData, type ClusterFact, envelope, type Event, factId, plainText } from '../event/index.ts'
import { MAX_NAMED } from './missing.ts'
import type { ClusterRecord } from './record.ts'

/** Clusters that one event names; a `message` counts them all. */
export const MAX_NAMED_CLUSTERS = 100

/** VMs that a person says are gone. */
export interface ConfirmedDeletions {
  readonly count: number
  /** The first of them, as `namespace/name`. */
  readonly names: readonly string[]
  readonly by: string
}

/** What an event of a cluster says besides its fact. */
export interface Details {
  /** Clusters that came into the selection of a hub, and that left it. */
  readonly added?: readonly string[]
  readonly removed?: readonly string[]
  /** VMs that an audit found to be other than was known. */
  readonly corrections?: number
  readonly confirmed?: ConfirmedDeletions
}

/** The CloudEvent of a fact about a cluster, or about a hub. Facts that come again are told apart by the event before. */
export function clusterEvent(
  record: ClusterRecord,
  fact: ClusterFact,
  now: number,
  { added = [], removed = [], corrections = 0, confirmed = NOTHING_CONFIRMED }: Details = {},
): Event<ClusterEventData> {
  const thing = fact === 'joined' ? [] : [record.last_event]
  const cluster = { name: record.name, hub: record.kind === 'hub' ? record.name : record.hub }
  const data: ClusterEventData = {
    schema_version: 1,
    time_epoch: Math.floor(now / 1000),
    fact,
    origin: fact === 'joined' ? 'bootstrap' : corrections > 0 ? 'audit' : 'live',
    cluster,
    uid: record.uid,
    vms: record.vms,
    corrections,
    added: added.slice(0, MAX_NAMED_CLUSTERS),
    removed: removed.slice(0, MAX_NAMED_CLUSTERS),
    deleted: confirmed.names.slice(0, MAX_NAMED),
    confirmed_by: plainText(confirmed.by),
    reason: record.cause,
    message: messageOf(fact, record, { added, removed, confirmed }),
  }
  return envelope({
    kind: 'cluster',
    id: factId(record.uid, record.uid, fact, thing),
    fact,
    cluster,
    subject: record.name,
    at: now,
    data,
  })
}

const NOTHING_CONFIRMED: ConfirmedDeletions = { count: 0, names: [], by: '' }

function messageOf(
  fact: ClusterFact,
  { reason }: ClusterRecord,
  { added, removed, confirmed }: Required<Omit<Details, 'corrections'>>,
): string {
  if (fact === 'placement_changed') return `${added.length} came, ${removed.length} left`
  return fact === 'deletions_confirmed' ? `${confirmed.count} VMs are gone` : reason
}
