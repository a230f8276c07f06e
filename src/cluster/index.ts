export { seesAbsence } from './absence.ts'
export { askBaseDomain, baseDomainAfter } from './base-domain.ts'
export { setsOf } from './cluster-set.ts'
export { clusterEvent } from './event.ts'
export { readSelection, watchHub } from './hub.ts'
export { groupsOf, keep } from './keep.ts'
export { type HubWord, type ManagedCluster, projectManagedCluster } from './managed.ts'
export {
  CLUSTER_SCHEMA,
  type ClusterRecord,
  isCluster,
  isKnown,
  newCluster,
  notReadYet,
  outOfScope,
  readCluster,
} from './record.ts'
export { type Selection, type SelectionChange, type SelectionRule } from './selection.ts'
export { ImportBoard } from './imports.ts'
export type { ContestBoard } from './contest-board.ts'
export { watchPlans } from './plans.ts'
export { USUAL } from './resources.ts'
export { leavingEntries } from './scope.ts'
export { ClusterWatch, type WatchOptions } from './watch.ts'
export type { Extras } from './extras.ts'
