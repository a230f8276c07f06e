import { describe, expect, test } from 'vitest'
import { addressOf, groupsOf, hostVars, isReady, type Staleness, unreachableReason } from '../../src/inventory/index.ts'
import { projectVm, projectVmi, type VmRecord } from '../../src/vm/index.ts'
import { guest, type GuestWish } from '../day2/guest.ts'

const NONE = { onboard: '', patch: '' }
const FRESH = { staleness: 'fresh', verbs: NONE } as const
const UNREACHED = { boot: '', reachable: false, address: '' }

describe('the annotations of a host', () => {
  const asked = () => {
    let times = 0
    const annotations = {
      get 'example.com/owner'() {
        times += 1
        return 'web team'
      },
    }
    return { record: guest('web-7', { seen: { annotations } }), times: () => times }
  }

  test.each(['standard', 'full'] as const)('are made once: %s', profile => {
    const { record, times } = asked()
    const vars = hostVars(record, FRESH, profile)
    expect(vars['kubevirt_annotations']).toEqual({ 'example.com/owner': 'web team' })
    expect(times()).toBe(1)
  })

  test('stand in full where standard has them, and where it has none, where what is more begins', () => {
    const keys = (profile: 'standard' | 'full', annotations: Readonly<Record<string, string>>): readonly string[] =>
      Object.keys(hostVars(guest('web-7', { seen: { annotations } }), FRESH, profile))
    const some = keys('standard', { a: 'b' })
    expect(keys('full', { a: 'b' }).slice(0, some.length)).toEqual(some)
    const none = keys('standard', {})
    expect(none).not.toContain('kubevirt_annotations')
    expect(keys('full', {}).slice(0, none.length + 2)).toEqual([
      ...none,
      'kubevirt_annotations',
      'kubevirt_cluster_sets',
    ])
  })
})

describe('what automation may do with a VM', () => {
  test.each<
    [
      state: string,
      wish: GuestWish,
      expected: { address: string; reason: string; ready: boolean; staleness?: Staleness },
    ]
  >([
    ['reachable', {}, { address: '10.1.0.7', reason: '', ready: true }],
    ['of a stale cluster', {}, { address: '10.1.0.7', reason: '', ready: true, staleness: 'stale' }],
    [
      'of a cluster not seen for long',
      {},
      { address: '10.1.0.7', reason: 'cluster unreachable', ready: true, staleness: 'disabled' },
    ],
    ['stopped', { seen: { boot: '', phase: '' } }, { address: '', reason: 'stopped', ready: false }],
    ['with a final VMI', { seen: { phase: 'Succeeded' } }, { address: '', reason: 'stopped', ready: false }],
    ['starting', { seen: { phase: 'Scheduling' } }, { address: '', reason: 'stopped', ready: false }],
    ['paused', { seen: { paused: true } }, { address: '10.1.0.7', reason: 'paused', ready: false }],
    [
      'whose agent never answered',
      { told: UNREACHED, seen: { agent_connected: false } },
      { address: '10.1.0.7', reason: 'no agent', ready: false },
    ],
    [
      'that has none, as a person says',
      { seen: { agent_connected: false, labels: { 'virtbridge.io/agent': 'none' } } },
      { address: '10.1.0.7', reason: '', ready: true },
    ],
    [
      'that has none, as a person says, and has just booted',
      { told: UNREACHED, seen: { agent_connected: false, labels: { 'virtbridge.io/agent': 'none' } } },
      { address: '10.1.0.7', reason: 'settling', ready: false },
    ],
    ['whose agent flaps', { seen: { agent_connected: false } }, { address: '10.1.0.7', reason: '', ready: false }],
    [
      'without an address',
      { told: UNREACHED, seen: { address: '' } },
      { address: '', reason: 'no address', ready: false },
    ],
    ['whose address flaps', { seen: { address: '' } }, { address: '10.1.0.7', reason: '', ready: false }],
    [
      'whose address just changed',
      { seen: { address: '10.1.0.9' } },
      { address: '10.1.0.9', reason: '', ready: false },
    ],
    ['just booted', { told: UNREACHED }, { address: '10.1.0.7', reason: 'settling', ready: false }],
  ])('a VM %s', (_state, wish, { address, reason, ready, staleness = 'fresh' }) => {
    const record = guest('web-7', wish)
    expect({
      address: addressOf(record),
      reason: unreachableReason(record, staleness),
      ready: isReady(record),
    }).toEqual({ address, reason, ready })
    const vars = hostVars(record, { staleness, verbs: NONE })
    expect(vars).toMatchObject({
      kubevirt_enabled: reason === '',
      kubevirt_reachable: reason === '',
      kubevirt_reachable_reason: reason,
      kubevirt_stale: staleness !== 'fresh',
    })
    expect(vars['ansible_host']).toBe(address === '' ? undefined : address)
  })
})

