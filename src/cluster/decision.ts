import { dict, list, text } from '../vm/raw.ts'

const PLACEMENT_LABEL = 'cluster.open-cluster-management.io/placement'

/**
 * What is kept of a PlacementDecision (cluster.open-cluster-management.io/v1beta1): a slice of at most 100 of the clusters that a
 * Placement chose. A Placement that chose none has one without clusters; one that was not decided yet has none at all.
 */
export interface Decision {
  readonly name: string
  readonly placement: string
  readonly clusters: readonly string[]
}

/** A PlacementDecision as the hub sends it → the fields we keep. Never throws. */
export function projectDecision(object: unknown): Decision {
  const decision = dict(object)
  const meta = dict(decision['metadata'])
  const decisions = list(dict(decision['status'])['decisions']).map(dict)
  return {
    name: text(meta['name']),
    placement: text(dict(meta['labels'])[PLACEMENT_LABEL]),
    clusters: decisions.map(({ clusterName }) => text(clusterName)).filter(name => name !== ''),
  }
}
