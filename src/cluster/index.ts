export { type HubOptions, watchHub } from './hub.ts'
export type { ManagedCluster } from './managed.ts'
export { type ClusterRecord, type ClusterStatus, isCluster, newCluster } from './record.ts'
export { ClusterWatch, type WatchOptions } from './watch.ts'
