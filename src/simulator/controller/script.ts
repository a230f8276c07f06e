import { readableInventory } from './inventory.ts'
import { noMatch, ok } from './route.ts'
import { groupsOf, hostsOf } from './store.ts'
import type { Host, Variables } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const scriptRoutes: readonly Route[] = [
  { path: 'inventories/:id/script/', allow: 'GET, HEAD, OPTIONS', get: getScript },
]

/**
 * The inventory in Ansible's script form, which is the cheap way to read all of it.
 *
 * query        | effect
 * all=1        | disabled hosts too
 * hostvars=1   | `_meta.hostvars` with every host's variables
 * towervars=1  | each host's variables also say `remote_host_enabled` and `remote_host_id`
 * host=NAME    | that host's variables alone; 404 when it is not there or, without all=1, disabled
 */
function getScript(call: Call): Reply {
  const { store, query } = call
  const inventory = readableInventory(call)
  const towervars = isSet(query, 'towervars')
  const hosts = hostsOf(store, inventory.id).filter(host => host.enabled || isSet(query, 'all'))
  const wanted = query.get('host')
  if (wanted !== null) {
    const host = hosts.find(({ name }) => name === wanted)
    if (host === undefined) throw noMatch('Host')
    return ok(variablesOf(host, towervars))
  }

  const groups = groupsOf(store, inventory.id)
  const nested = new Set(groups.flatMap(group => group.children))
  const body: { [name: string]: unknown } = {
    all: {
      hosts: hosts.filter(host => host.groups.length === 0).map(({ name }) => name),
      children: groups.map(({ name }) => name).filter(name => !nested.has(name)),
    },
  }
  for (const group of groups) {
    body[group.name] = {
      hosts: hosts.filter(host => host.groups.includes(group.id)).map(({ name }) => name),
      ...(group.children.length > 0 ? { children: group.children } : {}),
      ...(Object.keys(group.variables).length > 0 ? { vars: group.variables } : {}),
    }
  }
  if (isSet(query, 'hostvars')) {
    body['_meta'] = { hostvars: Object.fromEntries(hosts.map(host => [host.name, variablesOf(host, towervars)])) }
  }
  return ok(body)
}

function isSet(query: URLSearchParams, name: string): boolean {
  return query.has(name) && query.get(name) !== '0'
}

function variablesOf(host: Host, towervars: boolean): Variables {
  return towervars ? { ...host.variables, remote_host_enabled: host.enabled, remote_host_id: host.id } : host.variables
}
