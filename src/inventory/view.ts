import { meets, type Requirement } from '../cluster/label.ts'
import type { VmRecord } from '../vm/index.ts'
import { unreachableReason, type Profile } from './host.ts'
import { ownRendering, type Rendering, type ViewGroups } from './rendering.ts'

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
  /** How it shows whom it takes. */
  readonly rendering: Rendering
  readonly onStale: 'disable' | 'fail'
  /**
   * The largest share of its hosts, in percent, that a document may lack since the last one that was served without their deletion being
   * known; 100 is any. What lacks more is not served.
   */
  readonly maxShrink: number
}

/** The view of this name that takes every VM, shown in the bridge's own way. */
export function viewOfAll(name: string, groups: ViewGroups, profile: Profile = 'standard'): View {
  return {
    name,
    clusters: [],
    namespaces: [],
    labels: [],
    os: [],
    status: [],
    reachable: null,
    rendering: ownRendering(profile, groups),
    onStale: 'disable',
    maxShrink: 100,
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
