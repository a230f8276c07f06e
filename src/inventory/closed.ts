import { type ClusterRecord, isKnown } from '../cluster/index.ts'
import { clustersNamed } from './narrowing.ts'
import type { Staleness } from './stale.ts'
import type { View } from './view.ts'

/** Why a view has no document now, and for which clusters. */
export interface Closed {
  /**
   * `unread`: never read as a whole. `stale`: can not be seen, and the view would rather fail. `lacking`: the watch has not kept yet what
   * is shown of some VMs, or does not know the base domain that they are shown by.
   */
  readonly because: 'unread' | 'stale' | 'lacking'
  readonly clusters: readonly string[]
}

/** What is known of clusters. */
export interface ClusterSight {
  readonly clusters: ReadonlyMap<string, ClusterRecord>
  /** Clusters and hubs that must have been read before the whole inventory is true. */
  readonly expected: readonly string[]
  readonly stalenessOf: (cluster: string) => Staleness
}

/** Why the view is closed; null when it is open. It is so by the clusters, and the hubs that may bring one, that it could contain. Pure. */
export function closedBecause(view: View, sight: ClusterSight): Closed | null {
  const { clusters, expected } = sight
  const { clusterSets, onStale, rendering } = view
  const all = [...new Set(clustersNamed(view) ?? [...expected, ...clusters.keys()])].sort()
  const could = clusterSets.length === 0 ? all : all.filter(name => mayBeIn(clusterSets, clusters.get(name)))
  const unread = could.filter(name => isUnread(clusters.get(name)) || setsUnknown(view, clusters.get(name)))
  if (unread.length > 0) return { because: 'unread', clusters: unread }
  const lacking = rendering.readsBaseDomain === true ? could.filter(name => lacksBaseDomain(clusters.get(name))) : []
  if (lacking.length > 0) return { because: 'lacking', clusters: lacking }
  const unseen = onStale === 'fail' ? could.filter(name => isUnseen(name, sight)) : []
  return unseen.length > 0 ? { because: 'stale', clusters: unseen } : null
}

/** A cluster that left the selection before it was ever read has no hosts to miss, and one without KubeVirt has none. */
function isUnread(cluster: ClusterRecord | undefined): boolean {
  return cluster === undefined || (!isKnown(cluster) && cluster.status !== 'out_of_scope')
}

/** False for a cluster of which it is known that it is in none of the sets. */
function mayBeIn(sets: readonly string[], cluster: ClusterRecord | undefined): boolean {
  const known = cluster?.kind === 'cluster' ? cluster.cluster_sets : undefined
  return known === undefined || known.some(set => sets.includes(set))
}

/** Of a cluster that an earlier version knew it is not known in which sets it is, until it is watched again. */
function setsUnknown({ clusterSets, profilesBySets }: View, cluster: ClusterRecord | undefined): boolean {
  if ((clusterSets.length === 0 && !profilesBySets) || cluster?.kind !== 'cluster' || cluster.status === 'out_of_scope')
    return false
  return cluster.cluster_sets === undefined
}

/** Hosts would have one name now and another in a moment. What left the selection can not be asked, and what was never adopted has no hosts. */
function lacksBaseDomain(cluster: ClusterRecord | undefined): boolean {
  if (cluster?.kind !== 'cluster' || cluster.status === 'out_of_scope' || cluster.adopted_at === 0) return false
  return cluster.base_domain === undefined
}

/** Who left the selection is not missed: somebody took it out. Its hosts stay, as those of any that is not seen. */
function isUnseen(name: string, { clusters, stalenessOf }: ClusterSight): boolean {
  const cluster = clusters.get(name)
  if (cluster?.kind === 'hub' || cluster?.status === 'out_of_scope') return false
  if (cluster !== undefined && cluster.adopted_at === 0 && isKnown(cluster)) return false
  return stalenessOf(name) !== 'fresh'
}
