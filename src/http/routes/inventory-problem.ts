import type { Inventory } from '../../inventory/index.ts'
import { Problem } from '../problem.ts'

/** Seconds after which a closed inventory is worth asking for again. */
const RETRY_AFTER = '5'

type Closed = Extract<Inventory, { kind: 'closed' }>

/** The answer of an inventory that is closed: which clusters or hosts it waits for, and when to ask again. */
export function closedProblem(inventory: Closed): Problem {
  if (inventory.because === 'shrunk') return shrunk(inventory)
  if (inventory.because === 'lacking') return lacking(inventory)
  return inventory.because === 'unread' ? unread(inventory) : unseen(inventory)
}

/** Never a shorter list: an inventory with a cluster missing would make AAP delete its hosts. */
function unread({ clusters }: Closed): Problem {
  return new Problem(503, 'not_synced', `not read yet: ${clusters.join(', ')}`, {
    hint: 'GET /readyz says why; the inventory opens when each was read once',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

/** Variables that come and go would be written into every controller. */
function lacking({ clusters }: Closed): Problem {
  const message = `what this view shows, or goes by, is not known yet of all VMs of: ${clusters.join(', ')}`
  return new Problem(503, 'not_synced', message, {
    hint: 'these clusters are read again for it; when one can not be seen, it is closed until it can',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

function unseen({ clusters }: Closed): Problem {
  return new Problem(503, 'stale', `can not be seen: ${clusters.join(', ')}`, {
    hint: 'GET /readyz says why; the view is set to on_stale: fail, so it opens when each is seen again',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

function shrunk({ shrunk: { missing, of, most } }: Extract<Closed, { because: 'shrunk' }>): Problem {
  const message = `${missing} of ${of} hosts would be missing, although their VMs are not known to be deleted; ${most} percent may`
  return new Problem(503, 'shrunk', message, {
    hint: 'GET with ?why=HOST says why one of them left; when it is meant to be, set max_shrink: 100 (of the view; inventory.max_shrink of the whole) until it was read',
    more: { missing, of },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

/** The answer for a host that the inventory does not have. */
export function notListed(host: string, view: string): Problem {
  const where = view === '' ? '' : ` in the view "${view}"`
  return new Problem(404, 'not_listed', `no host is called "${host}"${where}`, {
    hint: `GET /api/v1/inventory${view === '' ? '' : `/${view}`}?why=${encodeURIComponent(host)} says why`,
  })
}
