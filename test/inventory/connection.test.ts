import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { approachOf, type Connection, hostVars, waysTo } from '../../src/inventory/index.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import type { GivenVariable } from '../../src/inventory/connection-variable.ts'
import { proxyArguments } from '../../src/inventory/proxy-command.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'

const STANDING = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const

interface Wish {
  readonly linux?: Partial<Connection['linux']>
  readonly windows?: Partial<Connection['windows']>
  readonly variables?: readonly GivenVariable[]
}

/** The `ansible_*` variables of a host. */
function connection(record: VmRecord, { linux = {}, windows = {}, variables = [] }: Wish = {}): object {
  const said = {
    linux: { ...USUAL_CONNECTION.linux, ...linux },
    windows: { ...USUAL_CONNECTION.windows, ...windows },
  }
  const vars = hostVars(record, STANDING, 'slim', approachOf({ connection: said, variables }))
  return Object.fromEntries(Object.entries(vars).filter(([name]) => name.startsWith('ansible_')))
}

const LINUX: GuestWish = {}
const WINDOWS: GuestWish = { family: 'windows' }
const HOST = { ansible_host: '10.1.0.7' }

test.each<[what: string, vm: GuestWish, wish: Wish, expected: object]>([
  ['Linux: ssh, as Ansible does it', LINUX, {}, HOST],
  [
    'Linux with a port and a user',
    LINUX,
    { linux: { port: 2222, user: 'automation' } },
    { ...HOST, ansible_port: 2222, ansible_user: 'automation' },
  ],
  [
    'Windows: PSRP over HTTPS, with a valid certificate',
    WINDOWS,
    {},
    { ...HOST, ansible_connection: 'psrp', ansible_port: 5986 },
  ],
  [
    'Windows by PSRP with Kerberos',
    WINDOWS,
    {
      windows: {
        transport: 'kerberos',
        kerberosName: [{ field: 'name' }, '.ad.example.com'],
        user: 'svc@AD.EXAMPLE.COM',
      },
    },
    {
      ...HOST,
      ansible_connection: 'psrp',
      ansible_port: 5986,
      ansible_psrp_auth: 'kerberos',
      ansible_psrp_negotiate_hostname_override: 'web-7.ad.example.com',
      ansible_user: 'svc@AD.EXAMPLE.COM',
    },
  ],
  [
    'Windows by WinRM over HTTP with NTLM, which encrypts',
    WINDOWS,
    { windows: { type: 'winrm', scheme: 'http', transport: 'ntlm' } },
    {
      ...HOST,
      ansible_connection: 'winrm',
      ansible_port: 5985,
      ansible_winrm_scheme: 'http',
      ansible_winrm_transport: 'ntlm',
    },
  ],
  [
    'Windows by WinRM, whatever its certificate says',
    WINDOWS,
    { windows: { type: 'winrm', certificate: 'ignore', kerberosName: [{ field: 'name' }] } },
    {
      ...HOST,
      ansible_connection: 'winrm',
      ansible_port: 5986,
      ansible_winrm_server_cert_validation: 'ignore',
      ansible_winrm_kerberos_hostname_override: 'web-7',
    },
  ],
  [
    'Windows by ssh',
    WINDOWS,
    { windows: { type: 'ssh', port: 22 } },
    { ...HOST, ansible_connection: 'ssh', ansible_shell_type: 'powershell', ansible_port: 22 },
  ],
  [
    'a guest that says nothing of its system',
    { seen: { os: { family: '', id: '', name: '', version: '' } } },
    { linux: { user: 'core' } },
    { ...HOST, ansible_user: 'core' },
  ],
  ['one that does not run is nowhere', { seen: { phase: '' } }, { linux: { via: 'port_forward' } }, {}],
])('%s', (_what, vm, wish, expected) => {
  expect(connection(guest('web-7', vm), wish)).toEqual(expected)
})

