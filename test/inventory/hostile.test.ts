import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { assemble, hostName, projectVm, projectVmi, type Seen, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const LABELS = ['app', '__proto__', 'constructor', 'a.b/c', '{{ x }}']
const GROUPS = { builtin: true, labels: LABELS, maxPerLabel: 3 }
const VIEWS = (['slim', 'standard', 'full'] as const).map(profile => viewOfAll(profile, GROUPS, profile))

/** Text that somebody wrote who means no good, or who is merely odd. */
const evil = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', '"', '\\', '\u2028', '{', '%', '#', 'a'), maxLength: 12 }),
  fc.constantFrom(
    '{{ lookup("pipe", "id") }}',
    '{% for x in y %}',
    '{#',
    '"},"all":{"hosts":["x"]},"y":{"a":"',
    '__proto__',
    '../../etc/passwd',
    '-oProxyCommand=id',
    'x'.repeat(255) + '\ud83d\ude00',
    '\u202e\u0000\u001b[31m',
    'all',
    'ungrouped',
    '_meta',
    '!unsafe x',
  ),
)
const odd = fc.oneof(evil, fc.constant(undefined), fc.constant(null), fc.integer(), fc.constant({}), fc.constant([]))
const words = fc.dictionary(fc.oneof(evil, fc.constantFrom(...LABELS, 'ansible_host', 'ansible_connection')), odd, {
  maxKeys: 6,
})

/** What an API server may send of a VM: whatever it likes, where it likes. */
const objects = fc.record({
  vm: fc.record({
    metadata: fc.record({ labels: words, annotations: words, uid: odd, creationTimestamp: odd }),
    spec: fc.record({
      runStrategy: odd,
      instancetype: fc.record({ name: odd }),
      template: fc.record({
        metadata: fc.record({ annotations: words }),
        spec: fc.record({ domain: fc.record({ firmware: fc.record({ uuid: odd }) }) }),
      }),
    }),
    status: fc.record({ printableStatus: odd }),
  }),
  vmi: fc.record({
    metadata: fc.record({ uid: fc.constant('boot'), ownerReferences: odd }),
    status: fc.record({
      phase: fc.constant('Running'),
      nodeName: odd,
      guestOSInfo: fc.record({ id: odd, name: odd, versionId: odd }),
      interfaces: fc.array(
        fc.record({
          name: odd,
          interfaceName: odd,
          ipAddress: fc.oneof(odd, fc.ipV4(), fc.ipV6()),
          ipAddresses: fc.array(fc.oneof(evil, fc.ipV4())),
          infoSource: odd,
        }),
        { maxLength: 3 },
      ),
    }),
  }),
})

const seenOf = objects.map(({ vm, vmi }): Seen => {
  const [projected, boot] = [projectVm(vm), projectVmi(vmi)]
  return assemble(projected, { ...boot, owner: projected.uid }, null)
})

/** The same, past every check: what a record would hold if what wrote it had checked nothing. */
const unchecked = fc.record({
  uid: evil,
  node: evil,
  status: evil,
  address: fc.oneof(evil, fc.ipV4()),
  claim: evil,
  created_at: fc.oneof(fc.double(), fc.integer()),
  labels: fc.dictionary(evil, evil, { maxKeys: 4 }),
})

const record = fc
  .record({
    name: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b.c', 'd-1') }, { weight: 1, arbitrary: evil }),
    namespace: fc.oneof({ weight: 4, arbitrary: fc.constant('shop') }, { weight: 1, arbitrary: evil }),
    seen: seenOf,
    past: fc.option(unchecked),
    verb: evil,
  })
  .map(({ name, namespace, seen, past, verb }) => {
    const { uid, address, ...rest } = past ?? { uid: `uid ${verb}`, address: seen.address }
    const base = guest('x', { uid, seen: { ...seen, ...rest, address }, told: { address } })
    const descent = { kind: 'clone', from: verb, by: verb, run: verb } as const
    return { ...base, name, namespace, descent }
  })

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly [group: string]: unknown
}

function documents(records: readonly VmRecord[]): readonly Body[] {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  for (const one of records) fleet.apply({ key: vmKey(one), value: one })
  using cache = new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: LABELS,
    views: VIEWS,
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now: () => NOW,
  })
  return [...cache.views, ''].map(view => {
    const inventory = cache.read(NOW, view)
    if (inventory.kind === 'closed') throw new Error('closed')
    return JSON.parse(inventory.body) as Body
  })
}

/** What of a value Ansible could take for a template, or could not write. */
function harmful(value: unknown): readonly string[] {
  if (typeof value === 'string') return /\{[{%#]/.test(value) || !value.isWellFormed() ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  const marked = '__ansible_unsafe' in value ? value.__ansible_unsafe : undefined
  if (typeof marked === 'string' && Object.keys(value).length === 1) return marked.isWellFormed() ? [] : [marked]
  return Object.entries(value).flatMap(([key, item]) => [...harmful(key), ...harmful(item)])
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/
const CONNECTION = ['ansible_host', 'ansible_connection', 'ansible_port']

test('whatever a VM holds, each document is JSON with names of the fixed alphabet, text that is inert or marked, and no connection but ours', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), records => {
      const known = new Set(records.map(hostName).filter(name => NAME.test(name) && name.length <= 512))
      for (const body of documents(records)) {
        const { _meta, all, ...groups } = body
        expect(new Set(Object.keys(_meta.hostvars))).toEqual(known)
        expect((all as { children: string[] }).children).toEqual(Object.keys(groups))
        expect(Object.keys(groups).filter(group => !/^[a-z0-9_]+$/.test(group))).toEqual([])
        const members = Object.values(groups).flatMap(group => (group as { hosts: string[] }).hosts)
        expect(new Set(members)).toEqual(known)
        for (const vars of Object.values(_meta.hostvars)) {
          expect(
            Object.keys(vars).filter(key => !/^(kubevirt|day2)_[a-z0-9_]+$/.test(key) && !CONNECTION.includes(key)),
          ).toEqual([])
          expect([undefined, 'psrp']).toContain(vars['ansible_connection'])
          expect(vars['ansible_host'] ?? '::').toMatch(/^[0-9a-f.:]+$/)
          expect(harmful(vars)).toEqual([])
        }
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    }),
    { numRuns: 200 },
  )
})

test('half of a character that a cut left behind is replaced, or Python could not write what it read', () => {
  const [body] = documents([
    guest('a', { seen: { node: `${'x'.repeat(255)}\ud83d`, labels: { 'k\ud83d': 'v', app: '\ude00' } } }),
  ])
  const vars = body?._meta.hostvars['a.shop.prod-1']
  expect(JSON.stringify(vars)).not.toMatch(/\\ud/)
})
