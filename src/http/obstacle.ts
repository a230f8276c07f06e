import type { VerbPolicy } from '../day2/index.ts'
import { type Scope, sees } from '../fleet/index.ts'
import type { AppParts } from './parts.ts'
import { Problem } from './problem.ts'

/** Unknown names that are told in one sentence; the answer lists them all. */
const NAMED = 5

/** What decides whether a wish may be taken in at all. */
export interface Asked extends Pick<VerbPolicy, 'driver'> {
  readonly verb: string
  readonly hosts: readonly string[]
}

/**
 * Why nothing can come of a wish as a whole, whatever its hosts are ready for; null when something may. A VM that `scope` does not show is
 * as one that is not there. Pure.
 */
export function obstacleTo(
  { controllerConfigured, ledger, fleet }: Pick<AppParts, 'controllerConfigured' | 'ledger' | 'fleet'>,
  { verb, driver, hosts }: Asked,
  scope: Scope,
): Problem | null {
  if (!controllerConfigured)
    return new Problem(409, 'no_controller', 'no controller is configured, so nothing can be launched', {
      hint: 'add controller: to the configuration',
    })
  if (driver !== 'bridge')
    return new Problem(409, 'other_driver', `the driver of ${verb} is ${driver}, not bridge`, {
      hint: `a verb has one driver: verbs.${verb}.driver`,
    })
  if (ledger.lost !== '')
    return new Problem(409, 'ledger_lost', ledger.lost, {
      hint: 'nothing was started; GET /api/v1/losses tells more',
    })
  const unknown = hosts.filter(host => {
    const record = fleet.byHost(host)
    return record === undefined || !sees(scope, record)
  })
  if (unknown.length === 0) return null
  return new Problem(422, 'unknown_hosts', `no VM is called ${unknown.slice(0, NAMED).join(', ')}`, {
    hint: 'nothing was started; GET /api/v1/vms lists the names',
    more: { hosts: unknown },
  })
}
