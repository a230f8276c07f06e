import { type Controller, type Inventory, type InventorySource, sourceHazards } from '../aap/index.ts'
import type { Config, ControllerConfig } from '../config/index.ts'
import { failure, type Finding, hazardFindings } from './finding.ts'

/**
 * The inventory that verbs run on which need the VM alone is there, filled by its source, with stopped VMs enabled. Returns it; the one
 * of all other verbs when none is configured, and null when what is configured can not be found, which was told then.
 */
export async function* checkBeside(
  controller: Controller,
  settings: ControllerConfig,
  { config, usual }: { readonly config: Config; readonly usual: Inventory },
): AsyncGenerator<Finding, Inventory | null> {
  const { beside_inventory: name, beside_inventory_source: of, organization } = settings
  if (name === '') {
    yield* none(config)
    return usual
  }
  try {
    const inventory = await controller.findInventory(name, organization)
    yield { what: `inventory "${inventory.name}"`, result: 'ok', detail: `id ${inventory.id}`, hint: '' }
    const source = await controller.findInventorySource(of, inventory)
    // What a rulebook launches there waits for an update: then that is as it should be.
    const launched = Object.values(config.verbs).some(({ needs, driver }) => needs === 'vm' && driver === 'eda')
    yield* sourceFindings(source, launched ? ['update_on_launch'] : [])
    yield* viewFindings(source, config)
    return inventory
  } catch (error) {
    yield failure(`inventory "${name}"`, error)
    return null
  }
}

/** What could fill an inventory with something else than the fleet; `meant`: codes of hazards that are none here. */
export function* sourceFindings(source: InventorySource, meant: readonly string[] = []): Iterable<Finding> {
  const wrong = sourceHazards(source).filter(({ code }) => !meant.includes(code))
  yield* hazardFindings(`inventory source "${source.name}"`, wrong, `last update: ${source.status}`)
}

function* none({ verbs }: Config): Iterable<Finding> {
  const meant = Object.entries(verbs).flatMap(([verb, { needs, driver }]) =>
    needs === 'vm' && driver === 'bridge' ? [verb] : [],
  )
  if (meant.length === 0) return
  yield {
    what: 'verbs beside the guest',
    result: 'warn',
    detail: `${meant.join(', ')}: launched on guests that run and answer alone, as no inventory has stopped VMs enabled`,
    hint: 'set controller.beside_inventory: docs/operations/controller.md#beside-the-guest',
  }
}

function* viewFindings({ name, view }: InventorySource, { inventory }: Config): Iterable<Finding> {
  const what = `inventory source "${name}"`
  const fit = inventory.views.filter(({ enabled }) => enabled === 'known').map(each => each.name)
  const [first] = fit
  if (first === undefined)
    yield {
      what,
      result: 'warn',
      detail: 'this configuration has no view in which stopped VMs are enabled, so they are disabled there',
      hint: 'add one: inventory.views: [{ name: beside-guests, enabled: known }]',
    }
  else if (!fit.includes(view))
    yield {
      what,
      result: 'warn',
      detail: `it asks for ${view === '' ? 'the whole inventory' : `the view ${view}`}, in which stopped VMs are disabled`,
      hint: `give it the source variable VIRTBRIDGE_VIEW: ${first}`,
    }
}
