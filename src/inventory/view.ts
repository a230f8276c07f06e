import type { Scope } from '../fleet/index.ts'
import { isCrowded, mayHave, type VmRecord } from '../vm/index.ts'
import { unreachableReason } from './approach.ts'
import type { Profile, Standing } from './host.ts'
import { type Match, notAmong, notSuch, notThere } from './match.ts'
import { NO_PROFILE } from './profile.ts'
import { ownRendering, type Rendering, type ViewGroups } from './rendering.ts'
import type { ShrinkRule } from './shrink-guard.ts'

/** A named part of the inventory. An empty list does not narrow it; all that is said must hold. */
export interface View extends Match {
  /** Empty for the inventory of the whole fleet. */
  readonly name: string
  /** Profiles of day 2, of which the VM must be in one: its own, or one above it. */
  readonly profiles: readonly string[]
  /** Which profile a VM is in may hang on the sets of its cluster. */
  readonly profilesBySets: boolean
  readonly status: readonly string[]
  /** Null: both. */
  readonly reachable: boolean | null
  /** How it shows whom it takes, and reaches them, which decides who is reachable. */
  readonly rendering: Rendering
  readonly onStale: 'disable' | 'fail'
  /** The part of it that is shown; all of it when it is left out. */
  readonly within?: Scope | undefined
  /** How many of its hosts a document may lack since the last one that was served, without their deletion being known. What lacks more is not served. */
  readonly shrink: ShrinkRule
}

/** Any number of hosts may be missing. */
export const UNGUARDED: ShrinkRule = { most: 100, few: 0 }

/** True for a view that is held back when it gets much shorter. */
export function isGuarded({ shrink }: View): boolean {
  return shrink.most < 100
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
    profiles: [],
    profilesBySets: false,
    status: [],
    reachable: null,
    rendering: ownRendering(profile, groups),
    onStale: 'disable',
    shrink: UNGUARDED,
  }
}

/**
 * Every reason why the view does not take the VM; none when it does. Decided by what is known of the VM alone, and never by how long
 * ago its cluster was seen: what can not be seen leaves no view.
 */
export function notTakenBecause(view: View, record: VmRecord, standing: WhatElse): readonly string[] {
  const { seen } = record
  const reasons: string[] = [
    ...notThere(view, record, standing.clusterSets),
    ...notAmong('cluster', record.cluster, view.within?.clusters ?? []),
    ...notAmong('namespace', record.namespace, view.within?.namespaces ?? []),
    ...notAmong('status', seen.status, view.status),
    ...notSuch(view, record),
  ]
  const { name: profile, chain } = standing.profile ?? NO_PROFILE
  if (view.profiles.length > 0 && !view.profiles.some(name => chain.includes(name)))
    reasons.push(profile === '' ? 'it has no profile' : `its profile is ${profile}`)
  if (view.reachable !== null) {
    const { lostIfSeen } = standing
    const lost = lostIfSeen === undefined ? {} : { lost: lostIfSeen }
    const reason = unreachableReason(
      record,
      { ...standing, ...lost, staleness: 'fresh' },
      false,
      view.rendering.approach,
    )
    if ((reason === '') !== view.reachable)
      reasons.push(reason === '' ? 'it is reachable' : `it is not reachable: ${reason}`)
  }
  return reasons
}

/**
 * Labels of which it is not known yet whether the VM has them, although the view, shown in this way, goes by them: whether it takes the VM,
 * in which groups, and who is enabled. Only a VM with very many labels has such (`mayHave`), and only until it was read since they are named.
 * None of a VM that is nothing to the view, or that can not be read any more.
 */
export function unknownLabels(
  view: View,
  rendering: Rendering,
  record: VmRecord,
  standing: WhatElse,
): readonly string[] {
  if (!isCrowded(record.seen) || (record.out_of_scope ?? '') !== '') return []
  const { clusters = [], namespaces = [] } = view.within ?? {}
  const apart = [
    ...notThere(view, record, standing.clusterSets),
    ...notThere({ clusters, namespaces, clusterSets: [] }, record, []),
  ]
  if (apart.length > 0) return []
  const keys = [...view.labels.map(({ key }) => key), ...(rendering.labelKeys ?? []), ...(standing.profileLabels ?? [])]
  return [...new Set(keys)].filter(key => mayHave(record.seen, key))
}

/** What a view goes by, beside the record: nothing of it says how long ago the cluster was seen. */
export type WhatElse = Pick<Standing, 'conflict' | 'lost' | 'lostIfSeen' | 'clusterSets' | 'profile' | 'profileLabels'>