test('Windows is reached by PSRP, and what is not known leaves no ansible_host behind', () => {
  expect(hostVars(guest('win-1', { family: 'windows' }), FRESH)).toMatchObject({
    ansible_host: '10.1.0.1',
    ansible_connection: 'psrp',
    ansible_port: 5986,
  })
  const stopped = hostVars(guest('win-1', { family: 'windows', seen: { phase: '' } }), FRESH)
  expect(
    Object.keys(stopped)
      .filter(key => key.startsWith('ansible_'))
      .sort(),
  ).toEqual(['ansible_connection', 'ansible_port'])
})

test('the source of the address in use is told, with all others, and what day 2 knows', () => {
  const addresses = [
    { address: '10.1.0.7', network: 'vlan', interface: 'eth1', source: 'agent', pod: false },
    { address: '10.9.0.7', network: 'default', interface: 'eth0', source: 'platform', pod: true },
  ] as const
  const verbs = { onboard: 'ok', patch: 'failed' }
  const vars = hostVars(guest('web-7', { seen: { addresses } }), { staleness: 'fresh', verbs }, 'full')
  expect(vars).toMatchObject({ kubevirt_address_source: 'agent', day2_onboard: 'ok', day2_patch: 'failed' })
  expect(vars['kubevirt_addresses']).toEqual([
    { address: '10.1.0.7', network: 'vlan', interface: 'eth1', source: 'agent' },
    { address: '10.9.0.7', network: 'default', interface: 'eth0', source: 'platform' },
  ])
})

test('groups come from what is known and from the labels that were chosen, in letters that Ansible takes', () => {
  const labels = { 'app.kubernetes.io/name': 'Web Shop', tier: '', other: 'x' }
  const record = guest('web-7', { seen: { labels, status: 'ErrorUnschedulable' } })
  expect(groupsOf(record, ['app.kubernetes.io/name', 'tier', 'absent'])).toEqual([
    'cluster_prod_1',
    'namespace_shop',
    'status_errorunschedulable',
    'os_linux',
    'os_rhel',
    'label_app_kubernetes_io_name_web_shop',
  ])
  expect(groupsOf(guest('web-7', { seen: { os: { family: '', id: '', name: '', version: '' } } }), [])).toEqual([
    'cluster_prod_1',
    'namespace_shop',
    'status_running',
  ])
})

