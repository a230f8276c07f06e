import { isUnfinished } from './records.ts'
import type { InventorySource, InventoryUpdate } from './records.ts'
import type { Store } from './store.ts'

/** The update of a source that finished last, if any ever did and is still remembered. */
export function lastUpdate(store: Store, source: InventorySource): InventoryUpdate | undefined {
  return store.updates.get(source.last_update)
}

/** The update that runs, or waits to run, for a source: the first that was asked for. */
export function currentUpdate(store: Store, source: InventorySource): InventoryUpdate | undefined {
  return store.updates.find(update => update.inventory_source === source.id && isUnfinished(update))
}

/** A source's status is that of its current update, else of its last. */
export function sourceStatus(store: Store, source: InventorySource): string {
  return (currentUpdate(store, source) ?? lastUpdate(store, source))?.status ?? 'never updated'
}

/** The settings that a source gives to its updates. */
export function sourceSettings(source: InventorySource): { [name: string]: unknown } {
  return {
    source: source.source,
    source_path: source.source_path,
    source_vars: source.source_vars ?? '',
    scm_branch: '',
    credential: null,
    enabled_var: source.enabled_var,
    enabled_value: source.enabled_value,
    host_filter: '',
    overwrite: source.overwrite,
    overwrite_vars: source.overwrite_vars,
    custom_virtualenv: null,
    timeout: 0,
    verbosity: 1,
    limit: '',
  }
}
