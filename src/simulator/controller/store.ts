import { Table } from './table.ts'
import type {
  Credential,
  CredentialType,
  Group,
  Host,
  Inventory,
  InventorySource,
  InventoryUpdate,
  Label,
  Organization,
  Project,
  Token,
  User,
} from './records.ts'
import type { HostSummary, Job, JobTemplate } from './job-records.ts'

/**
 * Where ids come from. As in the product, all templates (projects and inventory sources among them) share one sequence, and all that runs
 * (jobs, workflow jobs, inventory and project updates) shares another.
 */
export type Sequence =
  | 'organization'
  | 'user'
  | 'token'
  | 'credential_type'
  | 'credential'
  | 'inventory'
  | 'group'
  | 'host'
  | 'label'
  | 'template'
  | 'run'
  | 'summary'

/** Everything the controller knows. The only mutable thing beside the clock; one mutation is one transaction. */
export type Store = {
  sequences: { [name in Sequence]?: number }
  organizations: Table<Organization>
  users: Table<User>
  tokens: Table<Token>
  credentialTypes: Table<CredentialType>
  credentials: Table<Credential>
  projects: Table<Project>
  inventories: Table<Inventory>
  sources: Table<InventorySource>
  groups: Table<Group>
  hosts: Table<Host>
  labels: Table<Label>
  templates: Table<JobTemplate>
  jobs: Table<Job>
  updates: Table<InventoryUpdate>
  summaries: Table<HostSummary>
}

/** A store from its JSON (see `JSON.stringify(store)`), or an empty one. */
export function createStore(saved: { [name in keyof Store]?: unknown } = {}): Store {
  const table = <Row extends { readonly id: number }>(name: keyof Store): Table<Row> =>
    new Table((saved[name] ?? []) as Row[])
  return {
    sequences: { ...(saved.sequences as Store['sequences']) },
    organizations: table('organizations'),
    users: table('users'),
    tokens: table('tokens'),
    credentialTypes: table('credentialTypes'),
    credentials: table('credentials'),
    projects: table('projects'),
    inventories: table('inventories'),
    sources: table('sources'),
    groups: table('groups'),
    hosts: table('hosts'),
    labels: table('labels'),
    templates: table('templates'),
    jobs: table('jobs'),
    updates: table('updates'),
    summaries: table('summaries'),
  }
}

/** The next id of a sequence; `wanted` takes that id and moves the sequence behind it. */
export function nextId(store: Store, sequence: Sequence, wanted?: number): number {
  const id = wanted ?? (store.sequences[sequence] ?? 0) + 1
  store.sequences[sequence] = Math.max(id, store.sequences[sequence] ?? 0)
  return id
}

/** The hosts of an inventory in the order in which answers list them: by name. */
export function hostsOf(store: Store, inventory: number): Host[] {
  return store.hosts.filter(host => host.inventory === inventory).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The groups of an inventory by name. */
export function groupsOf(store: Store, inventory: number): Group[] {
  return store.groups.filter(group => group.inventory === inventory).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Every group of an inventory with its hosts, those of its children included. */
export function membership(store: Store, inventory: number): Map<string, Set<string>> {
  const groups = groupsOf(store, inventory)
  const members = new Map(groups.map(group => [group.name, new Set<string>()]))
  const names = new Map(groups.map(group => [group.id, group.name]))
  for (const host of hostsOf(store, inventory)) {
    for (const id of host.groups) members.get(names.get(id) ?? '')?.add(host.name)
  }
  // Deepest nesting is the number of groups, so this ends even if the source's children form a ring.
  for (let depth = 0; depth < groups.length; depth += 1) {
    let grown = false
    for (const group of groups) {
      const own = members.get(group.name) ?? new Set<string>()
      for (const child of group.children) {
        for (const host of members.get(child) ?? []) {
          grown ||= !own.has(host)
          own.add(host)
        }
      }
    }
    if (!grown) break
  }
  return members
}
