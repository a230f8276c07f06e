import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, type View } from '../../src/inventory/index.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { synced } from './clusters.ts'

/** The JSON of each of these views, and of the whole fleet under the empty name, where prod-1 is seen and has these VMs. Throws when one is closed. */
export function documentsOf(
  records: readonly VmRecord[],
  { views, labels, now }: { views: readonly View[]; labels: readonly string[]; now: number },
): ReadonlyMap<string, string> {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', now) })
  for (const one of records) fleet.apply({ key: vmKey(one), value: one })
  using cache = new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: labels,
    views,
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now: () => now,
  })
  return new Map(
    [...cache.views, ''].map(view => {
      const inventory = cache.read(now, view)
      if (inventory.kind === 'closed') throw new Error(`the view "${view}" is closed`)
      return [view, inventory.body]
    }),
  )
}
