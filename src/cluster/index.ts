export { type ClusterRecord, type ClusterStatus, isCluster, newCluster } from './record.ts'
export { ClusterWatch, type WatchOptions } from './watch.ts'
