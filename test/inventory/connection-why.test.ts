import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  approachOf,
  type Connection,
  hostVars,
  KUBEVIRT_CORE_DEFAULTS,
  kubevirtCoreRendering,
} from '../../src/inventory/index.ts'
import { type AddressChoice, ANY_ADDRESS } from '../../src/inventory/address.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import { connectionWhy, type ConnectionWhy } from '../../src/inventory/connection-why.ts'
import type { GivenVariable } from '../../src/inventory/connection-variable.ts'
import { portray, type VmRecord, type VmService } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'

const STANDING = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const
const LOGIN = { label: 'login', variable: 'ansible_user' }
const NOTED = { annotation: 'example.com/port', variable: 'ansible_port' }
const HOST = 'the address 10.1.0.7 of the network default, from the platform'
const SSH: VmService = {
  name: 'to-ssh',
  type: 'LoadBalancer',
  by: 'vm.kubevirt.io/name',
  ports: [{ name: '', protocol: 'TCP', port: 2222, target: 22, node: 30_022 }],
  ingress: ['lb.example.com'],
}

interface Wish {
  readonly linux?: Partial<Connection['linux']>
  readonly windows?: Partial<Connection['windows']>
  readonly variables?: readonly GivenVariable[]
  readonly addresses?: AddressChoice
}

function approach({ linux, windows, variables = [], addresses = ANY_ADDRESS }: Wish) {
  const connection = {
    linux: { ...USUAL_CONNECTION.linux, ...linux },
    windows: { ...USUAL_CONNECTION.windows, ...windows },
  }
  return approachOf({ connection, variables, addresses })
}

function explained(record: VmRecord, wish: Wish = {}): ConnectionWhy {
  return connectionWhy(record, STANDING, approach(wish))
}

const becauseOf = ({ connection }: ConnectionWhy): object =>
  Object.fromEntries(connection.map(({ name, because }) => [name, because]))

test.each<[what: string, vm: GuestWish & { services?: readonly VmService[] }, wish: Wish, expected: object]>([
  ['the address, and who gave it', {}, {}, { ansible_host: HOST }],
  [
    'the entry that chose the address',
    {},
    { addresses: { prefer: [{ family: 'ipv6' }, { network: 'default' }], otherwise: 'none', podNetwork: 'last' } },
    { ansible_host: `${HOST}, by addresses.prefer.1` },
  ],
  [
    'that no entry fitted',
    {},
    { addresses: { prefer: [{ family: 'ipv6' }], otherwise: 'any', podNetwork: 'last' } },
    { ansible_host: `${HOST}, by addresses.otherwise` },
  ],
  [
    'an address that is told of no more',
    { seen: { addresses: [] } },
    {},
    { ansible_host: 'the address 10.1.0.7 that was told of it last, from its guest agent' },
  ],
  [
    'the name in DNS',
    {},
    { linux: { dnsName: [{ field: 'name' }, '.example.com'] } },
    { ansible_host: `connection.linux.dns_name, as it has ${HOST}` },
  ],
  [
    'the user and the port that the view says',
    {},
    { linux: { user: 'automation', port: 2222 } },
    {
      ansible_host: HOST,
      ansible_port: 'connection.linux.port is 2222',
      ansible_user: 'connection.linux.user is automation',
    },
  ],
  [
    'what Windows has by default, and what the view says of it',
    { family: 'windows' },
    { windows: { transport: 'kerberos', kerberosName: [{ field: 'name' }] } },
    {
      ansible_host: HOST,
      ansible_connection: 'connection.windows.type is psrp, its default',
      ansible_port: 'connection.windows.scheme is https, its default',
      ansible_psrp_auth: 'connection.windows.transport is kerberos',
      ansible_psrp_negotiate_hostname_override: 'connection.windows.kerberos_name',
    },
  ],
  [
    'the load balancer of a Service',
    { services: [SSH] },
    { linux: { via: 'service' } },
    {
      ansible_host: 'connection.linux.via is service: to-ssh, by its load balancer',
      ansible_port: 'connection.linux.via is service: to-ssh, by its load balancer',
    },
  ],
  [
    'the node port of a Service',
    { services: [{ ...SSH, ingress: [] }] },
    { linux: { via: 'service' } },
    {
      ansible_host: 'connection.linux.via is service: to-ssh, by a port of the node of the guest',
      ansible_port: 'connection.linux.via is service: to-ssh, by a port of the node of the guest',
    },
  ],
  [
    'the way through the API server',
    {},
    { linux: { via: 'port_forward' } },
    {
      ansible_host: 'connection.linux.via is port_forward: through the API server of its cluster',
      ansible_ssh_common_args: 'connection.linux.via is port_forward: through the API server of its cluster',
    },
  ],
  [
    'the label and the annotation',
    { seen: { labels: { login: 'core' }, annotations: { 'example.com/port': '2022' } } },
    { variables: [LOGIN, NOTED] },
    {
      ansible_host: HOST,
      ansible_user: 'its label login, by variables.0',
      ansible_port: 'its annotation example.com/port, by variables.1',
    },
  ],
  ['nothing of a VM that does not run', { seen: { phase: '' } }, {}, {}],
])('told is %s', (_what, { services = [], ...vm }, wish, expected) => {
  const why = explained({ ...guest('web-7', vm), services }, wish)
  expect(becauseOf(why)).toEqual(expected)
})

