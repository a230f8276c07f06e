import { describe, expect, test } from 'vitest'
import { explain, Ledger, newRun, type Policy, type VerbPolicy } from '../../src/day2/index.ts'
import { begun, planned, started } from '../../src/day2/record.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { cluster, guest, type GuestWish, hostOf, meant, POLICY, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

const VERBS: ReadonlyMap<string, VerbPolicy> = new Map([
  ['restore', { template: 'R', driver: 'bridge', os: ['linux', 'windows'], needs: 'vm' }],
  ['patch', { template: 'P', driver: 'bridge', os: ['linux'] }],
])
const STOPPED: GuestWish = { seen: { boot: '', phase: '' } }

function explained(
  wish: GuestWish,
  more: {
    policy?: Policy | null
    held?: boolean
    known?: boolean
    rival?: string
    ledger?: Ledger
    tells?: () => boolean
  } = {},
) {
  const record = guest('web-1', wish)
  const fleet = new Fleet()
  if (more.known !== false) fleet.apply({ key: 'prod-1', value: { ...cluster(), reason: 'all is well' } })
  fleet.apply({ key: vmKey(record), value: record })
  const { rival = '', ledger = new Ledger() } = more
  if (more.held === true) {
    const run = newRun(
      { id: uuid(1), verb: 'onboard', template: 'T', askedBy: 'ops', reason: '', hosts: [meant(record)] },
      NOW,
    )
    for (const entry of planned(run, ledger, NOW)) ledger.apply(entry)
  }
  const policy = more.policy === undefined ? POLICY : more.policy
  const around = { host: hostOf('web-1'), fleet, ledger, policy, verbs: VERBS, staleness: 'fresh', rival } as const
  return explain(record, { ...around, ...(more.tells === undefined ? {} : { tells: more.tells }) }, NOW)
}

describe('a VM is explained from what is recorded', () => {
  test('when it is due', () => {
    expect(explained({})).toEqual({
      host: hostOf('web-1'),
      uid: 'uid-web-1',
      cluster: { name: 'prod-1', status: 'synced', reason: 'all is well', staleness: 'fresh' },
      known_since: '2026-11-21T00:00:00.000Z',
      adopted: false,
      inventory: { enabled: true, because: 'it runs, its agent answers and it has an address' },
      launch: { possible: true, because: 'ready, and no run holds it' },
      can: [
        { verb: 'patch', needs: 'guest', possible: true, because: 'ready, and no run holds it' },
        { verb: 'restore', needs: 'vm', possible: true, because: 'the VM is there, and no run holds it' },
      ],
      held_by: null,
      onboard: { due: true, because: 'it is news, and reachable' },
      profile: null,
      verbs: [],
      waiting: [],
      last_event: 'event-of-uid-web-1',
    })
  })

  test('when a person says that it has no agent', () => {
    const wish: GuestWish = { seen: { agent_connected: false, labels: { 'virtbridge.io/agent': 'none' } } }
    expect(explained(wish)).toMatchObject({
      inventory: { enabled: true, because: 'it runs and has an address, and a label says that it has no agent' },
      launch: { possible: true },
      onboard: { due: true },
    })
  })

  test.each<[string, GuestWish, Parameters<typeof explained>[1], object]>([
    [
      'adopted',
      { adopted: true },
      {},
      {
        adopted: true,
        launch: { possible: true },
        onboard: { due: false, because: 'it was there before its cluster was adopted' },
      },
    ],
    [
      'at an address to which another has the better claim',
      {},
      { rival: 'db-1.shop.prod-1' },
      {
        inventory: { enabled: false, because: 'conflicting address' },
        launch: { possible: false, because: 'db-1.shop.prod-1 has the better claim to its address' },
      },
    ],
    [
      'stopped',
      STOPPED,
      {},
      {
        inventory: { enabled: false, because: 'stopped' },
        launch: { possible: false, because: 'not ready: stopped' },
        onboard: { due: false, because: 'not ready: stopped' },
      },
    ],
    [
      'held by a run',
      {},
      { held: true },
      {
        launch: { possible: false, because: `run ${uuid(1)} holds it` },
        onboard: { due: false, because: 'this incarnation was onboarded once: running' },
        verbs: [{ verb: 'onboard', status: 'running', asked_by: 'ops' }],
      },
    ],
    [
      'without a controller',
      {},
      { policy: null },
      {
        launch: { possible: false, because: 'no controller is configured' },
        onboard: { due: false, because: 'no controller is configured' },
      },
    ],
    [
      'of a cluster nobody heard of',
      {},
      { known: false },
      { cluster: { status: 'unknown' }, launch: { possible: false, because: 'its cluster is unknown' } },
    ],
  ])('when it is %s', (_, wish, more, expected) => {
    expect(explained(wish, more)).toMatchObject(expected)
  })
})