describe('by its name in DNS', () => {
  const dnsName = [{ field: 'name' as const }, '.', { field: 'namespace' as const }, '.vm.example.com']

  test.each<[what: string, vm: GuestWish, wish: Wish, expected: object]>([
    ['ssh', LINUX, { linux: { dnsName } }, { ansible_host: 'web-7.shop.vm.example.com' }],
    [
      'winrm, whose certificate is checked by it',
      WINDOWS,
      { windows: { type: 'winrm', dnsName } },
      { ansible_host: 'web-7.shop.vm.example.com', ansible_connection: 'winrm', ansible_port: 5986 },
    ],
    ['a guest without an address is nowhere', { address: '', told: { address: '' } }, { linux: { dnsName } }, {}],
    ['one that does not run is nowhere', { seen: { phase: '' } }, { linux: { dnsName } }, {}],
    ['a name that is none leaves its address', LINUX, { linux: { dnsName: ['-', { field: 'name' }] } }, HOST],
  ])('%s', (_what, vm, wish, expected) => {
    expect(connection(guest('web-7', vm), wish)).toEqual(expected)
  })

  test('its address is told all the same, and the name is what leads to it', () => {
    const approach = approachOf({ connection: { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, dnsName } } })
    expect(hostVars(guest('web-7'), STANDING, 'full', approach)).toMatchObject({
      ansible_host: 'web-7.shop.vm.example.com',
      kubevirt_address: '10.1.0.7',
      kubevirt_via: 'address',
      kubevirt_enabled: true,
    })
    expect(waysTo(guest('web-7'), [approach])).toEqual([{ ansible_host: 'web-7.shop.vm.example.com' }])
  })
})

describe('a Service that leads to the guest', () => {
  type Service = NonNullable<VmRecord['services']>[number]
  type Port = Service['ports'][number]
  const port = (wish: Partial<Port> = {}): Port => ({
    name: '',
    protocol: 'TCP',
    port: 22,
    target: 22,
    node: 30022,
    ...wish,
  })
  const service = (name: string, ports: readonly Port[], ingress?: readonly string[]): Service => ({
    name,
    type: ingress === undefined ? 'NodePort' : 'LoadBalancer',
    by: 'vm.kubevirt.io/name',
    ports,
    ingress: ingress ?? [],
  })
  const reached = (services: readonly Service[], wish: Wish['linux'] = {}, vm: GuestWish = {}): object => {
    const record = { ...guest('web-7', vm), services }
    const via = { via: 'service' as const, ...wish }
    return connection(record, { linux: via, windows: via })
  }

  test.each<[what: string, services: readonly Service[], wish: Wish['linux'], expected: object]>([
    ['a node port', [service('ssh', [port()])], {}, { ansible_host: 'n1', ansible_port: 30022 }],
    [
      'a node port, and the names of nodes need a domain',
      [service('ssh', [port()])],
      { nodeDomain: 'nodes.example.com' },
      { ansible_host: 'n1.nodes.example.com', ansible_port: 30022 },
    ],
    [
      'a load balancer',
      [service('lb', [port({ port: 2022 })], ['lb.example.com'])],
      {},
      { ansible_host: 'lb.example.com', ansible_port: 2022 },
    ],
    [
      'a load balancer before a node port',
      [service('a', [port()]), service('b', [port()], ['192.0.2.1'])],
      {},
      { ansible_host: '192.0.2.1', ansible_port: 22 },
    ],
    [
      'a load balancer that has no address yet, at its node port',
      [service('b', [port()], [])],
      {},
      { ansible_host: 'n1', ansible_port: 30022 },
    ],
    [
      'one of several ports, by the port of the guest',
      [service('s', [port({ name: 'http', port: 22, target: 80, node: 30080 }), port({ name: 'x', port: 9022 })])],
      {},
      { ansible_host: 'n1', ansible_port: 30022 },
    ],
    [
      'one of several ports, by its name',
      [service('s', [port({ name: 'http', target: 80 }), port({ name: 'ssh', target: 2222, node: 30023 })])],
      {},
      { ansible_host: 'n1', ansible_port: 30023 },
    ],
    [
      'by the name of the guest’s port',
      [service('s', [port({ target: 'ssh' })])],
      {},
      { ansible_host: 'n1', ansible_port: 30022 },
    ],
    ['the port that was said, and no other', [service('s', [port()])], { servicePorts: [2222, 'admin'] }, {}],
    ['not by UDP', [service('s', [port({ protocol: 'UDP' })])], {}, {}],
    ['not by a node port that there is not', [service('s', [port({ node: 0 })])], {}, {}],
    [
      'a load balancer with a name that is none',
      [service('s', [port({ node: 0 })], ['-oProxyCommand=id', 'a b'])],
      {},
      {},
    ],
    ['none', [], {}, {}],
  ])('%s', (_what, services, wish, expected) => {
    expect(reached(services, wish)).toEqual(expected)
  })

  test('a node with a name that is none leads nowhere', () => {
    expect(reached([service('s', [port()])], {}, { seen: { node: '-oProxyCommand=id' } })).toEqual({})
  })

  test('Windows is looked for at its own ports, and kubevirt_via says which Service it is', () => {
    const record = {
      ...guest('win-7', WINDOWS),
      services: [service('ps', [port(), port({ name: 'winrms', target: 'winrms', node: 30986 })])],
    }
    const via = { ...USUAL_CONNECTION.windows, via: 'service' as const }
    const approach = approachOf({ connection: { ...USUAL_CONNECTION, windows: via } })
    const vars = hostVars(record, STANDING, 'full', approach)
    expect(vars).toMatchObject({
      ansible_host: 'n1',
      ansible_port: 30986,
      kubevirt_via: 'service ps',
      kubevirt_address: '10.1.0.7',
    })
  })
})

