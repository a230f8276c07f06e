import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { approachOf, InventoryCache, ownRendering, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import type { Address } from '../../src/vm/part.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: false, labels: [], maxPerLabel: 2_000 }
const SHARED = '10.20.0.5'

/** A VM with an address of its own on the pod network, which is the usual one, and one on a VLAN. */
function twoLegged(name: string, own: string, vlan: string, source: Address['source'] = 'platform'): VmRecord {
  const addresses = [
    { address: own, network: 'default', interface: 'eth0', source: 'platform', pod: true },
    { address: vlan, network: 'vlan-a', interface: 'eth1', source, pod: false },
  ] as const
  return guest(name, { address: own, seen: { addresses } })
}

function views(...records: readonly VmRecord[]) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const approach = approachOf({ addresses: { prefer: [{ network: 'vlan-a' }], otherwise: 'none', podNetwork: 'last' } })
  const vlan: View = {
    ...viewOfAll('vlan', GROUPS),
    rendering: ownRendering('standard', GROUPS, { approach }),
  }
  const reachable: View = { ...vlan, name: 'reachable', reachable: true }
  const cache = new InventoryCache({
    fleet,
    views: [vlan, reachable],
    networks: [{ name: 'office', cidrs: ['10.20.0.0/16'], clusters: [], namespaces: [] }],
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const vars = (name: string, view: string): Record<string, unknown> =>
    JSON.parse(cache.varsOf(`${name}.shop.prod-1`, view) ?? '{}') as Record<string, unknown>
  return { fleet, cache, vars, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test('who loses the address that a view uses is disabled there, and nowhere else', () => {
  using one = views(twoLegged('web-1', '10.1.0.1', SHARED), twoLegged('web-2', '10.1.0.2', SHARED, 'agent'))
  expect(one.vars('web-1', 'vlan')).toMatchObject({ ansible_host: SHARED, kubevirt_enabled: true })
  expect(one.vars('web-2', 'vlan')).toMatchObject({
    kubevirt_enabled: false,
    kubevirt_address: '',
    kubevirt_reachable_reason: 'conflicting address',
  })
  expect(one.vars('web-2', 'vlan')).not.toHaveProperty('ansible_host')
  expect(one.vars('web-2', '')).toMatchObject({ ansible_host: '10.1.0.2', kubevirt_enabled: true })
  expect(one.cache.why('web-2.shop.prod-1', NOW, { view: 'vlan' }).enabled_because).toBe(
    'conflicting address: web-1.shop.prod-1 has the better claim to it',
  )
  expect(one.cache.why('web-2.shop.prod-1', NOW, { view: 'reachable' })).toMatchObject({
    listed: false,
    because: ['it is not reachable: conflicting address'],
  })
})

test('when the other goes, it has its address again, in every view', () => {
  const rival = twoLegged('web-1', '10.1.0.1', SHARED)
  using one = views(rival, twoLegged('web-2', '10.1.0.2', SHARED, 'agent'))
  expect(one.vars('web-2', 'reachable')).toEqual({})
  one.fleet.apply({ key: vmKey(rival), value: null })
  expect(one.vars('web-2', 'vlan')).toMatchObject({ ansible_host: SHARED, kubevirt_enabled: true })
  expect(one.vars('web-2', 'reachable')).toMatchObject({ ansible_host: SHARED })
})
