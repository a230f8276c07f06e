import { describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { type AddressChoice, approachOf, hostVars } from '../../src/inventory/index.ts'
import { type Sight, unreachableReason } from '../../src/inventory/approach.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import type { Address } from '../../src/vm/part.ts'
import { guest, type GuestWish } from '../day2/guest.ts'

const POD: Address = { address: '10.9.0.7', network: 'default', interface: 'eth0', source: 'platform', pod: true }
const VLAN: Address = { address: '10.20.0.7', network: 'vlan-a', interface: 'eth1', source: 'platform', pod: false }
const SIX: Address = { address: 'fd00:20::7', network: 'vlan-a', interface: 'eth1', source: 'agent', pod: false }
const OWN: Address = { address: '172.17.0.1', network: '', interface: 'docker0', source: 'agent', pod: false }
const NEVER_TOLD = { boot: '', reachable: false, address: '' }
const VERBS = { onboard: '', patch: '' }

function choice(wish: Partial<AddressChoice> = {}): AddressChoice {
  return { prefer: [], otherwise: 'any', podNetwork: 'last', ...wish }
}

function with_(addresses: readonly Address[], address = addresses[0]?.address ?? ''): GuestWish {
  return { seen: { addresses, address }, told: { address } }
}

describe('which of its addresses a host is reached at, and where that comes from', () => {
  test.each<[what: string, wish: Partial<AddressChoice>, vm: GuestWish, address: string, source: string]>([
    ['nothing said: the one that the record chose', {}, with_([POD, VLAN], VLAN.address), VLAN.address, 'platform'],
    ['a network by its name', { prefer: [{ network: 'vlan-a' }] }, with_([POD, VLAN]), VLAN.address, 'platform'],
    ['a range', { prefer: [{ cidr: '10.20.0.0/16' }] }, with_([POD, VLAN]), VLAN.address, 'platform'],
    ['a family', { prefer: [{ family: 'ipv6' }] }, with_([VLAN, SIX]), SIX.address, 'agent'],
    [
      'a network and a family, both of which must hold',
      { prefer: [{ network: 'default', family: 'ipv6' }, { network: 'vlan-a' }] },
      with_([POD, VLAN, SIX]),
      VLAN.address,
      'platform',
    ],
    [
      'the first preference first',
      { prefer: [{ cidr: '10.9.0.0/16' }, { network: 'vlan-a' }] },
      with_([VLAN, POD]),
      POD.address,
      'platform',
    ],
    [
      'nothing of it is there, and anything does',
      { prefer: [{ cidr: '192.168.0.0/16' }] },
      with_([POD, VLAN], VLAN.address),
      VLAN.address,
      'platform',
    ],
    [
      'nothing of it is there, and nothing else does',
      { prefer: [{ cidr: '192.168.0.0/16' }], otherwise: 'none' },
      with_([VLAN]),
      '',
      '',
    ],
    [
      'not of the pod network, and another is there',
      { podNetwork: 'never' },
      with_([POD, VLAN]),
      VLAN.address,
      'platform',
    ],
    ['not of the pod network, and no other is there', { podNetwork: 'never' }, with_([POD]), '', ''],
    [
      'the pod network comes last, whichever the record chose',
      { prefer: [{ family: 'ipv4' }] },
      with_([POD, VLAN]),
      VLAN.address,
      'platform',
    ],
    [
      'one that the guest alone knows is used when it is asked for',
      { prefer: [{ cidr: '172.17.0.0/16' }] },
      with_([VLAN, OWN]),
      OWN.address,
      'agent',
    ],
    ['and never by itself', { podNetwork: 'never' }, with_([POD, OWN]), '', ''],
    [
      'the agent flaps: what was told last is all that is known',
      { prefer: [{ cidr: '10.20.0.0/16' }] },
      { seen: { addresses: [], address: '' }, told: { address: VLAN.address } },
      VLAN.address,
      'agent',
    ],
    [
      'the same of one that the platform gave',
      {},
      { seen: { addresses: [], address: '' }, told: { address: VLAN.address, address_source: 'platform' } },
      VLAN.address,
      'platform',
    ],
    [
      'the same of one of the pod network, of which none is wanted',
      { podNetwork: 'never' },
      { seen: { addresses: [], address: '' }, told: { address: POD.address, address_source: 'pod' } },
      '',
      '',
    ],
    [
      'the same where an interface that only the guest knows is left',
      { prefer: [{ cidr: '10.20.0.0/16' }] },
      { seen: { addresses: [OWN], address: '' }, told: { address: VLAN.address, address_source: 'platform' } },
      VLAN.address,
      'platform',
    ],
    [
      'the agent flaps, and what was told last is not wanted',
      { prefer: [{ cidr: '192.168.0.0/16' }], otherwise: 'none' },
      { seen: { addresses: [], address: '' }, told: { address: VLAN.address } },
      '',
      '',
    ],
    [
      'one that is none is never used',
      { prefer: [{ network: 'vlan-a' }] },
      with_([{ ...VLAN, address: 'evil; id' }, POD], POD.address),
      POD.address,
      'platform',
    ],
  ])('%s', (_what, wish, vm, address, source) => {
    const approach = approachOf({ addresses: choice(wish) })
    const vars = hostVars(guest('web-1', vm), { staleness: 'fresh', verbs: VERBS }, 'standard', approach)
    expect({
      host: vars['ansible_host'],
      address: vars['kubevirt_address'],
      source: vars['kubevirt_address_source'],
    }).toEqual({
      host: address === '' ? undefined : address,
      address,
      source,
    })
  })
})

describe('why a guest can not be reached: the first that holds', () => {
  const service = { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via: 'service' as const } }
  const forward = { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via: 'port_forward' as const } }
  const LOST: Sight = { staleness: 'fresh', lost: [VLAN.address] }
  const FRESH: Sight = { staleness: 'fresh' }

  test.each<[reason: string, what: string, vm: GuestWish, sight: Sight, wish: Parameters<typeof approachOf>[0]]>([
    ['', 'reachable', with_([VLAN]), FRESH, {}],
    ['stopped', 'it does not run', { seen: { phase: '', boot: '' } }, FRESH, {}],
    ['paused', 'it is paused', { seen: { paused: true } }, FRESH, {}],
    ['no agent', 'its agent never answered', { told: NEVER_TOLD, seen: { agent_connected: false } }, FRESH, {}],
    ['no address', 'it has none', { told: NEVER_TOLD, seen: { address: '', addresses: [] } }, FRESH, {}],
    [
      'no address',
      'none that the view takes',
      with_([VLAN]),
      FRESH,
      { addresses: choice({ prefer: [{ family: 'ipv6' }], otherwise: 'none' }) },
    ],
    [
      'only a pod address',
      'the view takes none of the pod network',
      with_([POD]),
      FRESH,
      { addresses: choice({ podNetwork: 'never' }) },
    ],
    ['conflicting address', 'another has the better claim', with_([VLAN]), LOST, {}],
    [
      '',
      'another has the better claim to an address that the view does not use',
      with_([VLAN, POD]),
      LOST,
      { addresses: choice({ prefer: [{ cidr: '10.9.0.0/16' }] }) },
    ],
    ['cluster unreachable', 'its cluster was not seen for too long', with_([VLAN]), { staleness: 'disabled' }, {}],
    [
      'excluded by label',
      'the view says so',
      { seen: { labels: { automation: 'off' } } },
      FRESH,
      { excluded: parseSelector('automation=off') },
    ],
    [
      'excluded by label',
      'also while it is stopped, as that passes',
      { seen: { labels: { automation: 'off' }, phase: '' } },
      FRESH,
      { excluded: parseSelector('automation') },
    ],
    ['settling', 'it has just come', { told: NEVER_TOLD }, FRESH, {}],
    ['no service', 'none leads to it', with_([VLAN]), FRESH, { connection: service }],
    [
      '',
      'its API server leads to it, whatever addresses it has',
      { seen: { address: '', addresses: [] }, told: { address: '' } },
      LOST,
      { connection: forward },
    ],
    [
      'no agent',
      'its API server leads to it, but nobody knows that it is up',
      { told: NEVER_TOLD, seen: { agent_connected: false } },
      FRESH,
      { connection: forward },
    ],
  ])('%s: %s', (reason, _what, vm, sight, wish) => {
    const record = guest('web-1', vm)
    const approach = approachOf(wish)
    expect(unreachableReason(record, sight, false, approach)).toBe(reason)
    expect(hostVars(record, { ...sight, verbs: VERBS }, 'standard', approach)).toMatchObject({
      kubevirt_enabled: reason === '',
      kubevirt_reachable: reason === '',
      kubevirt_reachable_reason: reason,
    })
  })

  test('a lost address is told to nobody, whichever view would use it', () => {
    const vars = hostVars(guest('web-1', with_([VLAN])), { ...LOST, verbs: VERBS }, 'full')
    expect(vars['ansible_host']).toBeUndefined()
    expect(vars).toMatchObject({ kubevirt_address: '', kubevirt_address_source: '', kubevirt_via: '' })
  })
})

