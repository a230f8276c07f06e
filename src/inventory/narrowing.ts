import type { Scope } from '../fleet/index.ts'
import type { View } from './view.ts'

/**
 * The part of a view that lies within a scope: never more than the view takes. It is another one than the whole view, with
 * documents of its own.
 */
export function narrowed(view: View, within: Scope): View {
  return { ...view, within }
}

/** Says which part of which view it is: the same for the same. */
export function partOf({ name, within }: Pick<View, 'name' | 'within'>): string {
  return within === undefined ? name : `${name} ${JSON.stringify([within.clusters, within.namespaces])}`
}

/** The clusters that a view names, within its narrowing; null when it names none and could contain any. */
export function clustersNamed({ clusters, within }: View): readonly string[] | null {
  const only = within?.clusters ?? []
  if (clusters.length === 0) return only.length === 0 ? null : only
  return only.length === 0 ? clusters : clusters.filter(name => only.includes(name))
}
