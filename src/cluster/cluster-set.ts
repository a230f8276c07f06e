import { dict, list, text } from '../vm/raw.ts'
import type { Requirement } from './label.ts'

/** The label by which a cluster says which exclusive set it is in. */
const SET_LABEL = 'cluster.open-cluster-management.io/clusterset'

/**
 * The sets that a cluster is in by its own label: the exclusive one, or none, as the label has one value. Sets with a selector of
 * their own, `global` among them, are not named: who wants what they take can say the same labels.
 */
export function setsOf(labels: Readonly<Record<string, string>>): readonly string[] {
  const set = text(labels[SET_LABEL])
  return set === '' ? [] : [set]
}

/** What is kept of a ManagedClusterSet (cluster.open-cluster-management.io/v1beta2): its name, and what its clusters are known by. */
export interface ClusterSet {
  readonly name: string
  readonly requirements: readonly Requirement[]
}

const OPERATORS = new Map<string, Requirement['operator']>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', 'absent'],
])

/** A condition that nothing meets: what can not be understood selects no cluster. */
const NEVER: Requirement = { key: '', operator: 'in', values: [] }

/** A ManagedClusterSet as the hub sends it → the fields we keep. Never throws. */
export function projectClusterSet(object: unknown): ClusterSet {
  const set = dict(object)
  const name = text(dict(set['metadata'])['name'])
  const selector = dict(dict(set['spec'])['clusterSelector'])
  if (selector['selectorType'] !== 'LabelSelector') {
    return { name, requirements: [{ key: SET_LABEL, operator: 'in', values: [name] }] }
  }
  // As in Kubernetes: an empty selector takes all, none takes nothing.
  if (typeof selector['labelSelector'] !== 'object' || selector['labelSelector'] === null)
    return { name, requirements: [NEVER] }
  const { matchLabels, matchExpressions } = dict(selector['labelSelector'])
  const equal = Object.entries(dict(matchLabels)).map(([key, value]): Requirement => {
    return { key, operator: 'in', values: [text(value)] }
  })
  const others = list(matchExpressions).map((one): Requirement => {
    const { key, operator, values } = dict(one)
    const known = OPERATORS.get(text(operator))
    return known === undefined ? NEVER : { key: text(key), operator: known, values: list(values).map(text) }
  })
  return { name, requirements: [...equal, ...others] }
}
