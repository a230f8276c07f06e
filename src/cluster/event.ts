import { type ClusterEventData, type ClusterFact, envelope, type Event, factId } from '../event/index.ts'
import type { ClusterRecord } from './record.ts'

/** The CloudEvent of a fact about a cluster. Facts that come again are told apart by the event before. */
export function clusterEvent(record: ClusterRecord, fact: ClusterFact, now: number): Event<ClusterEventData> {
  const thing = fact === 'joined' ? [] : [record.last_event]
  const cluster = { name: record.name, hub: record.hub }
  const data: ClusterEventData = {
    schema_version: 1,
    time_epoch: Math.floor(now / 1000),
    fact,
    origin: fact === 'joined' ? 'bootstrap' : 'live',
    cluster,
    uid: record.uid,
    vms: record.vms,
    corrections: 0,
    reason: record.cause,
    message: record.reason,
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
