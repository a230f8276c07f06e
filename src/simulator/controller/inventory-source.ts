import { mayWithInventory } from './access.ts'
import { flagColumn, numberColumn, textColumn } from './filter.ts'
import { readableInventory } from './inventory.ts'
import { listUpdates, requestUpdate } from './inventory-update.ts'
import { renderUpdate } from './inventory-update-view.ts'
import { namedUrl } from './named-url.ts'
import { listReply } from './page.ts'
import { byId, forbidden, isoTime, ok, Refusal, relatedOf } from './route.ts'
import { currentUpdate, lastUpdate, sourceSettings, sourceStatus } from './source-status.ts'
import {
  EXECUTION_ENVIRONMENT,
  inventorySummary,
  organizationSummary,
  present,
  projectSummary,
} from './summary-fields.ts'
import type { InventorySource, InventoryUpdate } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

const DETAIL = 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS'
const LIST = 'GET, POST, HEAD, OPTIONS'

export const inventorySourceRoutes: readonly Route[] = [
  { path: 'inventory_sources/', allow: LIST, get: call => listSources(call, call.store.sources.all()) },
  { path: 'inventory_sources/:id/', allow: DETAIL, get: call => ok(renderSource(call, readableSource(call), true)) },
  { path: 'inventory_sources/:id/update/', allow: LIST, get: getUpdate, post: postUpdate },
  { path: 'inventory_sources/:id/inventory_updates/', allow: 'GET, HEAD, OPTIONS', get: getUpdatesOfSource },
  { path: 'inventories/:id/inventory_sources/', allow: LIST, get: getSourcesOfInventory },
  { path: 'inventories/:id/update_inventory_sources/', allow: LIST, get: getUpdateAll, post: postUpdateAll },
]

const RELATED = [
  'update',
  'inventory_updates',
  'schedules',
  'activity_stream',
  'hosts',
  'groups',
  'notification_templates_started',
  'notification_templates_success',
  'notification_templates_error',
]

function readableSource(call: Call): InventorySource {
  const source = byId(call, call.store.sources, 'InventorySource')
  if (!mayWithInventory(call.store, call.user, 'read', source.inventory)) throw forbidden()
  return source
}

function getSourcesOfInventory(call: Call): Reply {
  const { id } = readableInventory(call)
  return listSources(call, sourcesOf(call, id))
}

function listSources(call: Call, rows: InventorySource[]): Reply {
  const { store, user } = call
  return listReply<InventorySource>(call, {
    model: 'InventorySource',
    rows: rows.filter(source => mayWithInventory(store, user, 'read', source.inventory)),
    columns: {
      id: numberColumn(row => row.id),
      name: textColumn(row => row.name),
      source: textColumn(row => row.source),
      status: textColumn(row => sourceStatus(store, row)),
      inventory: numberColumn(row => row.inventory),
      inventory__name: textColumn(row => store.inventories.get(row.inventory)?.name),
      update_on_launch: flagColumn(row => row.update_on_launch),
    },
    render: row => renderSource(call, row, false),
  })
}

/** True even while updates wait: nothing stops a caller from asking again. */
function getUpdate(call: Call): Reply {
  readableSource(call)
  return ok({ can_update: true })
}

/** 202 and a new update every time: requests are never merged, each one runs. */
function postUpdate(call: Call): Reply {
  const update = begin(call, readableSource(call))
  return {
    status: 202,
    headers: { Location: `${call.base}inventory_updates/${update.id}/` },
    body: { inventory_update: update.id, ...renderUpdate(call, update, 'detail') },
  }
}

/** Which sources of an inventory could be updated. */
function getUpdateAll(call: Call): Reply {
  const { id } = readableInventory(call)
  return ok(sourcesOf(call, id).map(source => ({ inventory_source: source.id, can_update: true })))
}

