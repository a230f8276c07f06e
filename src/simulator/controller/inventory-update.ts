import { mayWithInventory } from './access.ts'
import { NODE } from './discovery.ts'
import { flagColumn, numberColumn, textColumn, timeColumn } from './filter.ts'
import { listReply } from './page.ts'
import { byId, forbidden, isoTime, notAllowed, ok } from './route.ts'
import { isUnfinished } from './records.ts'
import { sourceSettings } from './source-status.ts'
import { nextId } from './store.ts'
import {
  EXECUTION_ENVIRONMENT,
  INSTANCE_GROUP,
  inventorySummary,
  organizationSummary,
  present,
  projectSummary,
  REVISION,
  userSummary,
} from './summary-fields.ts'
import { sendText } from './stdout.ts'
import type { InventorySource, InventoryUpdate } from './records.ts'
import type { Call, Reply, Route } from './route.ts'
import type { Store } from './store.ts'

export const inventoryUpdateRoutes: readonly Route[] = [
  { path: 'inventory_updates/', allow: 'GET, HEAD, OPTIONS', get: call => listUpdates(call, call.store.updates.all()) },
  {
    path: 'inventory_updates/:id/',
    allow: 'GET, DELETE, HEAD, OPTIONS',
    get: call => ok(renderUpdate(call, readable(call), 'detail')),
  },
  { path: 'inventory_updates/:id/cancel/', allow: 'GET, POST, HEAD, OPTIONS', get: getCancel, post: postCancel },
  {
    path: 'inventory_updates/:id/stdout/',
    allow: 'GET, HEAD, OPTIONS',
    get: call => sendText(call, readable(call).stdout),
  },
]

/** Queues an update of a source. It runs when the scheduler comes to it. */
export function requestUpdate(
  store: Store,
  source: InventorySource,
  request: { now: number; launch_type: string; created_by: number | null },
): InventoryUpdate {
  return store.updates.add({
    id: nextId(store, 'run'),
    inventory_source: source.id,
    inventory: source.inventory,
    name: `${store.inventories.must(source.inventory).name} - ${source.name}`,
    launch_type: request.launch_type,
    created_by: request.created_by,
    status: 'pending',
    failed: false,
    created: request.now,
    blocked: false,
    eligible_at: request.now,
    waiting_since: null,
    started: null,
    finished: null,
    canceled_on: null,
    cancel_at: null,
    source_project_update: null,
    job_explanation: '',
    stdout: '',
  })
}

function readable(call: Call): InventoryUpdate {
  const update = byId(call, call.store.updates, 'InventoryUpdate')
  if (!mayWithInventory(call.store, call.user, 'read', update.inventory)) throw forbidden()
  return update
}

/** A page of updates, those of unreadable inventories left out. */
export function listUpdates(call: Call, rows: InventoryUpdate[]): Reply {
  const { store, user } = call
  return listReply<InventoryUpdate>(call, {
    model: 'InventoryUpdate',
    rows: rows.filter(update => mayWithInventory(store, user, 'read', update.inventory)),
    columns: {
      id: numberColumn(row => row.id),
      name: textColumn(row => row.name),
      status: textColumn(row => row.status),
      failed: flagColumn(row => row.failed),
      launch_type: textColumn(row => row.launch_type),
      inventory: numberColumn(row => row.inventory),
      inventory_source: numberColumn(row => row.inventory_source),
      created: timeColumn(row => row.created),
      finished: timeColumn(row => row.finished),
    },
    render: row => renderUpdate(call, row, 'list'),
  })
}

function getCancel(call: Call): Reply {
  return ok({ can_cancel: isUnfinished(readable(call)) })
}

function postCancel(call: Call): Reply {
  const update = readable(call)
  if (!mayWithInventory(call.store, call.user, 'update', update.inventory)) throw forbidden()
  if (!isUnfinished(update)) throw notAllowed('POST')
  update.cancel_at = call.now
  return { status: 202 }
}

type Shape = 'list' | 'detail'

/** Keys that a list leaves out. */
const DETAIL_ONLY = [
  'job_args',
  'job_cwd',
  'job_env',
  'result_traceback',
  'event_processing_finished',
  'source_project',
] as const

