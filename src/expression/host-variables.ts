/** A type of CEL that a variable of a host has: a scalar, a list or map of texts, or an object with fields. */
export type VariableType = 'string' | 'bool' | 'map<string, string>' | 'list<string>' | ObjectType | ListType

/** An object, by its fields. */
export interface ObjectType {
  readonly fields: Readonly<Record<string, 'string' | 'bool'>>
}

/** A list of objects. */
export interface ListType {
  readonly each: ObjectType
}

const TEXT = 'string'

/**
 * The variables that an expression may read: those of a host in the profile `full` under the same names, as plain values. A test holds
 * them against what hosts really have.
 */
export const HOST_VARIABLES: Readonly<Record<string, VariableType>> = {
  kubevirt_cluster: TEXT,
  kubevirt_cluster_sets: 'list<string>',
  kubevirt_namespace: TEXT,
  kubevirt_name: TEXT,
  kubevirt_uid: TEXT,
  kubevirt_firmware_uuid: TEXT,
  kubevirt_status: TEXT,
  kubevirt_enabled: 'bool',
  kubevirt_stale: 'bool',
  kubevirt_stale_since: TEXT,
  kubevirt_node: TEXT,
  kubevirt_instancetype: TEXT,
  kubevirt_os_family: TEXT,
  kubevirt_os_id: TEXT,
  kubevirt_os_version: TEXT,
  kubevirt_os: { fields: { family: TEXT, id: TEXT, name: TEXT, version: TEXT } },
  kubevirt_address: TEXT,
  kubevirt_via: TEXT,
  kubevirt_address_source: TEXT,
  kubevirt_addresses: { each: { fields: { address: TEXT, network: TEXT, interface: TEXT, source: TEXT } } },
  kubevirt_agent_connected: 'bool',
  kubevirt_reachable: 'bool',
  kubevirt_reachable_reason: TEXT,
  kubevirt_labels: 'map<string, string>',
  kubevirt_annotations: 'map<string, string>',
  kubevirt_adopted: 'bool',
  kubevirt_application: TEXT,
  kubevirt_descent: { fields: { kind: TEXT, from: TEXT, by: TEXT, run: TEXT } },
  day2_profile: TEXT,
  day2_onboard: TEXT,
  day2_patch: TEXT,
  kubevirt_hub: TEXT,
  kubevirt_cluster_uid: TEXT,
  kubevirt_created: TEXT,
  kubevirt_run_strategy: TEXT,
  kubevirt_boot: TEXT,
  kubevirt_phase: TEXT,
  kubevirt_paused: 'bool',
  kubevirt_paused_because: TEXT,
  kubevirt_failing: TEXT,
  kubevirt_restart_required: 'bool',
  kubevirt_root_claim: TEXT,
  kubevirt_ended: { fields: { because: TEXT, detail: TEXT } },
  kubevirt_migration_failed: { fields: { from: TEXT, to: TEXT, reason: TEXT } },
}
