/** A VM's place. */
export interface Place {
  readonly cluster: string
  readonly namespace: string
}

/** The part of the fleet that somebody may know of. An empty list does not narrow it; both must hold. */
export interface Scope {
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
}

/** All of the fleet. */
export const EVERYTHING: Scope = { clusters: [], namespaces: [] }

/** True when it is less than everything. */
export function isNarrow({ clusters, namespaces }: Scope): boolean {
  return clusters.length > 0 || namespaces.length > 0
}

/** Whether a VM at this place may be known of. */
export function sees(scope: Scope, { cluster, namespace }: Place): boolean {
  return seesCluster(scope, cluster) && (scope.namespaces.length === 0 || scope.namespaces.includes(namespace))
}

/** Whether something of a cluster may be known of; of the cluster as a whole, when the scope has no namespaces. */
export function seesCluster({ clusters }: Scope, cluster: string): boolean {
  return clusters.length === 0 || clusters.includes(cluster)
}

/** Whether the key of an event or a host of a run, `<cluster>/<namespace>/<name>` or `<cluster>`, is of something that may be known of. */
export function seesKey(scope: Scope, key: string): boolean {
  const [cluster = '', namespace] = key.split('/')
  if (namespace === undefined) return seesCluster(scope, cluster) && scope.namespaces.length === 0
  return sees(scope, { cluster, namespace })
}