describe('by virtctl port-forward', () => {
  const via = { via: 'port_forward' as const }

  test('ssh goes through the API server of the cluster', () => {
    const virtctl = { kubeconfig: '/runner/kube/config', context: '{cluster}-admin' }
    expect(connection(guest('web-7'), { linux: { ...via, port: 2222, virtctl } })).toEqual({
      ansible_host: 'web-7.shop.prod-1',
      ansible_port: 2222,
      ansible_ssh_common_args:
        '-o ProxyCommand="virtctl port-forward --stdio=true --kubeconfig=/runner/kube/config --context=prod-1-admin vm/web-7/shop 2222"',
    })
    expect(connection(guest('web-7'), { linux: via })).toMatchObject({
      ansible_ssh_common_args: '-o ProxyCommand="virtctl port-forward --stdio=true vm/web-7/shop 22"',
    })
  })

  const HOSTILE = [
    'a;id',
    'a b',
    '$(id)',
    '`id`',
    'a"b',
    "a'b",
    'a\nb',
    '-oProxyCommand=id',
    '%h',
    'a|b',
    'a&b',
    '../x',
    'A',
    'a{{x}}',
    '',
    '{cluster}',
    'a\\b',
    'a>b',
  ]

  test.each(HOSTILE)('a VM, a namespace or a cluster called %j is not reached at all', name => {
    const virtctl = { kubeconfig: '', context: '{cluster}' }
    for (const odd of [{ name }, { namespace: name }, { cluster: name }]) {
      // What a context may be is wider than what Kubernetes calls a VM.
      if ('cluster' in odd && ['A', '-oProxyCommand=id', '{cluster}', ''].includes(name)) continue
      const vars = connection({ ...guest('web-7'), ...odd }, { linux: { ...via, virtctl } })
      expect(vars).toEqual({})
    }
  })

  test('whatever names there are, a shell that runs the command runs virtctl alone, with four or five arguments', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(...HOSTILE, 'web-7', 'shop', 'a.b'),
    )
    fc.assert(
      fc.property(odd, odd, odd, (name, namespace, cluster) => {
        const virtctl = { kubeconfig: '', context: '{cluster}' }
        const args = proxyArguments({ ...guest('x'), name, namespace, cluster }, 22, virtctl)
        expect(args ?? '-o ProxyCommand="virtctl port-forward --stdio=true vm/a/b 22"').toMatch(
          /^-o ProxyCommand="virtctl port-forward --stdio=true( --context=[A-Za-z0-9_.@:-]+)? vm\/[a-z0-9.-]+\/[a-z0-9-]+ 22"$/,
        )
      }),
      { numRuns: 500 },
    )
  })

  test('as a shell reads it', () => {
    const args = proxyArguments(guest('web-7'), 22, { kubeconfig: '/a/b', context: 'prod@x:1' }) ?? ''
    const [, command = ''] = /^-o ProxyCommand="(.*)"$/.exec(args) ?? []
    const run = spawnSync('/bin/sh', ['-c', `virtctl() { printf '%s\\n' "$@"; }; ${command}`], { encoding: 'utf8' })
    expect(run.stdout.trim().split('\n')).toEqual([
      'port-forward',
      '--stdio=true',
      '--kubeconfig=/a/b',
      '--context=prod@x:1',
      'vm/web-7/shop',
      '22',
    ])
  })
})