/** Updates every source of an inventory, each by an update of its own. */
function postUpdateAll(call: Call): Reply {
  const { id } = readableInventory(call)
  const sources = sourcesOf(call, id)
  if (sources.length === 0) throw new Refusal(400, { detail: 'No inventory sources to update.' })
  return ok(
    sources.map(source => {
      const update = begin(call, source)
      const told = { status: 'started', inventory_update: update.id, source_project: null }
      return { inventory_source: source.id, ...renderUpdate(call, update, 'detail'), ...told }
    }),
  )
}

function sourcesOf({ store }: Call, inventory: number): InventorySource[] {
  return store.sources.filter(source => source.inventory === inventory)
}

function begin(call: Call, source: InventorySource): InventoryUpdate {
  if (!mayWithInventory(call.store, call.user, 'update', source.inventory)) throw forbidden()
  const update = requestUpdate(call.store, source, { now: call.now, launch_type: 'manual', created_by: call.user.id })
  call.tell({
    kind: 'update_requested',
    update: update.id,
    inventory: call.store.inventories.must(source.inventory).name,
    text: `inventory update ${update.id} of "${source.name}" was asked for by ${call.user.username}`,
  })
  return update
}

function getUpdatesOfSource(call: Call): Reply {
  const { id } = readableSource(call)
  return listUpdates(
    call,
    call.store.updates.filter(update => update.inventory_source === id),
  )
}

/** Who may update it may as well start it; all else is for administrators. */
function capabilities({ store, user }: Call, source: InventorySource): unknown {
  const start = mayWithInventory(store, user, 'update', source.inventory)
  const admin = user.is_superuser
  return { edit: admin, delete: admin, start, schedule: admin }
}

function renderSource(call: Call, source: InventorySource, detail: boolean): unknown {
  const { base, store } = call
  const url = `${base}inventory_sources/${source.id}/`
  const inventory = store.inventories.must(source.inventory)
  const organization = store.organizations.must(inventory.organization)
  const last = lastUpdate(store, source)
  const current = currentUpdate(store, source)
  const shortly = (update: typeof last): unknown =>
    update && {
      id: update.id,
      name: update.name,
      description: '',
      status: update.status,
      failed: update.failed,
      license_error: false,
    }
  return {
    id: source.id,
    type: 'inventory_source',
    url,
    related: present({
      named_url: detail
        ? `${base}inventory_sources/${namedUrl(source.name, inventory.name, organization.name)}/`
        : undefined,
      created_by: `${base}users/1/`,
      modified_by: `${base}users/1/`,
      last_job: last && `${base}inventory_updates/${last.id}/`,
      current_job: current && `${base}inventory_updates/${current.id}/`,
      ...relatedOf(url, RELATED),
      inventory: `${base}inventories/${source.inventory}/`,
      source_project: source.source_project === null ? undefined : `${base}projects/${source.source_project}/`,
      last_update: last && `${base}inventory_updates/${last.id}/`,
      current_update: current && `${base}inventory_updates/${current.id}/`,
    }),
    summary_fields: present({
      organization: organizationSummary(store, inventory.organization),
      inventory: inventorySummary(store, source.inventory),
      source_project: projectSummary(store, source.source_project),
      last_job: last && { ...(shortly(last) as object), finished: isoTime(last.finished) },
      last_update: shortly(last),
      current_update: shortly(current),
      current_job: shortly(current),
      created_by: { id: 1, username: 'admin', first_name: '', last_name: '' },
      modified_by: { id: 1, username: 'admin', first_name: '', last_name: '' },
      user_capabilities: capabilities(call, source),
      credentials: [],
      resolved_environment: detail && last !== undefined ? EXECUTION_ENVIRONMENT : undefined,
    }),
    created: isoTime(source.created),
    modified: isoTime(source.created),
    name: source.name,
    description: source.description,
    ...sourceSettings(source),
    last_job_run: isoTime(last?.finished ?? null),
    last_job_failed: last?.failed ?? false,
    next_job_run: null,
    status: sourceStatus(store, source),
    execution_environment: null,
    inventory: source.inventory,
    update_on_launch: source.update_on_launch,
    update_cache_timeout: source.update_cache_timeout,
    source_project: source.source_project,
    last_update_failed: last?.failed ?? false,
    last_updated: isoTime(last?.finished ?? null),
  }
}
