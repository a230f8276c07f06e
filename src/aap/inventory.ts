import type { Answer } from './answer.ts'
import { only, query, rows } from './page.ts'
import type { Session } from './session.ts'

export interface Inventory {
  readonly id: number
  readonly name: string
  /** Answers the whole inventory with its variables in one go. */
  readonly scriptUrl: string
}

export interface InventorySource {
  readonly id: number
  readonly name: string
  readonly inventory: number
  readonly updateUrl: string
  readonly overwrite: boolean
  readonly overwriteVars: boolean
  readonly enabledVar: string
  readonly updateOnLaunch: boolean
  /** Seconds for which an update on launch believes the one before it. */
  readonly cacheSeconds: number
  /** The view of the bridge that its variables ask for; empty when they ask for none. */
  readonly view: string
  readonly mayUpdate: boolean
  /** Of its last update: `successful`, `failed`, `never updated`, … */
  readonly status: string
}

/** The one inventory of that name in that organization; throws `not_found` or `ambiguous`. */
export async function findInventory(
  session: Session,
  base: string,
  name: string,
  organization: string,
): Promise<Inventory> {
  const path = query(`${base}inventories/`, { name, organization__name: organization })
  const row = only(
    await rows(session, path),
    `inventory ${JSON.stringify(name)} in organization ${JSON.stringify(organization)}`,
  )
  return { id: row.integer('id'), name: row.string('name'), scriptUrl: row.answer('related').string('script') }
}

/** The one source of that name in that inventory; throws `not_found` or `ambiguous`. */
export async function findInventorySource(
  session: Session,
  base: string,
  name: string,
  inventory: number,
): Promise<InventorySource> {
  const path = query(`${base}inventory_sources/`, { name, inventory })
  return sourceOf(only(await rows(session, path), `inventory source ${JSON.stringify(name)} in inventory ${inventory}`))
}

/** All sources of an inventory, in whatever order; none of one that this account may not read. */
export async function inventorySources(session: Session, base: string, inventory: number): Promise<InventorySource[]> {
  return (await rows(session, query(`${base}inventory_sources/`, { inventory }))).map(sourceOf)
}

function sourceOf(row: Answer): InventorySource {
  const fields = row.answer('summary_fields')
  return {
    id: row.integer('id'),
    name: row.string('name'),
    inventory: row.integer('inventory'),
    updateUrl: row.answer('related').string('update'),
    overwrite: row.boolean('overwrite'),
    overwriteVars: row.boolean('overwrite_vars'),
    enabledVar: row.string('enabled_var'),
    updateOnLaunch: row.boolean('update_on_launch'),
    cacheSeconds: row.integer('update_cache_timeout'),
    view: viewIn(row.raw('source_vars')),
    mayUpdate: !fields.has('user_capabilities') || fields.answer('user_capabilities').raw('start') !== false,
    status: row.string('status'),
  }
}

/** Source variables are JSON or YAML, as they were typed in. */
function viewIn(variables: unknown): string {
  const found = /["']?\bVIRTBRIDGE_VIEW["']?\s*:\s*["']?([^\s"',}#]+)/.exec(
    typeof variables === 'string' ? variables : '',
  )
  return found?.[1] ?? ''
}
