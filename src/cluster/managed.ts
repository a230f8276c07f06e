import { dict, list, text } from '../vm/raw.ts'

/** What is kept of a ManagedCluster (cluster.open-cluster-management.io/v1). */
export interface ManagedCluster {
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly accepted: boolean
  readonly joined: boolean
}

/** A ManagedCluster as the hub sends it → the fields we keep. Never throws: what is missing or odd is empty. */
export function projectManagedCluster(object: unknown): ManagedCluster {
  const cluster = dict(object)
  const meta = dict(cluster['metadata'])
  const conditions = list(dict(cluster['status'])['conditions']).map(dict)
  return {
    name: text(meta['name']),
    uid: text(meta['uid']),
    labels: dict(meta['labels']) as Record<string, string>,
    accepted: dict(cluster['spec'])['hubAcceptsClient'] === true,
    joined: conditions.some(
      condition => condition['type'] === 'ManagedClusterJoined' && condition['status'] === 'True',
    ),
  }
}

/** True when its VMs are to be watched: the hub accepted it, it joined, and it has the labels asked for. */
export function isSelected(cluster: ManagedCluster, labels: Readonly<Record<string, string>>): boolean {
  return (
    cluster.accepted && cluster.joined && Object.entries(labels).every(([key, value]) => cluster.labels[key] === value)
  )
}
