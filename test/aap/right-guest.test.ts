import { expect, test } from 'vitest'
import { rightGuest } from '../../src/aap/index.ts'
import { plain } from '../../src/aap/host.ts'

const host = 'web-1.shop.prod-1'
const guest = { host, uid: 'u1', ways: [{ ansible_host: '10.1.2.3' }] }
const there = { enabled: true, sharesGroupName: false, variables: { kubevirt_uid: 'u1', ansible_host: '10.1.2.3' } }

test('a guest that the controller has with our uid and address is ready', () => {
  expect(rightGuest([guest], new Map([[host, there]]))).toEqual({ ready: [host], stale: [] })
})

test.each([
  ['that the controller does not have', guest, undefined, 'absent'],
  ['that is disabled', guest, { ...there, enabled: false }, 'disabled'],
  ['whose name a new VM has taken', guest, { ...there, variables: { ...there.variables, kubevirt_uid: 'u0' } }, 'uid'],
  ['without a uid in the controller', guest, { ...there, variables: { ansible_host: '10.1.2.3' } }, 'uid'],
  [
    'that has moved to another address',
    guest,
    { ...there, variables: { ...there.variables, ansible_host: '10.9.9.9' } },
    'address',
  ],
  ['without an address in the controller', guest, { ...there, variables: { kubevirt_uid: 'u1' } }, 'address'],
  [
    'whose uid we do not know, though both say nothing',
    { ...guest, uid: '' },
    { ...there, variables: { kubevirt_uid: '', ansible_host: '10.1.2.3' } },
    'uid',
  ],
  [
    'whose address we do not know, though both say nothing',
    { ...guest, ways: [] },
    { ...there, variables: { kubevirt_uid: 'u1', ansible_host: '' } },
    'address',
  ],
  ['whose uid is no text', guest, { ...there, variables: { ...there.variables, kubevirt_uid: ['u1'] } }, 'uid'],
  ['whose name is a group’s too', guest, { ...there, sharesGroupName: true }, 'name'],
  ['whose name is a pattern', { ...guest, host: 'web*' }, there, 'name'],
] as const)('a guest %s is not', (_, expected, found, why) => {
  const { ready, stale } = rightGuest([expected], new Map(found === undefined ? [] : [[expected.host, found]]))
  expect(ready).toEqual([])
  expect(stale).toMatchObject([{ host: expected.host, why }])
})

test.each<[what: string, found: object, why: string]>([
  ['at our address', {}, ''],
  ['at another address', { variables: { kubevirt_uid: 'u1', ansible_host: '10.9.9.9' } }, ''],
  ['without an address', { variables: { kubevirt_uid: 'u1' } }, ''],
  ['with another uid', { variables: { kubevirt_uid: 'u0', ansible_host: '10.1.2.3' } }, 'uid'],
  ['without a uid', { variables: { ansible_host: '10.1.2.3' } }, 'uid'],
  ['disabled', { enabled: false }, 'disabled'],
  ['by the name of a group', { sharesGroupName: true }, 'name'],
])('a guest that nobody will connect to, and that the controller has %s', (_, found, why) => {
  const { ready, stale } = rightGuest([{ ...guest, ways: null }], new Map([[host, { ...there, ...found }]]))
  expect([ready, stale.map(each => each.why)]).toEqual(why === '' ? [[host], []] : [[], [why]])
})

const OUT = { ansible_host: 'lb.example.com', ansible_port: 30022 }
const FORWARD = { ansible_host: host, ansible_ssh_common_args: '-o ProxyCommand="virtctl …"' }

test.each<[what: string, variables: object, ready: boolean]>([
  ['by its address', { ansible_host: '10.1.2.3' }, true],
  ['by its address, at whatever port', { ansible_host: '10.1.2.3', ansible_port: 2222 }, true],
  ['by a Service', OUT, true],
  ['at another port of the same balancer, which leads to another', { ...OUT, ansible_port: 30023 }, false],
  ['at no port of the balancer', { ansible_host: 'lb.example.com' }, false],
  ['by a proxy command', FORWARD, true],
  ['by the proxy command of another', { ...FORWARD, ansible_ssh_common_args: 'x' }, false],
  ['by its name, with no proxy command', { ansible_host: host }, false],
  ['by no way at all', {}, false],
])('of several ways to a guest the controller must have one as a whole: %s', (_, variables, isReady) => {
  const ways = [{ ansible_host: '10.1.2.3' }, OUT, FORWARD]
  const found = { ...there, variables: { kubevirt_uid: 'u1', ...variables } }
  expect(rightGuest([{ ...guest, ways }], new Map([[host, found]])).ready).toEqual(isReady ? [host] : [])
})

test('who is not reached as we know it is told where the controller would go, and where we know it', () => {
  const found = { ...there, variables: { kubevirt_uid: 'u1', ...OUT, ansible_port: 30023 } }
  const { stale } = rightGuest([{ ...guest, ways: [{ ansible_host: '10.1.2.3' }, OUT] }], new Map([[host, found]]))
  expect(stale[0]?.reason).toBe(
    'the controller would reach it at "lb.example.com:30023", the fleet says "10.1.2.3" or "lb.example.com:30022"',
  )
})

test('text that was marked unsafe is plain at every depth, and nothing else changes', () => {
  const marked = {
    a: { __ansible_unsafe: '{{ 6*7 }}' },
    b: [{ __ansible_unsafe: 'x' }, 1, null],
    c: { d: { __ansible_unsafe: 'y' } },
    e: true,
  }
  expect(plain(marked)).toEqual({ a: '{{ 6*7 }}', b: ['x', 1, null], c: { d: 'y' }, e: true })
})
