import { type ClusterRecord, newCluster } from '../../src/cluster/index.ts'

/** A cluster that was read as a whole, and seen at `heartbeat`. */
export function synced(name: string, heartbeat: number): ClusterRecord {
  return { ...newCluster(name, ''), status: 'synced', adopted_at: 1, heartbeat }
}
