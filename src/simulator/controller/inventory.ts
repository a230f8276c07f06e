import { mayWithInventory } from './access.ts'
import { numberColumn, textColumn } from './filter.ts'
import { namedUrl, namedUrlParts } from './named-url.ts'
import { listReply } from './page.ts'
import { objectRoles } from './project.ts'
import { forbidden, isoTime, noMatch, ok, relatedOf } from './route.ts'
import { inventoryCounts, organizationSummary } from './summary-fields.ts'
import type { Inventory } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const inventoryRoutes: readonly Route[] = [
  { path: 'inventories/', allow: 'GET, POST, HEAD, OPTIONS', get: getInventories },
  {
    path: 'inventories/:id/',
    allow: 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS',
    get: call => ok(renderInventory(call, readableInventory(call), true)),
  },
]

const RELATED = [
  'hosts',
  'variable_data',
  'script',
  'activity_stream',
  'job_templates',
  'ad_hoc_commands',
  'access_list',
  'object_roles',
  'instance_groups',
  'copy',
  'labels',
  'groups',
  'root_groups',
  'update_inventory_sources',
  'inventory_sources',
  'tree',
]

/** The inventory that the path names (by id or named URL): 404 when it is not there, 403 when it is but may not be read. */
export function readableInventory({ store, params, user }: Call): Inventory {
  const segment = params['id'] ?? ''
  const [name, organization] = namedUrlParts(segment)
  const inventory = /^\d+$/.test(segment)
    ? store.inventories.get(Number(segment))
    : store.inventories.find(
        row => row.name === name && store.organizations.get(row.organization)?.name === organization,
      )
  if (inventory === undefined) throw noMatch('Inventory')
  if (!mayWithInventory(store, user, 'read', inventory.id)) throw forbidden()
  return inventory
}

function getInventories(call: Call): Reply {
  const { store, user } = call
  return listReply<Inventory>(call, {
    model: 'Inventory',
    rows: store.inventories.filter(row => mayWithInventory(store, user, 'read', row.id)),
    columns: {
      id: numberColumn(row => row.id),
      name: textColumn(row => row.name),
      organization: numberColumn(row => row.organization),
      organization__name: textColumn(row => store.organizations.get(row.organization)?.name),
    },
    render: row => renderInventory(call, row, false),
  })
}

function renderInventory({ base, store }: Call, inventory: Inventory, detail: boolean): unknown {
  const url = `${base}inventories/${inventory.id}/`
  const organization = store.organizations.must(inventory.organization)
  return {
    id: inventory.id,
    type: 'inventory',
    url,
    related: {
      ...(detail ? { named_url: `${base}inventories/${namedUrl(inventory.name, organization.name)}/` } : {}),
      ...relatedOf(url, RELATED),
      organization: `${base}organizations/${inventory.organization}/`,
    },
    summary_fields: {
      organization: organizationSummary(store, inventory.organization),
      object_roles: objectRoles('inventory', ['admin', 'update', 'adhoc', 'use', 'read'], inventory.id),
      user_capabilities: { edit: true, delete: true, copy: true, adhoc: true },
      labels: { count: 0, results: [] },
    },
    created: isoTime(inventory.created),
    modified: isoTime(inventory.created),
    name: inventory.name,
    description: inventory.description,
    organization: inventory.organization,
    kind: '',
    host_filter: null,
    variables: '',
    ...inventoryCounts(store, inventory.id),
    pending_deletion: false,
    prevent_instance_group_fallback: false,
  }
}
