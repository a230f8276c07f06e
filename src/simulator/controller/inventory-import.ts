import { shown } from './python-json.ts'
import { groupsOf, hostsOf, nextId } from './store.ts'
import type { Group, Host, InventorySource, Variables } from './records.ts'
import type { Store } from './store.ts'

/** What an import did, or why it did nothing. */
export type Import =
  { ok: true; added: number; changed: number; removed: number; hosts: number } | { ok: false; cause: string }

type ParsedGroup = { hosts: string[]; children: string[]; variables: Variables }
type Parsed = { groups: Map<string, ParsedGroup>; hostvars: { [host: string]: Variables } }

/**
 * Brings an inventory in Ansible's script form into the store, as an update of `source` does.
 *
 * - Hosts are those that a group names; variables come from `_meta.hostvars`.
 * - With `overwrite`, hosts and groups that this source made and does not return any more are deleted; `{}` therefore deletes all.
 *   One that returns later is new: it gets another id. Hosts made by hand stay.
 * - With `overwrite_vars`, variables are replaced, else merged.
 * - `enabled_var`/`enabled_value` compare Python's text of the value, case folded; a host without the variable is left as it is.
 * - A name is cut at its first colon, and one with template delimiters fails the import. Nothing is changed by an import that fails.
 */
export function importInventory(store: Store, source: InventorySource, document: unknown, now: number): Import {
  const parsed = parse(document)
  if (typeof parsed === 'string') return { ok: false, cause: parsed }
  const known = new Map(hostsOf(store, source.inventory).map(host => [host.name, host]))
  const names = new Set([...parsed.groups.values()].flatMap(group => group.hosts))
  const groups = groupIdsByHost(parsed, importGroups(store, source, parsed, now))

  let added = 0
  let changed = 0
  for (const name of names) {
    const before = known.get(name)
    const host = before ?? newHost(store, source, name, now)
    const text = JSON.stringify([host.variables, host.enabled, host.groups])
    mergeHost(host, source, parsed.hostvars[name] ?? {})
    host.groups = groups.get(name) ?? []
    if (before === undefined) added += 1
    else if (JSON.stringify([host.variables, host.enabled, host.groups]) !== text) changed += 1
  }
  const gone = source.overwrite
    ? [...known.values()].filter(host => host.sources.includes(source.id) && !names.has(host.name))
    : []
  for (const host of gone) store.hosts.delete(host.id)
  return { ok: true, added, changed, removed: gone.length, hosts: names.size }
}

function parse(document: unknown): Parsed | string {
  if (!isObject(document)) return 'the source did not answer with a JSON object'
  const meta = document['_meta']
  const hostvars =
    isObject(meta) && isObject(meta['hostvars']) ? (meta['hostvars'] as { [host: string]: Variables }) : {}
  const groups = new Map<string, ParsedGroup>()
  for (const [name, value] of Object.entries(document)) {
    if (name === '_meta') continue
    const group = isObject(value) ? value : { hosts: value }
    const hosts = strings(group['hosts'])
    const bad = hosts.find(host => host.includes('{{'))
    if (bad !== undefined) return `the host name "${bad}" contains template delimiters`
    groups.set(name, {
      hosts: hosts.map(host => host.split(':')[0] ?? host),
      children: strings(group['children']),
      variables: isObject(group['vars']) ? group['vars'] : {},
    })
  }
  return { groups, hostvars }
}

function isObject(value: unknown): value is Variables {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** Creates, updates and, with `overwrite`, deletes groups. `all` and `ungrouped` are Ansible's own and become no rows. */
function importGroups(store: Store, source: InventorySource, parsed: Parsed, now: number): Group[] {
  const known = new Map(groupsOf(store, source.inventory).map(group => [group.name, group]))
  const wanted = new Set([...parsed.groups.values()].flatMap(group => group.children).concat(...parsed.groups.keys()))
  wanted.delete('all')
  wanted.delete('ungrouped')
  for (const name of wanted) {
    const { children = [], variables = {} } = parsed.groups.get(name) ?? {}
    const group = known.get(name) ?? {
      id: nextId(store, 'group'),
      inventory: source.inventory,
      name,
      variables: {},
      children: [],
      sources: [],
      created: now,
    }
    group.children = children
    group.variables = source.overwrite_vars ? variables : { ...group.variables, ...variables }
    group.sources = [...new Set([...group.sources, source.id])]
    store.groups.add(group)
  }
  if (source.overwrite) {
    for (const group of known.values()) {
      if (group.sources.includes(source.id) && !wanted.has(group.name)) store.groups.delete(group.id)
    }
  }
  return groupsOf(store, source.inventory)
}

function groupIdsByHost(parsed: Parsed, groups: Group[]): Map<string, number[]> {
  const ids = new Map<string, number[]>()
  for (const group of groups) {
    for (const host of new Set(parsed.groups.get(group.name)?.hosts))
      ids.set(host, [...(ids.get(host) ?? []), group.id])
  }
  return ids
}

function newHost(store: Store, source: InventorySource, name: string, now: number): Host {
  return store.hosts.add({
    id: nextId(store, 'host'),
    inventory: source.inventory,
    name,
    description: 'imported',
    enabled: true,
    instance_id: '',
    variables: {},
    groups: [],
    sources: [source.id],
    created: now,
    last_job: null,
    last_job_host_summary: null,
  })
}

function mergeHost(host: Host, source: InventorySource, variables: Variables): void {
  host.variables = source.overwrite_vars ? variables : { ...host.variables, ...variables }
  if (!host.sources.includes(source.id) && host.description === 'imported') host.sources.push(source.id)
  host.enabled = isEnabled(source, variables) ?? host.enabled
}

function isEnabled(source: InventorySource, variables: Variables): boolean | undefined {
  if (source.enabled_var === '') return undefined
  let value: unknown = variables
  for (const key of source.enabled_var.split('.')) {
    if (!isObject(value) || !(key in value)) return undefined
    value = value[key]
  }
  if (source.enabled_value === '') return Boolean(value)
  // A marked value ({"__ansible_unsafe": "true"}) is an object, whose text equals no setting: every host of such a source is disabled.
  return shown(value).toLowerCase() === source.enabled_value.toLowerCase()
}