describe('text that a guest or a user wrote', () => {
  const EVIL = '{{ lookup("pipe", "id") }}'
  const raw = (text: string): VmRecord => {
    const vm = projectVm(
      JSON.parse(
        JSON.stringify({
          metadata: { namespace: 'shop', name: 'web', uid: 'u', labels: { evil: text } },
          spec: { instancetype: { name: text }, template: { spec: { domain: { firmware: { uuid: text } } } } },
          status: { printableStatus: text },
        }),
      ),
    )
    const vmi = projectVmi({
      metadata: { uid: 'b' },
      status: {
        phase: 'Running',
        nodeName: text,
        guestOSInfo: { id: text, name: text, versionId: text },
        interfaces: [{ name: 'default', interfaceName: text, ipAddress: '10.0.0.1' }],
      },
    })
    return guest('web-7', {
      seen: {
        labels: vm.labels,
        status: vm.status,
        instancetype: vm.instancetype,
        node: vmi.node,
        os: vmi.os,
        addresses: vmi.addresses,
        firmware_uuid: vm.firmwareUuid,
      },
    })
  }

  test.each(['{{ 6*7 }}', '{% set x = 1 %}', '{# hidden #}', EVIL, 'a{{b', '{ {{', '{{'])(
    '%s is marked unsafe wherever it stands',
    text => {
      const vars = hostVars(raw(text), FRESH, 'full')
      expect(bare(vars, text)).toEqual([])
      expect(JSON.stringify(vars).split('__ansible_unsafe').length - 1).toBe(11)
    },
  )

  test.each(['} }', '{', '{}', '{ { x } }', '%}', '$(id)', '`id`', "'; --", '!unsafe x', 'null', '127.0.0.1'])(
    '%s is inert, and goes through as it is',
    text => {
      const vars = hostVars(raw(text), FRESH, 'full')
      expect(JSON.stringify(vars)).not.toContain('__ansible_unsafe')
      expect(vars).toMatchObject({ kubevirt_node: text, kubevirt_os_id: text, kubevirt_os: { name: text } })
    },
  )

  test('control and direction characters are gone, and it is cut at 256 characters', () => {
    const vars = hostVars(raw(`a\u0000\u001b[31m\u202eb\nc${'x'.repeat(5000)}`), FRESH, 'full')
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(JSON.stringify(vars)).not.toMatch(/[\u0000-\u001f\u202e]|\\u00|\\n/)
    expect(Math.max(...strings(vars).map(text => text.length))).toBeLessThanOrEqual(256)
  })

  test('where a VM comes from and what manages it is text too: inert, or marked unsafe', () => {
    const descent = { kind: 'import', from: EVIL, by: 'wave-3', run: 'run-1' } as const
    const vars = hostVars({ ...guest('web-7', { seen: { application: EVIL } }), descent }, FRESH, 'full')
    const unsafe = { __ansible_unsafe: EVIL }
    expect([vars['kubevirt_application'], vars['kubevirt_descent']]).toEqual([
      unsafe,
      { kind: 'import', from: unsafe, by: 'wave-3', run: 'run-1' },
    ])
  })

  test('it makes no connection variable and no odd group, whatever it is called', () => {
    const labels = JSON.parse(
      '{"ansible_host":"6.6.6.6","__proto__":"polluted","constructor":"x","ansible_ssh_common_args":"-o ProxyCommand=id"}',
    ) as Record<string, string>
    const record = guest('web-7', {
      seen: { labels, status: EVIL, os: { family: 'linux', id: '../../etc', name: '', version: '' } },
    })
    const vars = hostVars(record, FRESH)
    expect(Object.keys(vars).filter(key => key.startsWith('ansible_'))).toEqual(['ansible_host'])
    expect(vars['ansible_host']).toBe('10.1.0.7')
    expect(JSON.stringify(vars['kubevirt_labels'])).toBe(JSON.stringify(labels))
    expect(({} as { polluted?: string }).polluted).toBeUndefined()
    const groups = groupsOf(record, ['__proto__', 'constructor', 'toString'])
    expect(groups).toContain('label___proto___polluted')
    expect(groups.filter(group => !/^[a-z0-9_]+$/.test(group))).toEqual([])
    expect(groups.filter(group => group.includes('tostring'))).toEqual([])
  })
})

/** Every string in a value but those that are marked. */
function strings(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || '__ansible_unsafe' in value) return []
  return Object.values(value).flatMap(strings)
}

function bare(value: unknown, text: string): readonly string[] {
  return strings(value).filter(found => found.includes(text))
}