test('of several that give a variable the one that counts is told first, and over which', () => {
  const record = guest('web-7', { seen: { labels: { login: 'core', owner: 'ann' } } })
  const variables = [LOGIN, { label: 'owner', variable: 'ansible_user' }]
  expect(explained(record, { linux: { user: 'automation' }, variables }).connection.at(-1)).toEqual({
    name: 'ansible_user',
    value: 'ann',
    because: 'its label owner, by variables.1',
    over: ['its label login, by variables.0', 'connection.linux.user is automation'],
  })
})

test('what is listed and gives nothing is told with the reason', () => {
  const record = guest('web-7', { seen: { labels: { login: 'a b' }, annotations: { none: '' } } })
  const variables = [
    LOGIN,
    { label: 'owner', variable: 'ansible_user' },
    { annotation: 'none', variable: 'ansible_user' },
    NOTED,
  ]
  expect(explained(record, { variables }).not_given).toEqual([
    { variable: 'ansible_user', because: 'its label login is "a b", and that can not be' },
    { variable: 'ansible_user', because: 'it has no label owner, or an empty one' },
    { variable: 'ansible_user', because: 'it has no annotation none, or an empty one' },
    {
      variable: 'ansible_port',
      because:
        'it is not known whether it has the annotation example.com/port: the VM was not read yet since that one is named',
    },
  ])
})

const PATH = fc.record({
  via: fc.constantFrom('address' as const, 'service' as const, 'port_forward' as const),
  port: fc.constantFrom(0, 22, 2222),
  user: fc.constantFrom('', 'automation'),
})
const WISH = fc.record({
  linux: PATH,
  windows: fc.record({
    via: fc.constantFrom('address' as const, 'service' as const),
    user: fc.constantFrom('', 'svc'),
    type: fc.constantFrom('psrp' as const, 'winrm' as const, 'ssh' as const),
    scheme: fc.constantFrom('https' as const, 'http' as const),
    transport: fc.constantFrom('', 'kerberos'),
    certificate: fc.constantFrom('validate' as const, 'ignore' as const),
  }),
  variables: fc.subarray([LOGIN, NOTED, { label: 'how', variable: 'ansible_connection' }]),
})
const VM = fc.record({
  family: fc.constantFrom('linux', 'windows', ''),
  phase: fc.constantFrom('Running', ''),
  labels: fc.dictionary(fc.constantFrom('login', 'how'), fc.constantFrom('core', 'ssh', 'a b', '')),
  services: fc.subarray([SSH]),
})

test('every variable of the connection that a host has is explained, with the value that it has, and no other', () => {
  fc.assert(
    fc.property(VM, WISH, ({ family, phase, labels, services }, wish) => {
      const seen = { labels, annotations: { 'example.com/port': '99' }, phase }
      const record = { ...guest('web-7', { family, seen }), services }
      const vars = hostVars(record, STANDING, 'slim', approach(wish))
      const { connection } = explained(record, wish)
      const own = Object.entries(vars).filter(([name]) => name.startsWith('ansible_'))
      expect(connection.map(({ name, value }) => [name, value])).toEqual(own)
      expect(connection.every(({ because, over }) => [because, ...over].every(reason => reason !== ''))).toBe(true)
    }),
  )
})

test('in the format kubevirt.core the option is told that gave each', () => {
  const vmi = {
    metadata: {},
    status: { nodeName: 'node-1', guestOSInfo: { id: 'mswindows' }, interfaces: [{ ipAddress: '10.9.0.1' }] },
  }
  const record = guest('web-7')
  const shown: VmRecord = {
    ...record,
    seen: { ...record.seen, portraits: { vm: portray('vm', {}, false), vmi: portray('vmi', vmi, false) } },
  }
  const rendering = kubevirtCoreRendering(KUBEVIRT_CORE_DEFAULTS)
  const { connection } = rendering.connectionWhy(shown, STANDING)
  expect(becauseOf({ connection, not_given: [] })).toEqual({
    ansible_host: 'the address of the first interface of its VMI',
    ansible_port: 'unset_ansible_port is true',
    ansible_connection: 'default_win_ansible_connection is winrm',
  })
  expect(rendering.varsOf(shown, STANDING)).toMatchObject(
    Object.fromEntries(connection.map(({ name, value }) => [name, value])),
  )
})
