import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHostFormat, parseSelector } from '../../src/config/index.ts'
import type { Enabled } from '../../src/inventory/approach.ts'
import type { Standing } from '../../src/inventory/host.ts'
import { KUBEVIRT_CORE_DEFAULTS, kubevirtCoreRendering, type KubevirtCoreOptions } from '../../src/inventory/index.ts'
import { portray, type VmRecord, type VmService } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'

const STANDING = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const
const NIC = { name: 'default', interfaceName: 'eth0', ipAddress: '10.9.0.1', ipAddresses: ['10.9.0.1'] }
const WINDOWS = { guestOSInfo: { id: 'mswindows' } }

interface Objects {
  readonly vm?: object
  readonly vmi?: object | null
  readonly volatile?: boolean
  readonly services?: readonly VmService[]
}

/** The VM shop/web-1 of prod-1 with portraits of these objects. */
function shown({ vm = {}, vmi = running(), volatile = false, services = [] }: Objects = {}): VmRecord {
  const record = guest('web-1')
  const base = { metadata: { labels: { app: 'web' }, resourceVersion: '7' }, status: { printableStatus: 'Running' } }
  const portraits = {
    vm: portray('vm', { ...base, ...vm }, volatile),
    vmi: vmi === null ? '' : portray('vmi', vmi, volatile),
  }
  return { ...record, services, seen: { ...record.seen, boot: vmi === null ? '' : 'boot-1', portraits } }
}

function running(status: object = {}, metadata: object = {}): object {
  return { metadata, status: { phase: 'Running', nodeName: 'node-1', interfaces: [NIC], ...status } }
}

function service(type: VmService['type'], target: number | string, more: Partial<VmService> = {}): VmService {
  const ports = [{ name: '', protocol: 'TCP', port: 2222, target, node: 30_022 }]
  return { name: `to-${target}`, type, by: 'kubevirt.io/domain', ports, ingress: [], ...more }
}

const way = (options: Partial<KubevirtCoreOptions> = {}) =>
  kubevirtCoreRendering({ ...KUBEVIRT_CORE_DEFAULTS, ...options })
const varsOf = (record: VmRecord, options: Partial<KubevirtCoreOptions> = {}) => way(options).varsOf(record, STANDING)

describe('the base domain', () => {
  const by = { network_name: 'default', kube_secondary_dns: true }
  const nodePort = { services: [service('NodePort', 22)] }
  test.each<[string, Objects, Partial<KubevirtCoreOptions>, string | undefined, string]>([
    ['of the cluster', {}, by, 'c.example.com', 'default.web-1.shop.vm.c.example.com'],
    [
      'that is written down',
      {},
      { ...by, base_domain: 'w.example.com' },
      'c.example.com',
      'default.web-1.shop.vm.w.example.com',
    ],
    ['of a cluster that has none', {}, by, '', 'default.web-1.shop.vm'],
    ['that is not known', {}, by, undefined, 'default.web-1.shop.vm'],
    ['behind a node', nodePort, { append_base_domain: true }, 'c.example.com', 'node-1.c.example.com'],
    ['behind no node', nodePort, {}, 'c.example.com', 'node-1'],
    ['with which the name is too long', {}, by, `${'a'.repeat(60)}.`.repeat(4), ''],
  ])('%s', (_, objects, options, baseDomain, host) => {
    const standing = { ...STANDING, ...(baseDomain === undefined ? {} : { baseDomain }) }
    const { ansible_host = '' } = way(options).varsOf(shown(objects), standing) ?? {}
    expect(host === '' ? ansible_host === '10.9.0.1' : ansible_host === host, String(ansible_host)).toBe(true)
  })

  test.each<[Partial<KubevirtCoreOptions>, boolean]>([
    [{}, false],
    [{ append_base_domain: true }, true],
    [{ append_base_domain: true, use_service: false }, false],
    [{ append_base_domain: true, network_name: 'n' }, false],
    [{ append_base_domain: true, base_domain: 'example.com' }, false],
    [{ kube_secondary_dns: true }, false],
    [{ kube_secondary_dns: true, network_name: 'n' }, true],
    [{ kube_secondary_dns: true, network_name: 'n', base_domain: 'example.com' }, false],
  ])('with %j is read of the cluster: %s', (options, read) => {
    expect(way(options).readsBaseDomain).toBe(read)
  })
})

