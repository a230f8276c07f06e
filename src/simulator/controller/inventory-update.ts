import { mayWithInventory } from './access.ts'
import { flagColumn, numberColumn, textColumn, timeColumn } from './filter.ts'
import { renderUpdate } from './inventory-update-view.ts'
import { listReply } from './page.ts'
import { byId, forbidden, notAllowed, ok } from './route.ts'
import { isUnfinished } from './records.ts'
import { nextId } from './store.ts'
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