/** What each verb would come to: empty when it would be launched, else why not. */
function chances(...world: Parameters<typeof explained>): Record<string, string> {
  return Object.fromEntries(
    explained(...world).can.map(({ verb, possible, because }) => [verb, possible ? '' : because]),
  )
}

/** A ledger with a run on web-1, by hand or of others, whose job is 7. */
function heldBy(verb: string, external = false): Ledger {
  const ledger = new Ledger()
  const wish = {
    id: uuid(2),
    verb,
    template: `Day2 | ${verb}`,
    askedBy: 'ops',
    reason: '',
    hosts: [meant(guest('web-1'))],
  }
  const run = { ...newRun(wish, NOW), job: { id: 7, url: '/api/v2/jobs/7/' }, status: 'following' } as const
  const by = { by: 'bob', launch_type: 'manual', limit: '', whole: false, copy_of: '' }
  const entries = external
    ? begun({ ...run, verb: '', external: by }, ledger, NOW)
    : [...planned(run, ledger, NOW), ...started(run, NOW)]
  for (const entry of entries) if (entry.stream === 'state.runs') ledger.apply(entry)
  return ledger
}

describe('each verb is explained by what it needs', () => {
  test.each<[string, GuestWish, Parameters<typeof explained>[1], Record<string, string>]>([
    [
      'a stopped VM: only what runs beside the guest would run',
      STOPPED,
      {},
      { patch: 'not ready: stopped', restore: '' },
    ],
    [
      'an address to which another has the better claim: nobody connects to it for a restore',
      {},
      { rival: 'db-1.shop.prod-1' },
      { patch: 'db-1.shop.prod-1 has the better claim to its address', restore: '' },
    ],
    [
      'a Windows guest: by the systems that each verb is for',
      { family: 'windows' },
      {},
      { patch: 'its OS (windows) is not one the verb is for', restore: '' },
    ],
    [
      'a cluster nobody heard of: neither',
      STOPPED,
      { known: false },
      { patch: 'its cluster is unknown', restore: 'its cluster is unknown' },
    ],
    [
      'a VM that a run beside the guest holds: neither',
      {},
      { ledger: heldBy('restore') },
      { patch: `run ${uuid(2)} holds it`, restore: `run ${uuid(2)} holds it` },
    ],
    [
      'a job that somebody launched at the controller: neither',
      STOPPED,
      { ledger: heldBy('snapshot', true) },
      { patch: 'not ready: stopped', restore: 'job 7 (Day2 | snapshot) of bob may run on it' },
    ],
    [
      'no controller: neither, and what is wrong with the VM is told first',
      STOPPED,
      { policy: null },
      { patch: 'not ready: stopped', restore: 'no controller is configured' },
    ],
  ])('%s', (_, wish, more, expected) => {
    expect(chances(wish, more)).toEqual(expected)
  })

  test('what a rulebook launches, or nobody, is not said to be launched by virtbridge, in the words of its refusal', () => {
    const record = guest('web-1', STOPPED)
    const fleet = new Fleet()
    fleet.apply({ key: 'prod-1', value: cluster() })
    const verbs = new Map<string, VerbPolicy>([
      ['snapshot', { template: 'S', driver: 'eda', os: ['linux'], needs: 'vm' }],
      ['repave', { template: 'S', driver: 'off', os: ['linux'], needs: 'vm' }],
    ])
    const around = { host: '', fleet, ledger: new Ledger(), policy: POLICY, verbs, staleness: 'fresh' } as const
    expect(explain(record, around, NOW).can.map(({ because }) => because)).toEqual([
      'its driver is off',
      'its driver is eda',
    ])
  })

  test.each([false, true])(
    'of a run that may not be told of nothing is told but that it is there; of others: %s',
    external => {
      const told = explained({}, { ledger: heldBy('restore', external), tells: () => false })
      expect(JSON.stringify(told)).not.toMatch(new RegExp(`${uuid(2)}|ops|bob|Day2|"job":7`))
      expect(told).toMatchObject({
        launch: { possible: false, because: 'another run holds it' },
        onboard: { due: false, because: 'another run holds it' },
        held_by: { run: '', asked_by: '', job: null, status: 'following' },
      })
      expect(told.can.map(({ because }) => because)).toEqual(['another run holds it', 'another run holds it'])
    },
  )

  test('what runs on it now is told with its job, and what ran before stays told', () => {
    const { held_by, verbs } = explained(STOPPED, { ledger: heldBy('restore') })
    expect(held_by).toEqual({
      run: uuid(2),
      verb: 'restore',
      template: 'Day2 | restore',
      status: 'following',
      asked_by: 'ops',
      job: 7,
      since: '2026-11-21T08:00:00.000Z',
    })
    expect(verbs).toMatchObject([{ verb: 'restore', status: 'running', run: uuid(2) }])
  })
})
