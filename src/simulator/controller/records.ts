/**
 * What the controller remembers. Names are the API's own (snake_case), so that a recording can be read beside them;
 * times are milliseconds since the epoch and become ISO text only in answers.
 */
export type Variables = { [name: string]: unknown }

export type Organization = { id: number; name: string; description: string; created: number }

export type Label = { id: number; name: string; organization: number; created: number; created_by: number }

export type CredentialType = { id: number; name: string; kind: string }

export type Credential = { id: number; name: string; organization: number | null; credential_type: number | null }

/** A role that a user holds on one object. Inheritance (an organization's admin may do all below it) is in access.ts. */
export type Role = { on: 'organization' | 'inventory' | 'job_template'; id: number; role: string }

export type User = { id: number; username: string; is_superuser: boolean; roles: Role[]; created: number }

export type Token = {
  id: number
  value: string
  user: number
  scope: 'read' | 'write'
  description: string
  created: number
  expires: number
}

export type Project = {
  id: number
  name: string
  description: string
  organization: number
  scm_type: string
  scm_url: string
  scm_branch: string
  status: string
  created: number
}

export type Inventory = { id: number; name: string; description: string; organization: number; created: number }

export type InventorySource = {
  id: number
  name: string
  description: string
  inventory: number
  source_project: number | null
  source: string
  source_path: string
  /** JSON or YAML, as it was given. */
  source_vars?: string
  enabled_var: string
  enabled_value: string
  overwrite: boolean
  overwrite_vars: boolean
  update_on_launch: boolean
  update_cache_timeout: number
  created: number
  last_update: number | null
}

export type Group = {
  id: number
  inventory: number
  name: string
  variables: Variables
  children: string[]
  /** The inventory sources that made it; none when made by hand. */
  sources: number[]
  created: number
}

export type Host = {
  id: number
  inventory: number
  name: string
  description: string
  enabled: boolean
  instance_id: string
  variables: Variables
  /** Direct groups, by id. */
  groups: number[]
  /** The inventory sources that returned it last; none when made by hand. */
  sources: number[]
  created: number
  last_job: number | null
  last_job_host_summary: number | null
}

export const UNFINISHED = ['new', 'pending', 'waiting', 'running'] as const
export type Status = (typeof UNFINISHED)[number] | 'successful' | 'failed' | 'error' | 'canceled'

/** Whether a job or update has not come to its end. */
export function isUnfinished(row: { status: Status }): boolean {
  return (UNFINISHED as readonly string[]).includes(row.status)
}

/** For how many seconds a job or update has run, or ran. */
export function elapsedOf(row: { started: number | null; finished: number | null }, now: number): number {
  return row.started === null ? 0 : ((row.finished ?? now) - row.started) / 1000
}

export type InventoryUpdate = {
  id: number
  inventory_source: number
  inventory: number
  name: string
  launch_type: string
  created_by: number | null
  status: Status
  failed: boolean
  created: number
  /** Set while something stands in its way; see scheduler.ts. */
  blocked: boolean
  eligible_at: number
  waiting_since: number | null
  started: number | null
  finished: number | null
  canceled_on: number | null
  cancel_at: number | null
  source_project_update: number | null
  job_explanation: string
  stdout: string
}
