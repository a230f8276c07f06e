import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseConfig, parseHostFormat } from '../../src/config/index.ts'
import { notTakenBecause } from '../../src/inventory/view.ts'
import { inventoryParts, wantsBaseDomain } from '../../src/service/views.ts'
import { guest } from '../day2/guest.ts'

const STANDING = { staleness: 'fresh', verbs: { onboard: '', patch: '' }, clusterSets: ['production'] } as const

/** The views of the example, with every setting of it in force. */
function example() {
  const source = readFileSync(join(import.meta.dirname, '..', '..', 'virtbridge.example.yaml'), 'utf8')
  const whole = source.replace(/^( *)#( *)(?=(?!yaml-)[a-z_-]+:|- name)/gm, '$1$2')
  const config = parseConfig(whole, '/etc/virtbridge/virtbridge.yaml')
  return inventoryParts(config, () => undefined)
}

test('what the example says of a view is what the inventory does', () => {
  const { views, profiles } = example()
  const view = views?.find(({ name }) => name === 'prod-web')
  if (view === undefined || profiles === undefined) throw new Error('the example has no view prod-web')
  const addresses = [
    { address: '10.1.0.7', network: 'default', interface: 'eth0', source: 'platform', pod: true },
    { address: '10.20.0.7', network: 'vlan', interface: 'eth1', source: 'platform', pod: false },
    { address: '192.0.2.7', network: 'management', interface: 'eth2', source: 'agent', pod: false },
  ] as const
  const labels = { app: 'web', tier: 'front', 'example.com/login': 'core' }
  const record = guest('web-7', { address: '10.1.0.7', seen: { addresses, labels } })

  const profile = profiles.of(record, STANDING.clusterSets)
  expect(profile).toEqual({
    name: 'web-prod',
    chain: ['base-linux', 'web-prod'],
    variables: { chrony_servers: ['ntp1.example.com', 'ntp2.example.com'], patch_security_only: true },
  })
  expect(notTakenBecause(view, record, { ...STANDING, profile })).toEqual([])
  expect(notTakenBecause(view, record, { clusterSets: [], profile })).toEqual(['its cluster is in no cluster set'])
  expect(view.rendering.hostOf(record)).toBe('web-7.shop.prod-1')
  expect(view.rendering.varsOf(record, STANDING)).toMatchObject({
    ansible_host: '192.0.2.7',
    ansible_user: 'core',
    kubevirt_enabled: true,
  })
  const groups = view.rendering.groupsOf(record, STANDING).map(({ group, parent = '' }) => [group, parent])
  expect(groups).toEqual(
    expect.arrayContaining([
      ['front', 'web'],
      ['label_app_web', 'web'],
      ['release_9', ''],
      ['clusterset_production', ''],
    ]),
  )
  const windows = guest('web-7', { family: 'windows', seen: { labels: { ...labels, automation: 'off' } } })
  expect(view.rendering.varsOf(windows, STANDING)).toMatchObject({
    ansible_connection: 'psrp',
    ansible_psrp_auth: 'kerberos',
    ansible_psrp_negotiate_hostname_override: 'web-7.ad.example.com',
    kubevirt_reachable_reason: 'excluded by label',
  })
})

test.each([
  ['format: virtbridge', 2_000],
  ['format: virtbridge, groups: {max_per_label: 7}', 7],
  // As many as a cluster has VMs: there every VM has labels of its own, and its groups are to be those of the plugin.
  ['format: kubevirt.core', 20_000],
  ['format: kubevirt.core, groups: {max_per_label: 2000}', 2_000],
])('a label of a view with %s makes so many groups at most: %d', (said, most) => {
  const config = `clusters: [{name: c, in_cluster: true}]\nwatch: {services: true}\ninventory: {views: [{name: v, ${said}}]}`
  const { views } = inventoryParts(parseConfig(config, '/x.yaml'), () => undefined)
  expect(views?.map(({ rendering }) => rendering.maxPerSource)).toEqual([most])
})

test.each<[string, boolean, boolean]>([
  ['format: kubevirt.core', false, false],
  ['format: kubevirt.core, kubevirt_core: {append_base_domain: true}', true, true],
  ['format: kubevirt.core, clusters: [a], kubevirt_core: {append_base_domain: true}', true, false],
  ['format: kubevirt.core, kubevirt_core: {append_base_domain: true, base_domain: example.com}', false, false],
  ['format: kubevirt.core, clusters: [b], kubevirt_core: {network_name: n, kube_secondary_dns: true}', false, true],
  ['format: virtbridge, kubevirt_core: {append_base_domain: true}', false, false],
])('a view with %s has the base domain read of a: %s, of b: %s', (said, a, b) => {
  const clusters = 'clusters: [{name: a, in_cluster: true}, {name: b, kubeconfig: k}]'
  const source = `${clusters}\nwatch: {services: true}\ninventory: {formats: [kubevirt.core], views: [{name: v, ${said}}]}`
  const config = parseConfig(source, '/x.yaml')
  expect(['a', 'b'].map(name => wantsBaseDomain(config, name))).toEqual([a, b])
})

test('every key of a view counts: with another value the view is another one', () => {
  const others = [
    'clusters: [a]',
    'cluster_sets: [s]',
    'namespaces: [n]',
    'selector: x',
    'os: [linux]',
    'profiles: [p]',
    'status: [Running]',
    'reachable: true',
    'profile: slim',
    'host_name: "{name}"',
    'exclude: x',
    'on_stale: fail',
    'max_shrink: 7',
    'groups: {builtin: false}',
    'groups: {labels: [x]}',
    'groups: {max_per_label: 7}',
    'groups: {expressions: [{name: x, expression: "true"}]}',
    'groups: {expressions: [{name: x, expression: "false"}]}',
    'groups: {parents: {a: [b]}}',
    'addresses: {prefer: [{family: ipv6}]}',
    'addresses: {otherwise: none}',
    'addresses: {pod_network: never}',
    ...[
      'via: service',
      'dns_name: "{name}.x"',
      'port: 7',
      'user: x',
      'service_ports: [7]',
      'node_domain: x',
      'virtctl: {context: x}',
    ].flatMap(one => [`connection: {linux: {${one}}}`, `connection: {windows: {${one}}}`]),
    'connection: {windows: {type: winrm}}',
    'connection: {windows: {transport: ntlm}}',
    'connection: {windows: {scheme: http, transport: ntlm}}',
    'connection: {windows: {certificate: ignore}}',
    'connection: {windows: {kerberos_name: "{name}"}}',
    'variables: [{label: x, variable: ansible_user}]',
    'format: kubevirt.core',
  ]
  const views = ['profile: standard', ...others].map((more, at) => `{name: v${at}, ${more}}`)
  const source = `clusters: [{name: a, in_cluster: true}]\nprofiles: [{name: p}]\nwatch: {services: true}\ninventory: {views: [${views.join()}]}`
  const made = inventoryParts(parseConfig(source, '/v'), () => undefined).views ?? []
  const [usual, ...all] = made.map(({ rendering, ...rest }) => JSON.stringify([{ ...rest, name: '' }, rendering.key]))
  expect(all.filter(one => one === usual)).toEqual([])
  expect(new Set(all).size).toBe(others.length)
})

test('how much shorter a view may get is what it says; else half and ten hosts, and anything where hosts come and go by themselves', () => {
  const views = [
    '{name: said, max_shrink: 7, status: [Running]}',
    '{name: silent, selector: app}',
    '{name: running, status: [Running]}',
    '{name: reachable, reachable: true}',
    '{name: not, reachable: false}',
  ]
  const source = `clusters: [{name: a, in_cluster: true}]\ninventory: {views: [${views.join()}]}`
  const made = inventoryParts(parseConfig(source, '/v'), () => undefined).views ?? []
  expect(made.map(({ shrink: { most, few } }) => [most, few])).toEqual([
    [7, 0],
    [50, 10],
    [100, 10],
    [100, 10],
    [100, 10],
  ])
})

test('how much shorter the whole may get is what it says, else half and ten hosts', () => {
  const shrinkOf = (inventory: string): unknown =>
    inventoryParts(
      parseConfig(`clusters: [{name: a, in_cluster: true}]\ninventory: ${inventory}`, '/v'),
      () => undefined,
    ).shrink
  expect([shrinkOf('{}'), shrinkOf('{max_shrink: 0}'), shrinkOf('{max_shrink: 100}')]).toEqual([
    { most: 50, few: 10 },
    { most: 0, few: 0 },
    { most: 100, few: 0 },
  ])
})

test('whatever is written as a format of host names, it is refused or made of what a host name may have', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.string({ unit: fc.constantFrom('{', '}', 'name', 'uid', '.', '-', ' ', 'a') }),
  )
  fc.assert(
    fc.property(text, format => {
      const parts = partsOf(format)
      const literals = parts.filter(part => typeof part === 'string').join('')
      expect(literals).toMatch(/^[A-Za-z0-9_.-]*$/)
    }),
  )
})

function partsOf(format: string): readonly unknown[] {
  try {
    return parseHostFormat(format)
  } catch {
    return []
  }
}