describe('whom a view that is for work beside the guest enables', () => {
  const wish = { enabled: 'known', excluded: parseSelector('automation=off') } as const
  const STOPPED = { boot: '', phase: '', addresses: [], address: '', agent_connected: false }
  const FRESH: Sight = { staleness: 'fresh' }

  test.each<[what: string, vm: GuestWish, sight: Sight, reason: string, enabled: boolean]>([
    ['who is reachable', with_([VLAN]), FRESH, '', true],
    ['who is stopped', { told: NEVER_TOLD, seen: STOPPED }, FRESH, 'stopped', true],
    ['who is paused', { seen: { paused: true } }, FRESH, 'paused', true],
    ['who has no agent', { told: NEVER_TOLD, seen: { agent_connected: false } }, FRESH, 'no agent', true],
    ['who has no address', { told: NEVER_TOLD, seen: { address: '', addresses: [] } }, FRESH, 'no address', true],
    ['who has lost it', with_([VLAN]), { ...FRESH, lost: [VLAN.address] }, 'conflicting address', true],
    ['of a cluster that is stale', { seen: STOPPED }, { staleness: 'stale' }, 'stopped', true],
    ['not of one that was not seen for too long', {}, { staleness: 'disabled' }, 'cluster unreachable', false],
    ['not who is excluded', { seen: { labels: { automation: 'off' } } }, FRESH, 'excluded by label', false],
  ])('%s', (_what, vm, sight, reason, enabled) => {
    const record = guest('web-1', vm)
    const standing = { ...sight, verbs: VERBS }
    const shown = { kubevirt_enabled: enabled, kubevirt_reachable_reason: reason }
    expect(hostVars(record, standing, 'slim', approachOf(wish))).toMatchObject(shown)
    expect(hostVars(record, standing, 'standard', approachOf(wish))).toMatchObject({
      ...shown,
      kubevirt_reachable: reason === '',
    })
  })
})
