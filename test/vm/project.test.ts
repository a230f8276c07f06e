import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { projectVm, projectVmi } from '../../src/vm/index.ts'

function fixture(name: string): { metadata: Record<string, unknown>; [key: string]: unknown } {
  const file = new URL(`../fixtures/kubernetes/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof fixture>
}

const SECRETS = ['dummy-password', 'chpasswd', 'cloud-config', 'userData']

describe('a VirtualMachine', () => {
  test('as a cluster sends it becomes the few fields that are kept', () => {
    expect(projectVm(fixture('virtualmachine'))).toMatchSnapshot()
  })

  test('leaves its cloud-init user data behind', () => {
    const object = fixture('virtualmachine')
    expect(JSON.stringify(object)).toContain('dummy-password')
    const kept = JSON.stringify(projectVm(object))
    for (const secret of SECRETS) expect(kept).not.toContain(secret)
  })

  test.each([
    [{ runStrategy: 'Manual' }, 'Manual'],
    [{ running: true }, 'Always'],
    [{ running: false }, 'Halted'],
    [{}, 'Halted'],
  ])('with the spec %j runs as %s', (spec, strategy) => {
    expect(projectVm({ spec }).runStrategy).toBe(strategy)
  })

  test('keeps 64 labels at most, in the order of their keys, without control characters', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`k${String(index).padStart(3, '0')}`, 'v']),
    )
    expect(Object.keys(projectVm({ metadata: { labels: many } }).labels)).toEqual(Object.keys(many).sort().slice(0, 64))
    expect(projectVm({ metadata: { labels: { b: 'x\u001b[31m\u202e', a: 'y\n' } } }).labels).toEqual({
      a: 'y',
      b: 'x [31m',
    })
  })

  test('says what its template declares, or else its preference', () => {
    const template = { metadata: { annotations: { 'vm.kubevirt.io/os': 'windows2k22' } } }
    expect(projectVm({ spec: { template, preference: { name: 'rhel.9' } } }).declaredOs).toBe('windows2k22')
    expect(projectVm({ spec: { preference: { name: 'rhel.9' } } }).declaredOs).toBe('rhel.9')
  })

  test('without a status is Unknown, without a date was created at 0', () => {
    expect(projectVm({})).toMatchObject({ status: 'Unknown', createdAt: 0, deleting: false, labels: {} })
  })
})

describe('a VirtualMachineInstance', () => {
  test('as a cluster sends it becomes the few fields that are kept', () => {
    expect(projectVmi(fixture('virtualmachineinstance'))).toMatchSnapshot()
  })

  test('leaves its cloud-init user data behind', () => {
    const kept = JSON.stringify(
      projectVmi({
        ...fixture('virtualmachine'),
        spec: { volumes: [{ cloudInitNoCloud: { userData: 'dummy-password' } }] },
      }),
    )
    expect(kept).not.toContain('dummy-password')
  })

  test.each([
    ['present and True', [{ type: 'AgentConnected', status: 'True', lastTransitionTime: null }], true],
    ['removed', [], false],
    ['False, which KubeVirt never writes', [{ type: 'AgentConnected', status: 'False' }], false],
    ['of another type', [{ type: 'AgentVersionNotSupported', status: 'True' }], false],
  ])('whose agent condition is %s: connected is %s', (_, conditions, connected) => {
    expect(projectVmi({ status: { conditions } }).agentConnected).toBe(connected)
  })

  test.each([
    ['ended well', { migrationUid: 'm', endTimestamp: 't', completed: true, sourceNode: 'a', targetNode: 'b' }, 'm'],
    [
      'ended badly, which also counts as completed',
      { migrationUid: 'm', endTimestamp: 't', completed: true, failed: true },
      '',
    ],
    ['goes on', { migrationUid: 'm', startTimestamp: 't' }, ''],
  ])('with a migration that %s: migrated is %s', (_, migrationState, uid) => {
    expect(projectVmi({ status: { migrationState } }).migrated.uid).toBe(uid)
  })

  test.each([
    ['10.0.0.1', ['10.0.0.1']],
    ['10.0.0.1/24', ['10.0.0.1']],
    ['fe80::1', []],
    ['127.0.0.1', []],
    ['::1', []],
    ['0.0.0.0', []],
    ['224.0.0.1', []],
    ['255.255.255.255', []],
    ['2001:DB8::1', ['2001:db8::1']],
    ['2001:db8::1%1', []],
    ['fe80::1%eth0', []],
    ['10.0.0.1; rm -rf /', []],
    ['{{ lookup("pipe", "id") }}', []],
    ['host.example.com', []],
    ['', []],
    [7, []],
  ])('says the address %j: %j is kept', (ipAddress, kept) => {
    const { addresses } = projectVmi({ status: { interfaces: [{ name: 'default', ipAddress }] } })
    expect(addresses.map(entry => entry.address)).toEqual(kept)
  })

  test('keeps 16 addresses at most, each once', () => {
    const ipAddresses = Array.from({ length: 40 }, (_, index) => `10.0.0.${index + 1}`)
    const { addresses } = projectVmi({
      status: { interfaces: [{ name: 'default', ipAddress: '10.0.0.1', ipAddresses }] },
    })
    expect(addresses.map(entry => entry.address)).toEqual(ipAddresses.slice(0, 16))
  })

  test.each([
    ['the pod network, also said by the agent', 'pod', 'domain, guest-agent', 'platform', true],
    ['a network of its own, said by the agent', 'multus', 'domain, guest-agent, multus-status', 'agent', false],
    ['a network of its own, said by the cluster', 'multus', 'domain, multus-status', 'platform', false],
  ])('knows where an address of %s is from', (_, kind, infoSource, source, pod) => {
    const spec = { networks: [{ name: 'net', [kind]: {} }] }
    const { addresses } = projectVmi({
      spec,
      status: { interfaces: [{ name: 'net', ipAddress: '10.0.0.1', infoSource }] },
    })
    expect(addresses).toMatchObject([{ network: 'net', source, pod }])
  })

  test('belongs to the VM that owns it, and to nothing else that might', () => {
    const owned = (kind: string): string =>
      projectVmi({
        metadata: {
          ownerReferences: [
            { kind: 'Pod', uid: 'x' },
            { kind, uid: 'u' },
          ],
        },
      }).owner
    expect([owned('VirtualMachine'), owned('VirtualMachineInstanceReplicaSet')]).toEqual(['u', ''])
  })

  test.each([
    [{ id: 'rhel', name: 'Red Hat Enterprise Linux', versionId: '9.4', version: '9.4 (Plow)' }, 'linux', '9.4'],
    [
      { id: 'mswindows', name: 'Microsoft Windows', version: 'Microsoft Windows Server 2022' },
      'windows',
      'Microsoft Windows Server 2022',
    ],
    [{ name: 'nobody knows' }, '', ''],
  ])('whose guest says %j is %s', (guestOSInfo, family, version) => {
    expect(projectVmi({ status: { guestOSInfo } }).os).toMatchObject({ family, version })
  })
})

test('no object whatever makes a projection throw, and what it keeps is JSON', () => {
  const wild = fc.anything({ withNullPrototype: true, withObjectString: true })
  const shaped = fc.record(
    {
      metadata: wild,
      spec: wild,
      status: fc.oneof(
        wild,
        fc.record({ conditions: wild, interfaces: fc.array(wild), guestOSInfo: wild, migrationState: wild }),
      ),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(wild, shaped), object => {
      for (const kept of [projectVm(object), projectVmi(object)]) expect(JSON.parse(JSON.stringify(kept))).toEqual(kept)
    }),
    { numRuns: 300 },
  )
})