describe('ansible_host, port and connection', () => {
  const node = { host: 'node-1', port: 30_022 }
  const balanced = { ingress: ['lb.example.com'] }
  test.each<[string, Objects, Partial<KubevirtCoreOptions>, { host?: string; port?: number | null; how?: string }]>([
    ['the first interface', {}, {}, { host: '10.9.0.1', port: null }],
    ['the port is left alone', {}, { unset_ansible_port: false }, { host: '10.9.0.1' }],
    ['no interface', { vmi: running({ interfaces: [] }) }, {}, {}],
    ['the first has no address', { vmi: running({ interfaces: [{ name: 'a' }, NIC] }) }, {}, {}],
    [
      'a network by name',
      { vmi: running({ interfaces: [{ name: 'a', ipAddress: '10.1.0.1' }, NIC] }) },
      { network_name: 'default' },
      { host: '10.9.0.1', port: null },
    ],
    ['a network that is not there', {}, { network_name: 'other' }, {}],
    [
      'secondary DNS',
      {},
      { network_name: 'default', kube_secondary_dns: true, base_domain: 'example.com' },
      { host: 'default.web-1.shop.vm.example.com', port: null },
    ],
    ['a NodePort', { services: [service('NodePort', 22)] }, {}, node],
    [
      'a NodePort with a domain',
      { services: [service('NodePort', 22)] },
      { append_base_domain: true, base_domain: 'example.com' },
      { ...node, host: 'node-1.example.com' },
    ],
    [
      'a load balancer',
      { services: [service('LoadBalancer', 22, balanced)] },
      {},
      { host: 'lb.example.com', port: 2222 },
    ],
    [
      'a load balancer that has no address yet',
      { services: [service('LoadBalancer', 22)] },
      {},
      { host: '10.9.0.1', port: null },
    ],
    [
      'no Service is wanted',
      { services: [service('NodePort', 22)] },
      { use_service: false },
      { host: '10.9.0.1', port: null },
    ],
    [
      'a network is named',
      { services: [service('NodePort', 22)] },
      { network_name: 'default' },
      { host: '10.9.0.1', port: null },
    ],
    [
      'a Service by another label',
      { services: [service('NodePort', 22, { by: 'kubevirt.io/vm' })] },
      {},
      { host: '10.9.0.1', port: null },
    ],
    ['a named port', { services: [service('NodePort', 'ssh')] }, {}, { host: '10.9.0.1', port: null }],
    ['Windows', { vmi: running(WINDOWS) }, {}, { host: '10.9.0.1', port: null, how: 'winrm' }],
    [
      'Windows, by another way',
      { vmi: running(WINDOWS) },
      { default_win_ansible_connection: 'psrp' },
      { host: '10.9.0.1', port: null, how: 'psrp' },
    ],
    [
      'Windows, HTTPS before HTTP',
      {
        vmi: running(WINDOWS),
        services: [
          service('LoadBalancer', 5985, { ingress: ['192.0.2.1'] }),
          service('LoadBalancer', 5986, { ingress: ['192.0.2.2'] }),
        ],
      },
      {},
      { host: '192.0.2.2', port: 2222, how: 'winrm' },
    ],
    [
      'Windows by its preference',
      { vmi: running({}, { annotations: { 'kubevirt.io/preference-name': 'windows.11' } }) },
      {},
      { host: '10.9.0.1', port: null, how: 'winrm' },
    ],
    [
      'Linux says the guest, whatever its preference',
      {
        vmi: running({ guestOSInfo: { id: 'rhel' } }, { annotations: { 'kubevirt.io/preference-name': 'windows.11' } }),
      },
      {},
      { host: '10.9.0.1', port: null },
    ],
    ['an address that is none', { vmi: running({ interfaces: [{ ...NIC, ipAddress: '-oProxyCommand=id' }] }) }, {}, {}],
    [
      'the address of this machine',
      { vmi: running({ interfaces: [{ ...NIC, ipAddress: '::ffff:127.0.0.1' }] }) },
      {},
      {},
    ],
    ['an address with a zone', { vmi: running({ interfaces: [{ ...NIC, ipAddress: 'fd00::5%1' }] }) }, {}, {}],
    ['the address of the cloud', { vmi: running({ interfaces: [{ ...NIC, ipAddress: '169.254.169.254' }] }) }, {}, {}],
    [
      'a load balancer that is no name',
      { services: [service('LoadBalancer', 22, { ingress: ['-oProxyCommand=id'] })] },
      {},
      { host: '10.9.0.1', port: null },
    ],
    [
      'a node that is no name',
      { vmi: running({ nodeName: '$(id)' }), services: [service('NodePort', 22)] },
      {},
      { host: '10.9.0.1', port: null },
    ],
  ])('%s', (_what, objects, options, expected) => {
    const vars = varsOf(shown(objects), options) ?? {}
    const found = [vars['ansible_host'], vars['ansible_port'], vars['ansible_connection']]
    expect(found).toEqual([expected.host, expected.port, expected.how])
    expect('ansible_port' in vars).toBe('port' in expected)
  })

  test("an address that is another VM's by better right is not told, a Service is", () => {
    const conflict = { ...STANDING, lost: ['10.9.0.1'] }
    expect(way().varsOf(shown(), conflict)).not.toHaveProperty('ansible_host')
    const served = shown({ services: [service('NodePort', 22)] })
    expect(way().varsOf(served, conflict)).toMatchObject({ ansible_host: 'node-1' })
  })
})

