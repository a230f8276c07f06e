import { expect, test } from 'vitest'
import { type Config, parseConfig } from '../../src/config/index.ts'
import { CurrentInventory } from '../../src/service/serve/current-inventory.ts'
import type { Inventory } from '../../src/inventory/index.ts'
import { fleetOf } from '../support/fleet.ts'

const NOW = Date.UTC(2026, 10, 21)
const VMS = 250

/** So many views, each of which shows its hosts in a way of its own. */
function configOf(views: number, groups: string): Config {
  const own = Array.from({ length: views }, (_, n) => ({ name: `v-${n}`, groups: { labels: [groups, `l-${n}`] } }))
  const text = { clusters: [{ name: 'prod-1', kubeconfig: 'k' }], inventory: { label_groups: [groups], views: own } }
  return parseConfig(JSON.stringify(text), '/etc/virtbridge.yaml')
}

function etagOf(inventory: Inventory): string {
  return inventory.kind === 'closed' ? inventory.because : inventory.etag
}

test.each([
  [0, 100],
  [3, 25],
  [20, 4],
])(
  'with %d views beside the whole, a reload shows %d VMs in one go, others are heard between, and the old inventory counts until all are shown',
  async (views, most) => {
    const shown = { now: 0, most: 0, all: 0 }
    using current = new CurrentInventory(configOf(views, 'app'), {
      fleet: fleetOf(VMS, NOW),
      expected: ['prod-1'],
      limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
      verbsOf: () => {
        shown.now += 1
        return { onboard: '', patch: '' }
      },
      now: () => NOW,
      onFailure: () => undefined,
    })
    const before = etagOf(current.cache.read(NOW))
    shown.now = 0
    const progress = { done: false }
    const became = current.become(configOf(views, 'tier')).then(() => (progress.done = true))
    while (!progress.done) {
      // The old one has nothing left to show, so that what is counted is of the new one.
      expect(etagOf(current.cache.read(NOW))).toBe(before)
      await new Promise(resolve => setImmediate(resolve))
      shown.most = Math.max(shown.most, shown.now)
      shown.all += shown.now
      shown.now = 0
    }
    await became
    expect([shown.most, shown.all]).toEqual([most, VMS])
    expect(etagOf(current.cache.read(NOW))).not.toBe(before)
  },
)
