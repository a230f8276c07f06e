import { meets, type Requirement } from '../cluster/label.ts'
import type { VmRecord } from '../vm/index.ts'
import { type Approach, unreachableReason, USUAL_APPROACH } from './approach.ts'
import type { Profile, Standing } from './host.ts'
import type { Narrowing } from './narrowing.ts'
import { ownRendering, type Rendering, type ViewGroups } from './rendering.ts'

/** A named part of the inventory. An empty list does not narrow it; all that is said must hold. */
export interface View {
  /** Empty for the inventory of the whole fleet. */
  readonly name: string
  readonly clusters: readonly string[]
  /** ManagedClusterSets, of which its cluster must be in one. */
  readonly clusterSets: readonly string[]
  readonly namespaces: readonly string[]
  readonly labels: readonly Requirement[]
  /** Families, or ids that guests tell. */
  readonly os: readonly string[]
  readonly status: readonly string[]
  /** Null: both. */
  readonly reachable: boolean | null
  /** How it reaches its hosts, which decides who is reachable. */
  readonly approach: Approach
  /** How it shows whom it takes. */
  readonly rendering: Rendering
  readonly onStale: 'disable' | 'fail'
  /** The part of it that is shown; all of it when it is left out. */
  readonly within?: Narrowing | undefined
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
    clusterSets: [],
    namespaces: [],
    labels: [],
    os: [],
    status: [],
    reachable: null,
    approach: USUAL_APPROACH,
    rendering: ownRendering(profile, groups),
    onStale: 'disable',
    maxShrink: 100,
  }
}

/**
 * Every reason why the view does not take the VM; none when it does. Decided by what is known of the VM alone, and never by how long
 * ago its cluster was seen: what can not be seen leaves no view.
 */
export function notTakenBecause(view: View, record: VmRecord, standing: WhatElse): readonly string[] {
  const { seen } = record
  const reasons: string[] = []
  const among = (what: string, value: string, wanted: readonly string[]): void => {
    if (wanted.length > 0 && !wanted.includes(value)) reasons.push(`its ${what} is ${value || 'not known'}`)
  }
  among('cluster', record.cluster, view.clusters)
  if (view.clusterSets.length > 0 && !view.clusterSets.some(set => standing.clusterSets?.includes(set) === true))
    reasons.push(setsOf(standing.clusterSets))
  among('namespace', record.namespace, view.namespaces)
  among('cluster', record.cluster, view.within?.clusters ?? [])
  among('namespace', record.namespace, view.within?.namespaces ?? [])
  among('status', seen.status, view.status)
  if (view.os.length > 0 && ![seen.os.family, seen.os.id.toLowerCase()].some(os => os !== '' && view.os.includes(os)))
    reasons.push(`its operating system is ${seen.os.id || seen.os.family || 'not known'}`)
  const unmet = view.labels.filter(requirement => !meets(seen.labels, [requirement]))
  reasons.push(...unmet.map(requirement => `its labels do not meet ${worded(requirement)}`))
  if (view.reachable !== null) {
    const reason = unreachableReason(record, { ...standing, staleness: 'fresh' }, false, view.approach)
    if ((reason === '') !== view.reachable)
      reasons.push(reason === '' ? 'it is reachable' : `it is not reachable: ${reason}`)
  }
  return reasons
}

/** What a view goes by, beside the record: nothing of it says how long ago the cluster was seen. */
export type WhatElse = Pick<Standing, 'conflict' | 'lost' | 'clusterSets'>

function setsOf(known: readonly string[] | undefined): string {
  if (known === undefined) return 'the cluster sets of its cluster are not known'
  return known.length === 0
    ? 'its cluster is in no cluster set'
    : `its cluster is in the cluster set ${known.join(', ')}`
}

function worded({ key, operator, values }: Requirement): string {
  if (operator === 'exists') return key
  return operator === 'absent' ? `!${key}` : `${key} ${operator} (${values.join(', ')})`
}
