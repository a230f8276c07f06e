import { meets, type Requirement } from '../cluster/label.ts'
import type { VmRecord } from '../vm/index.ts'
import { unreachableReason, type Profile } from './host.ts'

/** A named part of the inventory. An empty list does not narrow it; all that is said must hold. */
export interface View {
  /** Empty for the inventory of the whole fleet. */
  readonly name: string
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
  readonly labels: readonly Requirement[]
  /** Families, or ids that guests tell. */
  readonly os: readonly string[]
  readonly status: readonly string[]
  /** Null: both. */
  readonly reachable: boolean | null
  readonly profile: Profile
  readonly groups: ViewGroups
  readonly onStale: 'disable' | 'fail'
}

/** Which groups a view has. */
export interface ViewGroups {
  readonly builtin: boolean
  /** Keys of labels. */
  readonly labels: readonly string[]
  /** Groups that one label key may make; hosts with its further values are without that group. */
  readonly maxPerLabel: number
}

/** The view of this name that takes every VM. */
export function viewOfAll(name: string, groups: ViewGroups): View {
  return {
    name,
    clusters: [],
    namespaces: [],
    labels: [],
    os: [],
    status: [],
    reachable: null,
    profile: 'standard',
    groups,
    onStale: 'disable',
  }
}

/**
 * Every reason why the view does not take the VM; none when it does. Decided by what is known of the VM alone, and never by how long
 * ago its cluster was seen: what can not be seen leaves no view. `conflict`: another has a better claim to its address.
 */
export function notTakenBecause(view: View, record: VmRecord, conflict: boolean): readonly string[] {
  const { seen } = record
  const reasons: string[] = []
  const among = (what: string, value: string, wanted: readonly string[]): void => {
    if (wanted.length > 0 && !wanted.includes(value)) reasons.push(`its ${what} is ${value || 'not known'}`)
  }
  among('cluster', record.cluster, view.clusters)
  among('namespace', record.namespace, view.namespaces)
  among('status', seen.status, view.status)
  if (view.os.length > 0 && ![seen.os.family, seen.os.id.toLowerCase()].some(os => os !== '' && view.os.includes(os)))
    reasons.push(`its operating system is ${seen.os.id || seen.os.family || 'not known'}`)
  const unmet = view.labels.filter(requirement => !meets(seen.labels, [requirement]))
  reasons.push(...unmet.map(requirement => `its labels do not meet ${worded(requirement)}`))
  if (view.reachable !== null) {
    const reason = unreachableReason(record, 'fresh', conflict)
    if ((reason === '') !== view.reachable)
      reasons.push(reason === '' ? 'it is reachable' : `it is not reachable: ${reason}`)
  }
  return reasons
}

function worded({ key, operator, values }: Requirement): string {
  if (operator === 'exists') return key
  return operator === 'absent' ? `!${key}` : `${key} ${operator} (${values.join(', ')})`
}
