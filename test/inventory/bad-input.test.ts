import { describe, expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, ownRendering, type View } from '../../src/inventory/index.ts'
import type { Why } from '../../src/inventory/why.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { hostName, projectVm, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: ['app'], maxPerLabel: 2_000 }

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly all: { readonly children: readonly string[] }
}

function read(records: readonly VmRecord[], view: Partial<View> = {}): Body & { why: (host: string) => Why } {
  const fleet = new Fleet()
  for (const cluster of new Set(['prod-1', ...records.map(record => record.cluster)]))
    fleet.apply({ key: cluster, value: synced(cluster, NOW) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  using cache = new InventoryCache({
    fleet,
    views: [{ ...viewOfAll('v', GROUPS), ...view }],
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const inventory = cache.read(NOW, 'v')
  if (inventory.kind === 'closed') throw new Error('closed')
  const body = JSON.parse(inventory.body) as Body
  return { ...body, why: (host: string) => cache.why(host, NOW, { view: 'v' }) }
}

test(
  '50,000 namespaces are 50,000 groups',
  // Some ten seconds of work, on a machine that may have other work.
  { timeout: 300_000 },
  () => {
    const vms = Array.from({ length: 50_000 }, (_, at): VmRecord => ({
      ...guest('vm', { uid: `uid-${at}`, address: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}` }),
      namespace: `team-${at}`,
    }))
    const { _meta, all } = read(vms, { rendering: ownRendering('slim', GROUPS) })
    expect(Object.keys(_meta.hostvars)).toHaveLength(50_000)
    expect(all.children.filter(name => name.startsWith('namespace_team_'))).toHaveLength(50_000)
  },
)

describe('names as long as Kubernetes lets them be', () => {
  const long = { name: 'n'.repeat(253), namespace: 's'.repeat(63), cluster: 'c'.repeat(63) }
  const record = { ...guest('x'), ...long }

  test('are host names of 381 characters, and groups of that length', () => {
    const { _meta, all } = read([record])
    expect(Object.keys(_meta.hostvars)).toEqual([hostName(record)])
    expect(hostName(record)).toHaveLength(381)
    expect(all.children).toEqual(expect.arrayContaining([`namespace_${long.namespace}`, `cluster_${long.cluster}`]))
  })

  test('that are longer than Ansible may be told are not listed, and it is told why', () => {
    const longer = { ...record, name: 'n'.repeat(500) }
    const { _meta, why } = read([longer, guest('web-1')])
    expect(Object.keys(_meta.hostvars)).toEqual(['web-1.shop.prod-1'])
    expect(why(hostName(longer))).toMatchObject({
      listed: false,
      because: ['its name is none that Ansible may be told'],
    })
  })
})

test('label values with quotes, unicode and delimiters are variables as they are or marked, and groups of letters', () => {
  const values = ['"quoted"', "it's", 'größe', '日本', '{{ 6*7 }}', '🙂', '..', '-']
  const vms = values.map((app, at) => guest(`web-${at}`, { seen: { labels: { app } } }))
  const { _meta, all } = read(vms)
  const told = Object.values(_meta.hostvars).map(vars => (vars['kubevirt_labels'] as { app: unknown }).app)
  expect(told).toEqual(values.map(value => (value.includes('{{') ? { __ansible_unsafe: value } : value)))
  const groups = all.children.filter(name => name.startsWith('label_app_'))
  expect(groups).toContain('label_app__quoted_')
  expect(groups.every(name => /^[a-z0-9_]+$/.test(name))).toBe(true)
})

test('what an annotation or a label claims of the connection stays out of it', () => {
  const claims = { ansible_ssh_common_args: '-o ProxyCommand=id', ansible_host: '6.6.6.6', ansible_connection: 'local' }
  const vm = projectVm({
    metadata: { namespace: 'shop', name: 'web-1', labels: claims, annotations: claims },
    spec: { template: { metadata: { annotations: claims } } },
  })
  const { _meta } = read([guest('web-1', { seen: { labels: vm.labels } })])
  const vars = _meta.hostvars['web-1.shop.prod-1'] ?? {}
  expect(Object.keys(vars).filter(name => name.startsWith('ansible_'))).toEqual(['ansible_host'])
  expect(vars['ansible_host']).toBe('10.1.0.1')
})