test('a VM with a name of 253 characters is not reached through its API server, as ansible_host may not be longer, and says so', () => {
  const linux = { ...USUAL_CONNECTION.linux, via: 'port_forward' as const }
  const long = { ...guest('x'), name: 'n'.repeat(253) }
  const vars = hostVars(long, STANDING, 'slim', approachOf({ connection: { ...USUAL_CONNECTION, linux } }))
  expect(vars['ansible_host']).toBeUndefined()
  expect(vars).toMatchObject({ kubevirt_enabled: false, kubevirt_reachable_reason: 'no address' })
})

test('a name for Kerberos that is none is left out', () => {
  const kerberosName = [{ field: 'uid' as const }]
  const record = { ...guest('win-7', WINDOWS), uid: '{{ 6*7 }}' }
  expect(connection(record, { windows: { kerberosName } })).toEqual({
    ...HOST,
    ansible_connection: 'psrp',
    ansible_port: 5986,
  })
})

describe('variables of the connection from labels and annotations', () => {
  const labels = {
    'example.com/login': 'core',
    'example.com/port': '2222',
    'example.com/bad-port': '99999',
    'example.com/bad-login': '-oProxyCommand',
    'example.com/connection': 'local',
    ansible_user: 'root',
    ansible_ssh_common_args: '-oProxyCommand=id',
  }
  const record = guest('web-7', { seen: { labels } })

  test('only those that an administrator listed, and only with a value that fits', () => {
    expect(connection(record)).toEqual(HOST)
    const listed = (label: string, variable: string): GivenVariable => ({ label, variable })
    const variables = [listed('example.com/login', 'ansible_user'), listed('example.com/port', 'ansible_port')]
    expect(connection(record, { variables, linux: { user: 'automation' } })).toEqual({
      ...HOST,
      ansible_user: 'core',
      ansible_port: 2222,
    })
    const odd = [
      listed('example.com/bad-port', 'ansible_port'),
      listed('example.com/bad-login', 'ansible_user'),
      listed('example.com/connection', 'ansible_connection'),
      listed('ansible_ssh_common_args', 'ansible_ssh_common_args'),
      listed('none', 'ansible_user'),
      listed('toString', 'ansible_user'),
    ]
    expect(connection(record, { variables: odd })).toEqual(HOST)
  })

  test('of an annotation as of a label: no other gives any, and none that says what it may not', () => {
    const annotations = {
      login: 'core',
      ansible_port: '22',
      bad: '-oProxyCommand=id',
      args: '-oProxyCommand=id',
      gone: '',
    }
    const noted = guest('web-7', { seen: { annotations } })
    const listed = (annotation: string, variable: string): GivenVariable => ({ annotation, variable })
    expect(connection(noted)).toEqual(HOST)
    expect(connection(noted, { variables: [listed('login', 'ansible_user')] })).toEqual({
      ...HOST,
      ansible_user: 'core',
    })
    const odd = [
      listed('bad', 'ansible_user'),
      listed('args', 'ansible_ssh_common_args'),
      listed('gone', 'ansible_user'),
      listed('none', 'ansible_user'),
      listed('toString', 'ansible_user'),
    ]
    expect(connection(noted, { variables: odd })).toEqual(HOST)
  })
})