describe('variables', () => {
  test('have the names of the plugin, and nothing that changes without news', () => {
    const vm = { metadata: { annotations: { note: 'x' } }, status: { printableStatus: 'Running', ready: true } }
    const status = {
      guestOSInfo: { prettyName: '{{ 6*7 }}' },
      VSOCKCID: 3,
      phaseTransitionTimestamps: [{ phase: 'Running' }],
    }
    expect(varsOf(shown({ vm, vmi: running(status, { labels: { 'kubevirt.io/domain': 'web-1' } }) }))).toEqual({
      ansible_host: '10.9.0.1',
      ansible_port: null,
      vm_annotations: { note: 'x' },
      vm_uid: guest('web-1').uid,
      vm_printable_status: 'Running',
      vm_ready: true,
      vmi_labels: { 'kubevirt.io/domain': 'web-1' },
      vmi_uid: 'boot-1',
      vmi_vsockcid: 3,
      vmi_guest_os_info: { prettyName: { __ansible_unsafe: '{{ 6*7 }}' } },
      vmi_interfaces: [NIC],
      vmi_node_name: 'node-1',
      vmi_phase: 'Running',
    })
  })

  test('tell instants and resourceVersions to who asks, and to nobody else', () => {
    const status = {
      phaseTransitionTimestamps: [{ phase: 'Running', phaseTransitionTimestamp: '2026-01-01T00:00:00Z' }],
    }
    const record = shown({ vmi: running(status), volatile: true })
    expect(varsOf(record, { timestamps: true })).toMatchObject({
      vm_resource_version: '7',
      vmi_phase_transition_timestamps: status.phaseTransitionTimestamps,
    })
    expect(varsOf(record)).toEqual(varsOf(shown()))
  })

  test('of a VM that is down are those of the VM', () => {
    expect(Object.keys(varsOf(shown({ vmi: null })) ?? {})).toEqual(['vm_labels', 'vm_uid', 'vm_printable_status'])
  })

  test('of keys that no KubeVirt of today has are there too, and the document stays as it is while they beat', () => {
    const at = (lastHeartbeat: string) =>
      varsOf(
        shown({ vmi: null, vm: { metadata: {}, status: { heardOfTomorrow: { name: '{{ 6*7 }}', lastHeartbeat } } } }),
      )
    const vars = at('2026-01-01T00:00:00Z')
    expect(vars).toMatchObject({ vm_heard_of_tomorrow: { name: { __ansible_unsafe: '{{ 6*7 }}' } } })
    expect(at('2026-01-01T00:00:10Z')).toEqual(vars)
  })

  test('say what was left out', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' }
    expect(varsOf(shown({ vm: { metadata: { annotations }, status: {} } }))).toMatchObject({
      kubevirt_left_out: ['vm_annotations.kubectl.kubernetes.io/last-applied-configuration'],
    })
  })

  test('are of the objects whose own labels a selector takes', () => {
    const labels = (selector: string) => ({ labels: parseSelector(selector) })
    const record = shown({ vmi: running({}, { labels: { tier: 'front' } }) })
    const many = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`example.com/l-${at}`, 'x'.repeat(63)]))
    // Its labels are more than are kept: it is listed, as nothing that is not known makes the list shorter.
    const crowded = shown({ vm: { metadata: { labels: many } } })
    expect(varsOf(crowded, labels('app=web'))).toMatchObject({
      vm_printable_status: 'Running',
      kubevirt_left_out: ['vm_labels'],
    })
    expect(Object.keys(varsOf(record, labels('app=web')) ?? {})).not.toContain('vmi_uid')
    expect(Object.keys(varsOf(record, labels('tier=front')) ?? {})).not.toContain('vm_uid')
    expect(varsOf(record, labels('tier=front'))).toMatchObject({ ansible_host: '10.9.0.1' })
    expect(varsOf(record, labels('app=other'))).toBeNull()
  })
})

