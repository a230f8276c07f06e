import { expect, test } from 'vitest'
import { labelsNamed, parseConfig } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache } from '../../src/inventory/index.ts'
import { hostName, namedLabels, projectVm, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { inventoryParts } from '../../src/service/views.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const FILLERS = Object.fromEntries(Array.from({ length: 66 }, (_, n) => [`k${String(n).padStart(3, '0')}`, 'v']))
/** Seventy labels, of which those that matter are the last. */
const LABELS = { ...FILLERS, 'z.example.com/login': 'core', 'z.example.com/tier': 'web', zone: 'a', zz: 'x' }

const CONFIG = parseConfig(
  JSON.stringify({
    clusters: [{ name: 'prod-1', kubeconfig: 'k' }],
    inventory: {
      label_groups: ['z.example.com/tier'],
      views: [
        {
          name: 'v',
          selector: 'zone=a',
          groups: {
            builtin: false,
            labels: ['z.example.com/tier'],
            expressions: [{ name: 'front', expression: 'kubevirt_labels["z.example.com/tier"] == "web"' }],
          },
          variables: [{ label: 'z.example.com/login', variable: 'ansible_user' }],
        },
        { name: 'excluding', exclude: 'zone=a' },
        { name: 'without', selector: '!zone' },
        { name: 'elsewhere', selector: '!zone', namespaces: ['other'] },
      ],
    },
    profiles: [{ name: 'web', selector: 'z.example.com/tier=web' }],
  }),
  'virtbridge.yaml',
)

/** The VM as the watch of this configuration, or of one that named no labels, stores it. */
function stored(keys: readonly string[]): VmRecord {
  const object = { metadata: { labels: LABELS } }
  const named = namedLabels(object, new Set(keys))
  const { labels } = projectVm(object)
  return guest('web-1', { seen: { labels, ...(named === undefined ? {} : { named_labels: named }) } })
}

function open(record: VmRecord) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  fleet.apply({ key: vmKey(record), value: record })
  const cache = new InventoryCache({
    ...inventoryParts(CONFIG, () => undefined),
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const host = hostName(record)
  return {
    fleet,
    read: (view: string) => cache.read(NOW, view),
    why: (view: string) => cache.why(host, NOW, { view }),
    vars: (view: string) => JSON.parse(cache.varsOf(host, view) ?? '{}') as Record<string, unknown>,
    [Symbol.dispose]: () => cache[Symbol.dispose](),
  }
}

test('a label that is listed counts, however many others a VM has: in selectors, groups, expressions, variables and profiles', () => {
  using world = open(stored(labelsNamed(CONFIG)))
  const { listed, groups } = world.why('v')
  expect([listed, groups.map(({ group }) => group)]).toEqual([true, ['label_z_example_com_tier_web', 'front']])
  expect(world.vars('v')['ansible_user']).toBe('core')
  expect(world.vars('v')['kubevirt_labels']).toMatchObject({ k000: 'v', zone: 'a' })
  expect(world.vars('v')['kubevirt_labels']).not.toHaveProperty('zz')
  expect(world.why('excluding').enabled_because).toBe('excluded by label')
  expect(world.vars('')['day2_profile']).toBe('web')
})

test('of a VM that was read by a watch to which nobody named it, the loss is told wherever it counts', () => {
  using world = open(stored([]))
  const unkept = 'it has more labels than are kept, and was not read yet since that one is named'
  expect(world.why('v').because).toEqual([`its labels do not meet zone in (a); ${unkept}`])
  const { not_in, profile } = world.why('')
  expect(not_in).toEqual([
    {
      label: 'z.example.com/tier',
      because: `it has no label z.example.com/tier, or an empty one; ${unkept}`,
    },
  ])
  expect(profile?.because).toEqual([`not web: its labels do not meet z.example.com/tier in (web); ${unkept}`])
})

test('a view that goes by a label is closed until it is known which VMs have it, and no other one is', () => {
  const lacking = { kind: 'closed', because: 'lacking', clusters: ['prod-1'] }
  using world = open(stored([]))
  for (const view of ['v', 'excluding', 'without', '']) expect(world.read(view), view).toEqual(lacking)
  expect(world.read('elsewhere').kind).not.toBe('closed')
  expect(world.why('excluding').because.at(-1)).toBe(
    'which of these labels it has is not known yet, and they count: zone, z.example.com/tier',
  )
  const known = stored(labelsNamed(CONFIG))
  world.fleet.apply({ key: vmKey(known), value: known })
  for (const view of ['v', 'excluding', 'without', '']) expect(world.read(view).kind, view).not.toBe('closed')
  expect(world.why('without')).toMatchObject({ listed: false, because: ['its labels do not meet !zone'] })
  // Nobody can ask any more.
  world.fleet.apply({ key: vmKey(known), value: { ...stored([]), out_of_scope: 'event' } })
  expect(world.read('excluding').kind).not.toBe('closed')
})

test('of a VM with few labels all are known, whatever is named', () => {
  using world = open(guest('web-1', { seen: { labels: { zone: 'a' } } }))
  expect(world.read('v').kind).not.toBe('closed')
})
