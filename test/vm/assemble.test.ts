import { describe, expect, test } from 'vitest'
import { assemble, chooseAddress } from '../../src/vm/index.ts'
import type { Address } from '../../src/vm/index.ts'
import { vm, vmi } from './story.ts'

const NOT_BOOTED = { boot: '', phase: '', paused: false, node: '', agent_connected: false, addresses: [], address: '' }

describe('assemble', () => {
  test('a VM and its running VMI are one', () => {
    expect(assemble(vm({ labels: { app: 'web' } }), vmi(), null)).toMatchObject({
      status: 'Running',
      labels: { app: 'web' },
      boot: 'boot-1',
      node: 'node-1',
      agent_connected: true,
      address: '10.0.0.1',
      os: { id: 'rhel', version: '9.4' },
    })
  })

  test.each([
    ['no VMI', null],
    ['a VMI of another incarnation', vmi({ owner: 'vm-0' })],
    ['a VMI of no VM', vmi({ owner: '' })],
  ])('a VM with %s has not booted', (_, boot) => {
    expect(assemble(vm(), boot, null)).toMatchObject(NOT_BOOTED)
  })

  test.each(['', 'Pending', 'Scheduling', 'Scheduled', 'Succeeded', 'Failed', 'Unknown'])(
    'in phase "%s" neither agent nor pause nor address means anything',
    phase => {
      expect(assemble(vm(), vmi({ phase, paused: true }), null)).toMatchObject({
        boot: 'boot-1',
        paused: false,
        agent_connected: false,
        addresses: [],
        address: '',
      })
    },
  )

  test('the order of its fields does not hang on what was before', () => {
    const failed = { uid: 'm', from: 'a', to: 'b', reason: 'x' }
    const boots = [vmi(), vmi({ end: 'failed', phase: 'Failed', migrationFailed: failed }), null]
    const [runs, ended, gone] = boots.map(boot => assemble(vm(), boot, null))
    const orders = [runs, ended, gone].map(seen => Object.keys(assemble(vm(), vmi(), seen ?? null)).join())
    expect(orders[2]).toBe(orders[0])
    expect(orders[1]).toBe(`${orders[0]},migration_failed,ended`)
    expect(Object.keys(ended ?? {}).join()).toBe(orders[1])
  })

  test('while VMIs can not be read the boot stays as it was, and what is of the VM goes on', () => {
    const before = assemble(vm(), vmi(), null)
    const after = assemble(vm({ labels: { app: 'web' }, status: 'Stopped', runStrategy: 'Halted' }), 'unknown', before)
    expect(after).toEqual({ ...before, labels: { app: 'web' }, status: 'Stopped', run_strategy: 'Halted' })
    expect(assemble(vm(), 'unknown', null)).toMatchObject(NOT_BOOTED)
  })

  test('what only a running guest tells is kept when it stops: OS, firmware, last migration', () => {
    const before = assemble(vm({ firmwareUuid: '' }), vmi({ migrated: { uid: 'm', from: 'a', to: 'b' } }), null)
    expect(assemble(vm({ firmwareUuid: '' }), null, before)).toMatchObject({
      firmware_uuid: 'firmware-1',
      migration: 'm',
      os: { id: 'rhel' },
    })
  })

  test.each([
    ['windows2k22', 'windows', 'mswindows'],
    ['Win10', 'windows', 'mswindows'],
    ['rhel9', 'linux', 'rhel'],
    ['rhel.9.arm64', 'linux', 'rhel'],
    ['linux', 'linux', ''],
    ['', '', ''],
  ])('what is declared as "%s" is %s %s until the guest says better', (declaredOs, family, id) => {
    expect(assemble(vm({ declaredOs }), null, null).os).toMatchObject({ family, id })
    expect(assemble(vm({ declaredOs }), vmi(), null).os.id).toBe('rhel')
  })
})

describe('chooseAddress', () => {
  const at = (address: string, network = 'default', pod = false): Address => ({
    address,
    network,
    interface: '',
    source: 'platform',
    pod,
  })
  test.each([
    ['nothing', [], ''],
    ['IPv4 before IPv6', [at('2001:db8::1'), at('10.0.0.1')], '10.0.0.1'],
    [
      'a network of its own before the pod network',
      [at('10.0.0.1', 'default', true), at('192.168.0.1', 'lan')],
      '192.168.0.1',
    ],
    [
      'even IPv6 there before IPv4 on the pod network',
      [at('10.0.0.1', 'default', true), at('2001:db8::1', 'lan')],
      '2001:db8::1',
    ],
    ['the first of equals', [at('10.0.0.2', 'b'), at('10.0.0.1', 'a')], '10.0.0.2'],
    ['never an interface only the guest knows', [at('172.17.0.1', '')], ''],
    ['the pod network when there is nothing else', [at('172.17.0.1', ''), at('10.0.0.1', 'default', true)], '10.0.0.1'],
  ])('%s', (_, addresses, chosen) => {
    expect(chooseAddress(addresses)).toBe(chosen)
  })
})
