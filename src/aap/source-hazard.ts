import { counted } from '../whole-number.ts'
import { type Hazard, stop, warn } from './hazard.ts'
import type { Inventory, InventorySource } from './inventory.ts'

/**
 * Why the inventory source could fill the inventory with something else than the fleet.
 *
 * code             | severity | because
 * keeps_hosts      | stop     | without Overwrite, hosts that are gone stay and can be reached by a limit
 * keeps_variables  | stop     | without Overwrite variables, an address that was withdrawn stays
 * no_enabled_var   | warn     | hosts that are stopped or stale are run against
 * update_on_launch | warn     | every launch waits for an update of its own, without a word
 * no_update_right  | stop     | the account may not start an update, and hosts that are out of date stay so
 */
export function sourceHazards(source: InventorySource): Hazard[] {
  const found: Hazard[] = []
  if (!source.overwrite)
    found.push(stop('keeps_hosts', 'it keeps hosts that the fleet no longer has', 'switch on Overwrite'))
  if (!source.overwriteVars)
    found.push(
      stop('keeps_variables', 'it keeps variables that the fleet no longer gives', 'switch on Overwrite variables'),
    )
  if (source.enabledVar !== 'kubevirt_enabled')
    found.push(
      warn(
        'no_enabled_var',
        `its enabled variable is "${source.enabledVar}"`,
        'set Enabled variable to kubevirt_enabled and Enabled value to true',
      ),
    )
  if (source.updateOnLaunch)
    found.push(warn('update_on_launch', 'every launch waits for an update', 'switch off "Update on launch"'))
  if (!source.mayUpdate)
    found.push(
      stop('no_update_right', 'this account may not update it', 'give the service account Update on the inventory'),
    )
  return found
}

/** An import may be believed for so long where rulebooks launch: `eda-onboard.yml` tries again after a minute. */
const BELIEVED_SECONDS = 60

/**
 * Why a job that somebody launches at the very moment of an event may not find its guest. Before its own launches the bridge looks, and has
 * the inventory updated; a rulebook does not, so its jobs must wait for an update each. `sources`: those of the inventory of its template.
 *
 * code              | severity | because
 * no_source         | stop     | nothing fills the inventory
 * not_on_launch     | warn     | a guest that has just come is not there yet, or still disabled: the job fails
 * believes_too_long | warn     | the same, for as long as the last update is believed
 */
export function eventHazards(
  inventory: Pick<Inventory, 'name'>,
  sources: readonly Pick<InventorySource, 'name' | 'updateOnLaunch' | 'cacheSeconds'>[],
): Hazard[] {
  const its = `inventory "${inventory.name}"`
  if (sources.length === 0)
    return [stop('no_source', `nothing fills the ${its}, or this account may not read it`, 'apply deploy/aap')]
  const waiting = sources.filter(source => source.updateOnLaunch)
  if (waiting.length === 0)
    return [
      warn(
        'not_on_launch',
        `its ${its} is not updated before a job: a rulebook launches on guests that are not there yet`,
        'give it an inventory of its own whose source has "Update on launch": docs/eda.md#what-to-create',
      ),
    ]
  return waiting
    .filter(source => source.cacheSeconds > BELIEVED_SECONDS)
    .map(({ name, cacheSeconds }) =>
      warn(
        'believes_too_long',
        `the source "${name}" of its ${its} believes an update for ${counted(cacheSeconds, 'second')}, without guests that came since`,
        `set its cache timeout to 0, or to ${BELIEVED_SECONDS} at most`,
      ),
    )
}