describe('names and groups', () => {
  test.each([
    ['{namespace}-{name}', 'shop-web-1'],
    ['{name}.{cluster}', 'web-1.prod-1'],
    ['vm-{uid}', `vm-${guest('web-1').uid}`],
  ])('a host by %s is %s', (host_format, expected) => {
    expect(way({ host_format: parseHostFormat(host_format) }).hostOf(guest('web-1'))).toBe(expected)
  })

  test('are the cluster over the namespace, and labels where they are wanted', () => {
    const record = shown({ vmi: running({}, { labels: { app: 'web', 'example.com/a.b': '1-x' } }) })
    const groups = (options: Partial<KubevirtCoreOptions>) =>
      way(options)
        .groupsOf(record, STANDING)
        .map(({ group, parent = '' }) => [group, parent])
    const below = (more: Partial<KubevirtCoreOptions>) => groups({ one_cluster: true, ...more })
    expect(below({})).toEqual([['namespace_shop', 'prod_1']])
    expect(below({ cluster_group: '10-0-0-1_6443' })).toEqual([['namespace_shop', '_0_0_0_1_6443']])
    expect(below({ cluster_group: 'all' })).toEqual([['namespace_shop', 'cluster_all']])
    expect(groups({ create_groups: true })).toEqual([
      ['prod_1', ''],
      ['namespace_shop', ''],
      ['label_app_web', ''],
      ['label_example_com_a_b_1_x', ''],
    ])
  })
})

