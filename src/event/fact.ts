/**
 * What can become true of a VM, and is published as `io.virtbridge.vm.<fact>.v1`. docs/events.md has the rule for each, and the tables
 * above the functions of src/vm decide it.
 */
export const VM_FACTS = [
  'discovered',
  'created',
  'moved',
  'started',
  'reachable',
  'unreachable',
  'stopped',
  'restarted',
  'crashed',
  'start_failed',
  'paused',
  'unpaused',
  'migrated',
  'migration_failed',
  'address_changed',
  'address_conflict',
  'address_conflict_resolved',
  'guest_changed',
  'labels_changed',
  'restart_required',
  'root_disk_replaced',
  'snapshot_succeeded',
  'snapshot_failed',
  'restore_succeeded',
  'restore_failed',
  'imported',
  'import_failed',
  'out_of_scope',
  'deleted',
] as const

/** What can become true of a cluster. */
export const CLUSTER_FACTS = [
  'joined',
  'available',
  'unavailable',
  'unreachable',
  'resynced',
  'detached',
  'placement_changed',
  'deletions_confirmed',
] as const

/** What can become true of day-2 work. */
export const DAY2_FACTS = [
  'run_started',
  'launch_refused',
  'host_succeeded',
  'host_failed',
  'host_unreachable',
  'host_missing',
  'host_unknown',
  'run_finished',
  'run_stuck',
  'records_lost',
  'loss_confirmed',
  'brake_set',
  'brake_released',
] as const

export type VmFact = (typeof VM_FACTS)[number]
export type ClusterFact = (typeof CLUSTER_FACTS)[number]
export type Day2Fact = (typeof DAY2_FACTS)[number]

/**
 * How a fact came to be known. `live`: seen as it happened. `sync`: found by comparing a list with what was stored.
 * `bootstrap`: first sight of what was there before. `audit`: found by a periodic check. Only `live` and `sync` are news.
 */
export const ORIGINS = ['live', 'sync', 'bootstrap', 'audit'] as const
export type Origin = (typeof ORIGINS)[number]
