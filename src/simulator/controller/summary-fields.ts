import { lastUpdate } from './source-status.ts'
import type { Store } from './store.ts'

/** Short forms of one object inside another's `summary_fields`, with the product's keys. */

export function userSummary(store: Store, id: number | null): unknown {
  const user = store.users.get(id)
  return user === undefined ? undefined : { id: user.id, username: user.username, first_name: '', last_name: '' }
}

export function organizationSummary(store: Store, id: number): unknown {
  const { name, description } = store.organizations.must(id)
  return { id, name, description }
}

export function projectSummary(store: Store, id: number | null): unknown {
  const project = store.projects.get(id)
  if (project === undefined) return undefined
  const { name, description, status, scm_type } = project
  return { id: project.id, name, description, status, scm_type, allow_override: false }
}

export function inventorySummary(store: Store, id: number | null): unknown {
  const inventory = store.inventories.get(id)
  if (inventory === undefined) return undefined
  return {
    id: inventory.id,
    name: inventory.name,
    description: inventory.description,
    ...inventoryCounts(store, inventory.id),
    organization_id: inventory.organization,
    kind: '',
  }
}

/** The counts that an inventory carries, shown in itself and in every summary of it. */
export function inventoryCounts(store: Store, id: number): { [name: string]: number | boolean } {
  const hosts = store.hosts.filter(host => host.inventory === id)
  const sources = store.sources.filter(source => source.inventory === id)
  const failing = hosts.filter(host => store.summaries.get(host.last_job_host_summary)?.failed === true).length
  return {
    has_active_failures: failing > 0,
    total_hosts: hosts.length,
    hosts_with_active_failures: failing,
    total_groups: store.groups.filter(group => group.inventory === id).length,
    has_inventory_sources: sources.length > 0,
    total_inventory_sources: sources.length,
    inventory_sources_with_failures: sources.filter(source => lastUpdate(store, source)?.failed === true).length,
  }
}

export function labelsSummary(store: Store, ids: readonly number[]): unknown {
  return { count: ids.length, results: ids.map(id => ({ id, name: store.labels.must(id).name })) }
}

export function credentialsSummary(store: Store, ids: readonly number[]): unknown {
  return ids.map(id => ({ id, name: store.credentials.must(id).name, description: '', kind: 'ssh', cloud: false }))
}

export const EXECUTION_ENVIRONMENT = {
  id: 1,
  name: 'AWX EE (latest)',
  description: '',
  image: 'quay.io/ansible/awx-ee:latest',
} as const

/** The commit that every git project is said to be at. */
export const REVISION = '347e44fea036c94d5f60e544de006453ee5c71ad'

export const INSTANCE_GROUP = { id: 2, name: 'default', is_container_group: false } as const

/** Without the keys whose object is not there: a dangling id has no summary. */
export function present(fields: { [name: string]: unknown }): { [name: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