test('whatever the objects hold, the variables are JSON in which every template is marked, and the names are plain', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('{{ 6*7 }}', '{% x %}', '{#', '__proto__', '127.1', '\ud800'),
  )
  const words = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)), { maxKeys: 3 })
  const nic = fc.record({ name: text, ipAddress: text, ipAddresses: fc.array(text, { maxLength: 2 }) })
  const status = fc.record(
    {
      guestOSInfo: words,
      interfaces: fc.array(fc.oneof(nic, words), { maxLength: 2 }),
      nodeName: text,
      conditions: fc.array(words, { maxLength: 2 }),
      tomorrow: fc.oneof(words, fc.array(words, { maxLength: 2 })),
    },
    { requiredKeys: [] },
  )
  const object = fc.record({
    metadata: fc.record({ labels: words, annotations: words }),
    status: fc.tuple(words, status).map(([unknown, known]) => ({ ...unknown, ...known })),
  })
  fc.assert(
    fc.property(object, object, fc.boolean(), (vm, vmi, create_groups) => {
      const record = shown({ vm, vmi })
      const vars = varsOf(record, { create_groups })
      const unmarked = JSON.stringify(vars).replaceAll(/\{"__ansible_unsafe":"(\\.|[^"\\])*"\}/g, '')
      expect(unmarked).not.toMatch(/\{\{|\{%|\{#/)
      for (const { group } of way({ create_groups }).groupsOf(record, STANDING)) expect(group).toMatch(/^[A-Za-z_]\w*$/)
    }),
    { verbose: true, numRuns: 40 },
  )
})

describe('with the state of a host beside it', () => {
  const state = (excluded = '', enabled: Enabled = 'reachable'): KubevirtCoreOptions['state'] => ({
    excluded: parseSelector(excluded),
    enabled,
  })
  const NAMES = ['kubevirt_enabled', 'kubevirt_stale', 'kubevirt_stale_since', 'kubevirt_reachable_reason']
  const stateOf = (
    record: VmRecord,
    standing: Partial<Standing> = {},
    wish: KubevirtCoreOptions['state'] = state(),
  ): readonly unknown[] => {
    const vars = way({ state: wish }).varsOf(record, { ...STANDING, ...standing }) ?? {}
    return NAMES.map(name => vars[name])
  }

  test('all else is as without, and without there is none of it', () => {
    const { kubevirt_enabled: _, kubevirt_stale: _2, ...rest } = varsOf(shown(), { state: state() }) ?? {}
    const { kubevirt_stale_since: _3, kubevirt_reachable_reason: _4, ...vars } = rest
    expect(vars).toEqual(varsOf(shown()))
    expect(Object.keys(varsOf(shown()) ?? {}).filter(name => name.startsWith('kubevirt_'))).toEqual([])
  })

  test('a host of a cluster that is not seen is marked with its age, and later disabled', () => {
    const since = Date.UTC(2026, 10, 21)
    const age = new Date(since).toISOString()
    expect(stateOf(shown())).toEqual([true, false, '', ''])
    expect(stateOf(shown(), { staleness: 'stale', staleSince: since })).toEqual([true, true, age, ''])
    const disabled = { staleness: 'disabled', staleSince: since } as const
    expect(stateOf(shown(), disabled)).toEqual([false, true, age, 'cluster unreachable'])
    expect(stateOf(shown(), disabled, state('', 'known'))).toEqual([false, true, age, 'cluster unreachable'])
  })

  test('who can not be reached is disabled for that reason, or enabled where the view says known; who is excluded never', () => {
    const stopped = shown({ vmi: null })
    expect(stateOf(stopped)).toEqual([false, false, '', 'stopped'])
    expect(stateOf(stopped, {}, state('', 'known'))).toEqual([true, false, '', 'stopped'])
    expect(stateOf(shown(), { lost: ['10.9.0.1'] })).toEqual([false, false, '', 'conflicting address'])
    const excluded = { ...shown(), seen: { ...shown().seen, labels: { automation: 'off' } } }
    for (const enabled of ['reachable', 'known'] as const)
      expect(stateOf(excluded, {}, state('automation=off', enabled))).toEqual([false, false, '', 'excluded by label'])
  })
})
