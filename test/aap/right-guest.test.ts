import { expect, test } from 'vitest'
import { rightGuest } from '../../src/aap/index.ts'
import { plain } from '../../src/aap/host.ts'

const host = 'web-1.shop.prod-1'
const guest = { host, uid: 'u1', address: '10.1.2.3' }
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
    { ...guest, address: '' },
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

test('text that was marked unsafe is plain at every depth, and nothing else changes', () => {
  const marked = {
    a: { __ansible_unsafe: '{{ 6*7 }}' },
    b: [{ __ansible_unsafe: 'x' }, 1, null],
    c: { d: { __ansible_unsafe: 'y' } },
    e: true,
  }
  expect(plain(marked)).toEqual({ a: '{{ 6*7 }}', b: ['x', 1, null], c: { d: 'y' }, e: true })
})
