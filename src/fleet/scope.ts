/** Where a VM is. */
export interface Place {
  readonly cluster: string
  readonly namespace: string
}

/** The part of the fleet that a caller may see: VMs of these clusters and of these namespaces. An empty list allows all; both must hold. */
export interface Scope {
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
}

/** The scope of a caller that may see the whole fleet. */
export const EVERYTHING: Scope = { clusters: [], namespaces: [] }

/** True for a scope that is less than the whole fleet. */
export function isNarrow({ clusters, namespaces }: Scope): boolean {
  return clusters.length > 0 || namespaces.length > 0
}

/** True when a VM at this place may be seen. */
export function sees(scope: Scope, { cluster, namespace }: Place): boolean {
  return seesCluster(scope, cluster) && (scope.namespaces.length === 0 || scope.namespaces.includes(namespace))
}

/** True when anything in the cluster may be seen. The cluster as a whole may be seen only by a scope without namespaces. */
export function seesCluster({ clusters }: Scope, cluster: string): boolean {
  return clusters.length === 0 || clusters.includes(cluster)
}

/** True when the key of an event or of a host, `<cluster>/<namespace>/<name>` or `<cluster>`, names something that may be seen. */
export function seesKey(scope: Scope, key: string): boolean {
  const [cluster = '', namespace] = key.split('/')
  if (namespace === undefined) return seesCluster(scope, cluster) && scope.namespaces.length === 0
  return sees(scope, { cluster, namespace })
}
