import { expect, test } from 'vitest'
import { type AddressChoice, approachOf, type Connection, USUAL_APPROACH, waysTo } from '../../src/inventory/index.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'

const ADDRESSES = [
  { address: '10.1.0.7', network: 'default', interface: 'eth0', source: 'platform', pod: true },
  { address: '10.20.0.7', network: 'management', interface: 'eth1', source: 'platform', pod: false },
] as const
const SERVICE = {
  name: 'ssh',
  type: 'NodePort',
  by: 'kubevirt.io/domain',
  ports: [{ name: '', protocol: 'TCP', port: 22, target: 22, node: 30022 }],
  ingress: [],
} as const
const web: VmRecord = { ...guest('web-7', { seen: { addresses: ADDRESSES, node: 'n1' } }), services: [SERVICE] }

function by(linux: Partial<Connection['linux']>, addresses?: AddressChoice) {
  const connection = { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, ...linux } }
  return approachOf({ connection, ...(addresses === undefined ? {} : { addresses }) })
}

test('each approach leads to a guest in its own way, and the same way is told once', () => {
  const management: AddressChoice = { prefer: [{ network: 'management' }], otherwise: 'any', podNetwork: 'last' }
  const all = [
    USUAL_APPROACH,
    by({ user: 'core', port: 2222 }),
    by({}, management),
    by({ via: 'service' }),
    by({ via: 'port_forward', virtctl: { kubeconfig: '', context: '{cluster}' } }),
  ]
  expect(waysTo(web, all)).toEqual([
    { ansible_host: '10.1.0.7' },
    { ansible_host: '10.20.0.7' },
    { ansible_host: 'n1', ansible_port: 30022 },
    {
      ansible_host: 'web-7.shop.prod-1',
      ansible_ssh_common_args: '-o ProxyCommand="virtctl port-forward --stdio=true --context=prod-1 vm/web-7/shop 22"',
    },
  ])
})

test('a label that gives the port counts where the port tells guests apart', () => {
  const labelled = { ...web, seen: { ...web.seen, labels: { port: '30099' } } }
  const connection = { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via: 'service' as const } }
  const approach = approachOf({ connection, variables: [{ label: 'port', variable: 'ansible_port' }] })
  expect(waysTo(labelled, [approach])).toEqual([{ ansible_host: 'n1', ansible_port: 30099 }])
})

test.each<[what: string, record: VmRecord]>([
  ['it is stopped', { ...web, seen: { ...web.seen, boot: '', phase: '' } }],
  ['it was not told as reachable', { ...web, told: { ...web.told, reachable: false } }],
])('no way leads to a guest when %s', (_, record) => {
  expect(waysTo(record)).toEqual([])
})
