import type { ClusterFact } from '../event/index.ts'
import type { KubeError } from '../kube/index.ts'
import type { HubWord } from './managed.ts'
import type { Missing } from './missing.ts'
import type { ClusterRecord } from './record.ts'

/** What is seen of a cluster whose VMs and VMIs have both been listed. */
export interface Sight {
  /** Both are being watched now. */
  readonly watched: boolean
  /** A list has just come. */
  readonly listed: boolean
  readonly vms: number
  /** VMs that the last list did not have, when they are too many to be believed; null when not. */
  readonly held: Missing | null
  readonly word: HubWord
}

/** A cluster's record as it becomes, and what is told of it. */
export interface Standing {
  readonly record: ClusterRecord
  readonly fact: ClusterFact | null
}

/**
 * What a cluster is, now that its resources are listed; null when nothing changes. Pure.
 *
 * | it was        | and now                       | becomes | told        |
 * |---------------|-------------------------------|---------|-------------|
 * | unavailable   | not both are watched          | -       | -           |
 * | anything      | too many of its VMs missing   | held    | -           |
 * | never adopted | listed                        | synced  | joined      |
 * | unavailable   | both watched                  | synced  | available   |
 * | held          | listed, and nothing held      | synced  | -           |
 * | anything else | listed                        | synced  | resynced    |
 * | not synced    | both watched                  | synced  | -           |
 */
export function settled(was: ClusterRecord, sight: Sight, now: number): Standing | null {
  // One of the two that answers again does not make the cluster available.
  if (was.status === 'unavailable' && !sight.watched) return null
  const well = healthy(was, sight, now)
  if (sight.held !== null) return { record: held(well, was, sight.held, now), fact: null }
  if (was.adopted_at === 0) return { record: { ...well, adopted_at: now }, fact: 'joined' }
  if (was.status === 'unavailable') return { record: well, fact: 'available' }
  if (sight.listed) return { record: well, fact: was.status === 'held' ? null : 'resynced' }
  return was.status !== 'synced' && sight.watched ? { record: well, fact: null } : null
}

/**
 * A cluster that can not be read: told once, and not at all of one that was never read. Null when it is known already. Pure.
 *
 * | nothing answers | its hub says that its API server is ill | told        |
 * |-----------------|------------------------------------------|-------------|
 * | yes             | no                                       | unreachable |
 * | yes             | yes                                      | unavailable |
 * | no: refused, absent, replaced, broken | any                | unavailable |
 *
 * What the hub says alone is told by nobody: a hub that was away says it of clusters that are well.
 */
export function unavailable(was: ClusterRecord, error: KubeError, word: HubWord): Standing | null {
  if (was.status === 'unavailable' && was.reason === error.message) return null
  const known = was.uid !== '' && was.adopted_at > 0
  const status = was.adopted_at === 0 ? 'joining' : 'unavailable'
  const record = {
    ...was,
    status,
    reason: error.message,
    hint: error.hint,
    cause: error.kind,
    hub_says: word,
    left_at: 0,
  } as const
  const fact = error.kind === 'unreachable' && word !== 'ill' ? 'unreachable' : 'unavailable'
  return { record, fact: known && was.status !== 'unavailable' ? fact : null }
}

function healthy(was: ClusterRecord, { vms, word }: Sight, now: number): ClusterRecord {
  return {
    ...was,
    status: 'synced',
    reason: '',
    hint: '',
    cause: '',
    missing: 0,
    held_since: 0,
    missing_digest: '',
    missing_names: [],
    hub_says: word,
    left_at: 0,
    no_kubevirt_since: 0,
    vms,
    heartbeat: now,
  }
}

function held(record: ClusterRecord, was: ClusterRecord, missing: Missing, now: number): ClusterRecord {
  const held_since = was.held_since === 0 ? now : was.held_since
  return {
    ...record,
    status: 'held',
    cause: 'missing_vms',
    missing: missing.count,
    held_since,
    missing_digest: missing.digest(held_since),
    missing_names: missing.names,
    reason: `${missing.count} of ${record.vms} VMs are missing from its list: more than is believed without asking`,
    hint: `look at the cluster; if they are really gone: virtbridge confirm-deletions ${record.name}`,
  }
}
