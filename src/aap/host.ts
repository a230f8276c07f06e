import { isRecord, type Answer } from './answer.ts'
import { ControllerError } from './error.ts'
import { query } from './page.ts'
import type { Inventory } from './inventory.ts'
import type { Session } from './session.ts'

/** A host as the controller has it: what a job would use, not what the fleet says. */
export interface ControllerHost {
  readonly enabled: boolean
  /** True when a group has the same name: a limit of that name would mean the whole group. */
  readonly sharesGroupName: boolean
  /** Text that was marked unsafe (`{"__ansible_unsafe": "…"}`) is plain here. */
  readonly variables: Readonly<Record<string, unknown>>
}

/**
 * Every host of an inventory, disabled ones too, by one GET: 10,000 hosts are half a second here and 36 s by pages. Throws `forbidden`
 * without Read on the inventory (`/hosts/` would answer an empty list and look like an empty fleet).
 */
export async function hosts(session: Session, inventory: Inventory): Promise<Map<string, ControllerHost>> {
  const answer = await session.get(query(inventory.scriptUrl, { hostvars: 1, all: 1, towervars: 1 }))
  const variables = answer.answer('_meta').record('hostvars')
  return new Map(Object.entries(variables).map(([name, given]) => [name, hostFrom(name, given, answer)]))
}

function hostFrom(name: string, given: unknown, answer: Answer): ControllerHost {
  if (!isRecord(given))
    throw new ControllerError('protocol', `the inventory script of the controller has no variables for host "${name}"`)
  const enabled = enabledOf(given)
  if (enabled === null) {
    throw new ControllerError(
      'protocol',
      `the inventory script of the controller does not say whether host "${name}" is enabled`,
    )
  }
  return { enabled, sharesGroupName: answer.has(name), variables: plain(given) as Record<string, unknown> }
}

/** The controller lays these over the host's own variables, as text; `tower` is what older ones call it. */
function enabledOf(variables: Record<string, unknown>): boolean | null {
  const said = variables['remote_host_enabled'] ?? variables['remote_tower_enabled']
  if (said === true || said === 'true') return true
  return said === false || said === 'false' ? false : null
}

/** A value with every `{"__ansible_unsafe": "…"}` replaced by its text. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!isRecord(value)) return value
  if (typeof value['__ansible_unsafe'] === 'string') return value['__ansible_unsafe']
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
