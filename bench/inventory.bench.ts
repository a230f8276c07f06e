import { InventoryCache } from '../src/inventory/index.ts'
import { viewOfAll } from '../src/inventory/view.ts'
import { vmKey } from '../src/vm/index.ts'
import { fleetOf, runningRecord } from '../test/support/fleet.ts'
import type { Measure } from './bench.ts'

export const name = 'inventory'

const VMS = 10_000
const ROUNDS = 20
const MB = 1024 * 1024

/**
 * The inventory of 10,000 VMs: rendered whole, after one change, and unchanged; its size; against one JSON.stringify of the same. And
 * a view of it with few variables.
 */
export async function* run(): AsyncIterable<Measure> {
  const now = Date.now()
  const fleet = fleetOf(VMS, now)
  const verbsOf = () => ({ onboard: 'ok', patch: '' })
  const limits = { staleAfterMs: 60_000, disableAfterMs: 3_600_000 }
  const open = () =>
    new InventoryCache({ fleet, expected: ['prod-1'], limits, labelGroups: ['app'], verbsOf, now: () => now })

  const began = performance.now()
  using cache = open()
  const inventory = cache.read(now)
  const whole = performance.now() - began
  if (inventory.kind !== 'document') throw new Error('the inventory is closed')
  const parsed: unknown = JSON.parse(inventory.body)
  const floor = median(() => JSON.stringify(parsed))

  yield {
    what: `render ${VMS} VMs from nothing`,
    value: whole,
    unit: 'ms',
    floor,
    must: { of: 'value', atMost: 2_000 },
  }
  let number = 0
  const afterChange = median(() => {
    const record = runningRecord(number)
    number += 1
    fleet.apply({ key: vmKey(record), value: { ...record, seen: { ...record.seen, node: `node-x${number}` } } })
    cache.read(now)
  })
  yield {
    what: `one of ${VMS} VMs changes, document and ETag`,
    value: afterChange,
    unit: 'ms',
    floor,
    must: { of: 'ratio', atMost: 3 },
  }
  const unchanged = median(() => cache.read(now))
  yield { what: `nothing changed, ${VMS} VMs`, value: unchanged, unit: 'ms', must: { of: 'value', atMost: 5 } }
  const groups = { builtin: true, labels: ['app'], maxPerLabel: 2_000 }
  const views = [viewOfAll('slim', groups, 'slim')]
  using viewed = new InventoryCache({
    fleet,
    views,
    expected: ['prod-1'],
    limits,
    labelGroups: ['app'],
    verbsOf,
    now: () => now,
  })
  const slim = viewed.read(now, 'slim')
  if (slim.kind !== 'document') throw new Error('the view is closed')
  const size = slim.body.length / MB
  yield { what: `slim document of ${VMS} VMs`, value: size, unit: 'MB', must: { of: 'value', atMost: 5 } }
  yield { what: `document of ${VMS} VMs`, value: inventory.body.length / MB, unit: 'MB' }
}

function median(act: () => unknown): number {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now()
    act()
    times.push(performance.now() - began)
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
}
