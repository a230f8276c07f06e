import type { KubeErrorKind } from '../kube/index.ts'

/**
 * `joining`: not read as a whole yet, ever or since the start. `synced`: read, and watched. `held`: read, but so many VMs are missing
 * that a person must confirm. `unavailable`: it can not be read now. `out_of_scope`: nobody watches it any more. In the last two what
 * is known of its VMs is held. Jobs are launched on VMs of a synced cluster alone.
 */
export type ClusterStatus = 'joining' | 'synced' | 'held' | 'unavailable' | 'out_of_scope'

/** The schema of cluster records this program writes; it reads this one and older ones. */
export const CLUSTER_SCHEMA = 1

/** What is kept of one cluster, on `state.fleet` under its name. */
export interface ClusterRecord {
  readonly schema: 1
  readonly kind: 'cluster' | 'hub'
  readonly name: string
  readonly hub: string
  /** uid of its kube-system namespace; empty until it answered once. */
  readonly uid: string
  /** When its VMs were first read as a whole, in ms; 0 before. VMs that were there then are not news. */
  readonly adopted_at: number
  readonly status: ClusterStatus
  /** Why it is not synced, in one sentence, and what to do about it. */
  readonly reason: string
  readonly hint: string
  readonly cause: KubeErrorKind | 'missing_vms' | ''
  /** When it was last known to be watched, in ms: written every few seconds. */
  readonly heartbeat: number
  readonly vms: number
  /** VMs that a list no longer has and that wait for a person. */
  readonly missing: number
  readonly last_event: string
}

export function newCluster(name: string, hub: string): ClusterRecord {
  return {
    schema: 1,
    kind: 'cluster',
    name,
    hub,
    uid: '',
    adopted_at: 0,
    status: 'joining',
    reason: 'not read yet',
    hint: '',
    cause: '',
    heartbeat: 0,
    vms: 0,
    missing: 0,
    last_event: '',
  }
}

/** The record of a cluster that was read in another life of the bridge, and not yet in this one. */
export function notReadYet(record: ClusterRecord): ClusterRecord {
  return { ...record, status: 'joining', reason: 'not read since the start', hint: '', cause: '' }
}

/** The record of a cluster that left the selection: held as it was, and said so. */
export function outOfScope(record: ClusterRecord, reason: string): ClusterRecord {
  const hint = 'nothing of it is forgotten: its VMs are told as they were, grow stale, and come back with it'
  return { ...record, status: 'out_of_scope', reason, hint, cause: '' }
}

/** True for a value of `state.fleet` that is a cluster, not a VM. */
export function isCluster(value: object): value is ClusterRecord {
  return 'kind' in value && (value.kind === 'cluster' || value.kind === 'hub')
}
