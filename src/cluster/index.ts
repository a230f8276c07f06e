export { type HubOptions, watchHub } from './hub.ts'
export { isSelected, type ManagedCluster, projectManagedCluster } from './managed.ts'
export {
  CLUSTER_SCHEMA,
  type ClusterRecord,
  type ClusterStatus,
  isCluster,
  newCluster,
  notReadYet,
  outOfScope,
} from './record.ts'
export { ClusterWatch, type WatchOptions } from './watch.ts'