export function renderUpdate(call: Call, update: InventoryUpdate, shape: Shape): { [key: string]: unknown } {
  const { store } = call
  const source = store.sources.must(update.inventory_source)
  const ran = update.started !== null
  const done = update.source_project_update !== null && !isUnfinished(update)
  const user = store.users.get(update.created_by)
  const body: { [key: string]: unknown } = {
    id: update.id,
    type: 'inventory_update',
    url: `${call.base}inventory_updates/${update.id}/`,
    related: updateRelated(call, update, source, shape),
    summary_fields: updateSummaryFields(call, update, source, shape),
    created: isoTime(update.created),
    modified: isoTime(update.started ?? update.created),
    name: update.name,
    description: '',
    ...sourceSettings(source),
    unified_job_template: source.id,
    launch_type: update.launch_type,
    status: update.status,
    execution_environment: ran ? EXECUTION_ENVIRONMENT.id : null,
    failed: update.failed,
    started: isoTime(update.started),
    finished: isoTime(update.finished),
    canceled_on: isoTime(update.canceled_on),
    elapsed: ran ? ((update.finished ?? call.now) - (update.started ?? 0)) / 1000 : 0,
    job_args: ran ? JSON.stringify(['ansible-inventory', '--list', '--export', '-i', source.source_path]) : '',
    job_cwd: ran ? '/runner/project' : '',
    job_env: {},
    job_explanation: update.job_explanation,
    execution_node: ran ? NODE : '',
    controller_node: ran ? NODE : '',
    result_traceback: '',
    event_processing_finished: done,
    launched_by:
      user === undefined
        ? { id: null, name: 'Generated by AWX', type: 'Dependency', url: null }
        : { id: user.id, name: user.username, type: 'user', url: `${call.base}users/${user.id}/` },
    work_unit_id: null,
    inventory: update.inventory,
    inventory_source: update.inventory_source,
    license_error: false,
    org_host_limit_error: false,
    source_project_update: done ? update.source_project_update : null,
    instance_group: ran ? INSTANCE_GROUP.id : null,
    scm_revision: done ? REVISION : '',
    source_project: done ? source.source_project : null,
  }
  if (shape === 'list') for (const key of DETAIL_ONLY) delete body[key]
  return body
}

function updateRelated({ base, store }: Call, update: InventoryUpdate, source: InventorySource, shape: Shape): unknown {
  const url = `${base}inventory_updates/${update.id}/`
  const user = store.users.get(update.created_by)
  const ran = update.started !== null
  const done = update.source_project_update !== null && !isUnfinished(update)
  return present({
    created_by: user && `${base}users/${user.id}/`,
    modified_by: user && !ran ? `${base}users/${user.id}/` : undefined,
    unified_job_template: `${base}inventory_sources/${source.id}/`,
    stdout: `${url}stdout/`,
    execution_environment: ran ? `${base}execution_environments/1/` : undefined,
    inventory_source: `${base}inventory_sources/${source.id}/`,
    cancel: `${url}cancel/`,
    notifications: `${url}notifications/`,
    events: `${url}events/`,
    source_project_update: done ? `${base}project_updates/${update.source_project_update}/` : undefined,
    inventory: `${base}inventories/${update.inventory}/`,
    credentials: `${url}credentials/`,
    source_project:
      shape === 'detail' && done && source.source_project !== null
        ? `${base}projects/${source.source_project}/`
        : undefined,
  })
}

function updateSummaryFields({ store }: Call, update: InventoryUpdate, source: InventorySource, shape: Shape): unknown {
  const ran = update.started !== null
  const done = update.source_project_update !== null && !isUnfinished(update)
  const last = store.updates.get(source.last_update)
  return present({
    organization: organizationSummary(store, store.inventories.must(update.inventory).organization),
    inventory: inventorySummary(store, update.inventory),
    execution_environment: ran ? EXECUTION_ENVIRONMENT : undefined,
    unified_job_template: {
      id: source.id,
      name: source.name,
      description: source.description,
      unified_job_type: 'inventory_update',
    },
    inventory_source: present({
      id: source.id,
      name: source.name,
      source: source.source,
      last_updated: last === undefined ? undefined : isoTime(last.finished),
      status: update.status,
    }),
    instance_group: ran ? INSTANCE_GROUP : undefined,
    created_by: userSummary(store, update.created_by),
    modified_by: ran ? undefined : userSummary(store, update.created_by),
    user_capabilities: { delete: true, start: true },
    credentials: [],
    source_project: shape === 'detail' && done ? projectSummary(store, source.source_project) : undefined,
  })
}
