import type { KubeErrorKind } from '../kube/index.ts'
import type { Burst } from './burst.ts'
import type { HubWord } from './managed.ts'

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
  /** Since when they wait, in ms; 0 when none does. */
  readonly held_since: number
  /** Says which they are, for the person who confirms: another hold or other VMs have another one. Empty when none waits. */
  readonly missing_digest: string
  /** The first of them, as `namespace/name`. */
  readonly missing_names: readonly string[]
  /** What its hub says of it. It is told, and decides nothing: what counts is whether it can be read. */
  readonly hub_says: HubWord
  /** The ManagedClusterSets it is in: what its hub says, or the configuration of one that has none. Records from before lack it. */
  readonly cluster_sets?: readonly string[]
  /** What else it could tell and can not be read there: `snapshot: forbidden`, `clone: absent`. Records from before lack it. */
  readonly not_read?: readonly string[]
  /** Of OpenShift, read where a view shows hosts by it; empty for none. Left out: not known. */
  readonly base_domain?: string
  /** Since when it is proven to have no KubeVirt, in ms; 0, or not there, when it is not. Then nobody waits for it to be read. */
  readonly no_kubevirt_since?: number
  /** What is wrong with DataVolumes was seen once: from then on it is news. Records from before lack it. */
  readonly disks_known?: boolean
  /** Deletions of a burst that wait for a person; null, or not there, when none do. */
  readonly burst?: Burst | null
  /** When it left the selection, in ms; 0 while it is in it. */
  readonly left_at: number
  readonly last_event: string
}

/** The record of a cluster that nobody has read yet. `hub`: the one that names it; empty for one of the configuration. */
export function newCluster(name: string, hub: string, sets: readonly string[] = []): ClusterRecord {
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
    held_since: 0,
    missing_digest: '',
    missing_names: [],
    hub_says: '',
    cluster_sets: sets,
    left_at: 0,
    last_event: '',
  }
}

/** The record of a cluster that was read in another life of the bridge, and not yet in this one. */
export function notReadYet(record: ClusterRecord): ClusterRecord {
  return { ...record, status: 'joining', reason: 'not read since the start', hint: '', cause: '', left_at: 0 }
}

/** The record of a cluster that left the selection: held as it was for as long as it takes, and said so. */
export function outOfScope(record: ClusterRecord, reason: string, now: number): ClusterRecord {
  const hint = 'nothing of it is forgotten: its VMs are told as they were, grow stale, and come back with it'
  const left_at = record.status === 'out_of_scope' ? record.left_at : now
  return { ...record, status: 'out_of_scope', reason, hint, cause: '', hub_says: '', left_at }
}

/** The record of a cluster that is watched under another name already: once is enough, or each of its VMs would be there twice. */
export function sameAs(record: ClusterRecord, twin: string, now: number): ClusterRecord {
  const next = outOfScope(record, `it is the same cluster as ${twin}, which is watched already`, now)
  return { ...next, hint: 'take one of the two out of the configuration or of the selection of its hub' }
}

/** A record as it was stored, by an earlier version perhaps: what that did not know is as in a new one. */
export function readCluster(value: ClusterRecord): ClusterRecord {
  return { ...newCluster(value.name, value.hub), ...value }
}

/** True when it was read as a whole once, or is proven to have nothing that could be read: nobody waits for it. */
export function isKnown({ adopted_at, no_kubevirt_since = 0 }: ClusterRecord): boolean {
  return adopted_at > 0 || no_kubevirt_since > 0
}

/** True for a value of `state.fleet` that is a cluster, not a VM. */
export function isCluster(value: object): value is ClusterRecord {
  return 'kind' in value && (value.kind === 'cluster' || value.kind === 'hub')
}
