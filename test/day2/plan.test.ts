import { describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/cluster/record.ts'
import {
  Ledger,
  newRun,
  type Policy,
  plan,
  type Run,
  type VerbRecord,
  whyNotNow,
  whyNotOnboard,
} from '../../src/day2/index.ts'
import { admit } from '../../src/day2/admission.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { MAX_LIMIT_BYTES } from '../../src/aap/index.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { cluster, guest, type GuestWish, hostOf, meant, POLICY, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const MINUTE = 60_000

function fleetOf(records: readonly VmRecord[], status: ClusterStatus | 'absent' = 'synced'): Fleet {
  const fleet = new Fleet()
  if (status !== 'absent') fleet.apply({ key: 'prod-1', value: cluster('prod-1', status) })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  return fleet
}

function verb(record: VmRecord, change: Partial<VerbRecord>): VerbRecord {
  return {
    schema: 1,
    kind: 'verb',
    uid: record.uid,
    host: hostName(record),
    verb: 'onboard',
    status: 'ok',
    run: uuid(1),
    asked_by: 'bridge',
    detail: '',
    at: NOW,
    refusals: 0,
    ...change,
  }
}

function ledgerOf(entries: { verbs?: readonly VerbRecord[]; runs?: readonly Run[] } = {}): Ledger {
  const ledger = new Ledger()
  for (const value of entries.verbs ?? []) ledger.apply({ key: `vm/${value.uid}/${value.verb}`, value })
  for (const value of entries.runs ?? []) ledger.apply({ key: `run/${value.id}`, value })
  return ledger
}

function runOn(records: readonly VmRecord[], change: Partial<Run> = {}): Run {
  const wish = { id: uuid(7), verb: 'patch' as const, template: 'T', askedBy: 'ops', reason: '' }
  return { ...newRun({ ...wish, hosts: records.map(meant) }, NOW), ...change }
}

function decide(
  records: readonly VmRecord[],
  change: Partial<Policy> = {},
  more: { ledger?: Ledger; waitingSince?: ReadonlyMap<string, number>; now?: number } = {},
) {
  const world = {
    fleet: fleetOf(records),
    ledger: more.ledger ?? ledgerOf(),
    waitingSince: more.waitingSince ?? new Map<string, number>(),
  }
  return plan(world, { ...POLICY, coalesceMs: 0, ...change }, more.now ?? NOW)
}

const many = (count: number): VmRecord[] => Array.from({ length: count }, (_, index) => guest(`web-${index + 1}`))

describe('a VM is onboarded by itself only when nothing speaks against it', () => {
  const web = guest('web-1')
  const cases: [string, GuestWish, Partial<Policy>, Ledger, ClusterStatus | 'absent', string][] = [
    ['news, reachable, Linux', {}, {}, ledgerOf(), 'synced', ''],
    ['a rulebook drives', {}, { driver: 'eda' }, ledgerOf(), 'synced', 'a rulebook onboards (driver eda)'],
    ['nobody drives', {}, { driver: 'off' }, ledgerOf(), 'synced', 'onboarding is off'],
    ['adopted', { adopted: true }, {}, ledgerOf(), 'synced', 'it was there before its cluster was adopted'],
    ['Windows', { family: 'windows' }, {}, ledgerOf(), 'synced', 'its OS (windows) is not onboarded'],
    ['an OS nobody knows', { family: '' }, {}, ledgerOf(), 'synced', 'its OS (unknown) is not onboarded'],
    ['Windows, wanted', { family: 'windows' }, { os: ['windows'] }, ledgerOf(), 'synced', ''],
    ...(['running', 'ok', 'failed', 'unreachable', 'missing', 'unknown'] as const).map(
      (status): (typeof cases)[number] => [
        `onboarded: ${status}`,
        {},
        {},
        ledgerOf({ verbs: [verb(web, { status })] }),
        'synced',
        `this incarnation was onboarded once: ${status}`,
      ],
    ),
    ['another incarnation was onboarded', { uid: 'uid-anew' }, {}, ledgerOf({ verbs: [verb(web, {})] }), 'synced', ''],
    ['patched, not onboarded', {}, {}, ledgerOf({ verbs: [verb(web, { verb: 'patch' })] }), 'synced', ''],
    ['its cluster was never heard of', {}, {}, ledgerOf(), 'absent', 'its cluster is unknown'],
    ...(['joining', 'held', 'unavailable'] as const).map((status): (typeof cases)[number] => [
      `its cluster is ${status}`,
      {},
      {},
      ledgerOf(),
      status,
      `its cluster is ${status}`,
    ]),
    ['a run holds it', {}, {}, ledgerOf({ runs: [runOn([web])] }), 'synced', `run ${uuid(7)} holds it`],
    ['a run held it', {}, {}, ledgerOf({ runs: [runOn([web], { status: 'finished' })] }), 'synced', ''],
    ['stopped', { seen: { boot: '', phase: '' } }, {}, ledgerOf(), 'synced', 'not ready: stopped'],
    ['paused', { seen: { paused: true } }, {}, ledgerOf(), 'synced', 'not ready: paused'],
    [
      'another VM has its address by better right',
      { told: { conflict: { host: 'web-9.shop.prod-1', uid: 'u', address: '10.1.0.1' } } },
      {},
      ledgerOf(),
      'synced',
      'conflicting address: another VM has the better claim to 10.1.0.1',
    ],
    [
      'another VM has an address of it that only a view uses',
      { told: { conflict: { host: 'web-9.shop.prod-1', uid: 'u', address: '10.20.0.1' } } },
      {},
      ledgerOf(),
      'synced',
      '',
    ],
    ['it had, and has no more', { told: { conflict: null } }, {}, ledgerOf(), 'synced', ''],
    [
      'no agent',
      { seen: { agent_connected: false }, told: { reachable: false } },
      {},
      ledgerOf(),
      'synced',
      'not ready: no agent',
    ],
    [
      'no address',
      { seen: { address: '' }, told: { reachable: false } },
      {},
      ledgerOf(),
      'synced',
      'not ready: no address',
    ],
    ['not told as reachable yet', { told: { reachable: false } }, {}, ledgerOf(), 'synced', 'not ready: settling'],
    [
      'its address is another since',
      { told: { address: '10.9.9.9' } },
      {},
      ledgerOf(),
      'synced',
      'not ready: its address is settling',
    ],
  ]

  test.each(cases)('%s', (...[, wish, policy, ledger, status, why]) => {
    const record = guest('web-1', wish)
    expect(whyNotOnboard(record, { fleet: fleetOf([record], status), ledger }, { ...POLICY, ...policy }, NOW)).toBe(why)
  })

  test('a guest that moved here from another cluster was onboarded there: never twice', () => {
    const descent = { kind: 'move', from: 'prod-2/shop/web-1', by: '', run: 'uid-there' } as const
    const [moved, there] = [{ ...guest('web-1'), descent }, guest('web-1', { uid: 'uid-there' })]
    const why = (ledger: Ledger): string => whyNotOnboard(moved, { fleet: fleetOf([moved]), ledger }, POLICY, NOW)
    expect(why(ledgerOf({ verbs: [verb(there, {})] }))).toBe('this incarnation was onboarded once: ok')
    expect(why(ledgerOf())).toBe('')
  })

  test.each([
    [1, 5 * MINUTE],
    [2, 10 * MINUTE],
    [3, 20 * MINUTE],
    [4, 40 * MINUTE],
    [5, 80 * MINUTE],
  ])('after %d refusals it is tried again, %d ms later and not before', (refusals, wait) => {
    const record = guest('web-1')
    const ledger = ledgerOf({ verbs: [verb(record, { status: 'refused', refusals, detail: 'no template' })] })
    const world = { fleet: fleetOf([record]), ledger }
    expect(whyNotOnboard(record, world, POLICY, NOW + wait - 1)).toBe('refused, tried again later: no template')
    expect(whyNotOnboard(record, world, POLICY, NOW + wait)).toBe('')
  })

  test('after six refusals it is left to a person, for good', () => {
    const record = guest('web-1')
    const ledger = ledgerOf({ verbs: [verb(record, { status: 'refused', refusals: 6, detail: 'no template' })] })
    expect(whyNotOnboard(record, { fleet: fleetOf([record]), ledger }, POLICY, NOW + 1e12)).toBe(
      'refused 6 times: no template',
    )
  })
})

describe('what starts by itself', () => {
  test('is nothing when nothing is due', () => {
    expect(decide([guest('web-1', { adopted: true })])).toEqual([])
  })

  test('waits for others to share its job, counted from the first that waits, and then goes together with all of them', () => {
    const waitingSince = new Map([
      ['uid-web-1', NOW - 4_000],
      ['uid-web-2', NOW],
    ])
    const window = { coalesceMs: 5_000 }
    expect(decide(many(2), window, { waitingSince })).toMatchObject([
      { kind: 'defer', until: NOW + 1_000, reason: 'waits for others to share its job' },
    ])
    expect(decide(many(2), window, { waitingSince, now: NOW + 999 })).toMatchObject([{ kind: 'defer' }])
    expect(decide(many(2), window, { waitingSince, now: NOW + 1_000 })).toMatchObject([
      { kind: 'start', verb: 'onboard', template: 'Day2 | Onboard', hosts: many(2).map(meant) },
    ])
  })

  test('waits a whole window when it was not seen waiting before', () => {
    expect(decide(many(1), { coalesceMs: 5_000 })).toMatchObject([{ kind: 'defer', until: NOW + 5_000 }])
  })

  test('is split by the hosts of one job', () => {
    const decisions = decide(many(7), { maxHosts: 3 })
    expect(decisions.map(({ kind, hosts }) => [kind, hosts.length])).toEqual([
      ['start', 3],
      ['start', 3],
      ['start', 1],
    ])
    expect(decisions.flatMap(({ hosts }) => hosts.map(host => host.uid))).toEqual(many(7).map(record => record.uid))
  })

  test('is split by the bytes of one limit too', () => {
    const long = Array.from({ length: 400 }, (_, index) => guest(`${'long-'.repeat(40)}${index}`))
    const decisions = decide(long, { maxHosts: 500, brake: { hosts: 1_000, perMs: 1 } })
    expect(decisions.map(({ kind }) => kind)).toEqual(['start', 'start'])
    for (const { hosts } of decisions)
      expect(hosts.map(({ host }) => host).join(',').length).toBeLessThanOrEqual(MAX_LIMIT_BYTES)
    expect(decisions.flatMap(({ hosts }) => hosts)).toHaveLength(400)
  })

  test('is bounded by the jobs in flight, whoever asked for them', () => {
    const ledger = ledgerOf({ runs: [runOn([], { id: uuid(1) }), runOn([], { id: uuid(2) })] })
    const decisions = decide(many(6), { maxHosts: 2, maxJobs: 4 }, { ledger })
    expect(decisions.map(({ kind, hosts, reason }) => [kind, hosts.length, reason])).toEqual([
      ['start', 2, 'created after its cluster was adopted, and reachable'],
      ['start', 2, 'created after its cluster was adopted, and reachable'],
      ['defer', 2, '4 jobs are in flight'],
    ])
  })

  test('is braked: so many hosts in a window, whatever the reason for the flood', () => {
    const decisions = decide(many(10), { brake: { hosts: 4, perMs: 60_000 } })
    expect(decisions.map(({ kind, hosts, reason }) => [kind, hosts.length, reason])).toEqual([
      ['start', 4, 'created after its cluster was adopted, and reachable'],
      ['brake', 6, 'more than 4 hosts would start by themselves within 60 s'],
    ])
  })

  test.each([
    ['by itself within the window', { asked_by: 'bridge', at: NOW - 59_999 }, 2],
    ['by itself before the window', { asked_by: 'bridge', at: NOW - 60_000 }, 3],
    ['by a person within the window', { asked_by: 'ops', at: NOW }, 3],
  ] as const)('the brake counts a host that started %s', (_, change, started) => {
    const ledger = ledgerOf({ verbs: [verb(guest('db-1'), change)] })
    const [first] = decide(many(5), { brake: { hosts: 3, perMs: 60_000 } }, { ledger })
    expect(first).toMatchObject({ kind: 'start' })
    expect(first?.hosts).toHaveLength(started)
  })

  test('is nothing while the brake is used up', () => {
    const verbs = many(3).map(record => verb(record, {}))
    expect(
      decide([guest('new-9')], { brake: { hosts: 3, perMs: 60_000 } }, { ledger: ledgerOf({ verbs }) }),
    ).toMatchObject([{ kind: 'brake', reason: 'more than 3 hosts would start by themselves within 60 s' }])
  })

  test('is no matter for the brake when as many start as it allows, or others have to wait for room', () => {
    const brake = { hosts: 4, perMs: 60_000 }
    expect(decide(many(4), { brake }).map(({ kind }) => kind)).toEqual(['start'])
    expect(decide(many(6), { brake, maxHosts: 1, maxJobs: 2 }).map(({ kind }) => kind)).toEqual([
      'start',
      'start',
      'defer',
    ])
  })

  test('is nothing at all while the brake is set, however long ago and however few they are', () => {
    const at = NOW - 30 * 86_400_000
    const ledger = ledgerOf()
    ledger.apply({ key: 'brake', value: { schema: 5, kind: 'brake', id: uuid(3), at, reason: 'too many', hosts: 9 } })
    expect(decide(many(1), {}, { ledger })).toMatchObject([
      { kind: 'defer', until: Infinity, reason: expect.stringContaining('held by the brake since') as string },
    ])
    const told = whyNotOnboard(guest('web-1'), { fleet: fleetOf(many(1)), ledger }, POLICY, NOW)
    expect(told).toBe(
      `held by the brake since ${new Date(at).toISOString()}: too many; virtbridge brake release lets it go on`,
    )
    ledger.apply({ key: 'brake', value: null })
    expect(decide(many(1), {}, { ledger })).toMatchObject([{ kind: 'start' }])
  })

  test.each<[what: string, created: number, releasedAt: number, starts: number]>([
    ['before it was released', NOW - 2_000, NOW - 1_000, 3],
    ['since it was released', NOW - 500, NOW - 1_000, 1],
    ['in the very moment of the release', NOW - 1_000, NOW - 1_000, 1],
    ['within the window of a release that is still to come, as somebody set the clock back', NOW - 500, NOW + 9e6, 1],
  ])('a host that started %s counts so for the brake, whenever it ends', (_, created, releasedAt, starts) => {
    const [one, other] = [guest('db-1'), guest('db-2')]
    const run = { ...runOn([one, other], { status: 'finished', asked_by: 'bridge' }), created_at: created }
    const ledger = ledgerOf({ verbs: [verb(one, { run: run.id }), verb(other, { run: run.id })], runs: [run] })
    const value = { schema: 1, kind: 'brake_released', id: uuid(3), at: releasedAt, by: 'ops' }
    ledger.apply({ key: 'brake/released', value })
    const [first] = decide(many(5), { brake: { hosts: 3, perMs: 60_000 } }, { ledger })
    expect(first).toMatchObject({ kind: 'start' })
    expect(first?.hosts).toHaveLength(starts)
  })

  test('is braked by what started by itself also where a person has onboarded since', () => {
    const [one, other] = [guest('db-1'), guest('db-2')]
    const run = runOn([one, other], { status: 'finished', asked_by: 'bridge' })
    const byPerson = { run: uuid(8), asked_by: 'ops' }
    const ledger = ledgerOf({ verbs: [verb(one, byPerson), verb(other, byPerson)], runs: [run] })
    const [first] = decide(many(5), { brake: { hosts: 3, perMs: 60_000 } }, { ledger })
    expect(first?.hosts).toHaveLength(1)
  })
})

describe('hosts that a person asks for', () => {
  const world = (records: readonly VmRecord[], ledger = ledgerOf(), status: ClusterStatus = 'synced') => {
    const fleet = fleetOf(records, status)
    return { byHost: (host: string) => fleet.byHost(host), clusters: fleet.clusters, ledger }
  }

  test('are admitted as the fleet means them, each once', () => {
    const records = [guest('web-1'), guest('old-2', { adopted: true, family: 'windows' })]
    const asked = [hostOf('web-1'), hostOf('old-2'), hostOf('web-1')]
    expect(admit(asked, world(records))).toEqual({ hosts: records.map(meant), refused: new Map() })
  })

  test('are refused with the reason', () => {
    const records = [guest('web-1'), guest('off-2', { seen: { boot: '' } })]
    const ledger = ledgerOf({ runs: [runOn([guest('web-1')])] })
    const asked = [hostOf('web-1'), hostOf('off-2'), 'ghost']
    expect([...admit(asked, world(records, ledger)).refused]).toEqual([
      [hostOf('web-1'), `run ${uuid(7)} holds it`],
      [hostOf('off-2'), 'not ready: stopped'],
      ['ghost', 'no VM has this host name'],
    ])
  })

  test('are not refused because of the very run that they are in', () => {
    const ledger = ledgerOf({ runs: [runOn([guest('web-1')])] })
    const { refused } = admit([hostOf('web-1')], { ...world([guest('web-1')], ledger), own: uuid(7) })
    expect(refused.size).toBe(0)
  })

  test.each(['joining', 'held', 'unavailable'] as const)('are refused while their cluster is %s', status => {
    const { refused } = admit([hostOf('web-1')], world([guest('web-1')], ledgerOf(), status))
    expect(refused.get(hostOf('web-1'))).toBe(`its cluster is ${status}`)
  })
})

describe('why nothing may be launched on a VM now, by what the verb needs', () => {
  const NEVER = { boot: '', reachable: false, address: '' }
  const STOPPED = { boot: '', phase: '', status: 'Stopped', addresses: [], address: '', agent_connected: false }
  const RIVAL = { address: '10.1.0.1', host: 'web-9.shop.prod-1', uid: 'u9' }
  const other = newRun({ id: uuid(7), verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts: [] }, NOW)
  const all = { ...other, id: uuid(8), external: { by: 'al', launch_type: '', limit: '', whole: true, copy_of: '' } }

  test.each<[what: string, vm: GuestWish, around: Around, guest: string, vm: string]>([
    ['ready', {}, {}, '', ''],
    ['stopped', { seen: STOPPED, told: NEVER }, {}, 'not ready: stopped', ''],
    ['paused', { seen: { paused: true } }, {}, 'not ready: paused', ''],
    ['without an agent', { seen: { agent_connected: false }, told: NEVER }, {}, 'not ready: no agent', ''],
    ['without an address', { seen: { address: '', addresses: [] }, told: NEVER }, {}, 'not ready: no address', ''],
    ['not reachable for long enough', { told: NEVER }, {}, 'not ready: settling', ''],
    [
      'at an address that is another’s by better right',
      { told: { conflict: RIVAL } },
      {},
      'conflicting address: another VM has the better claim to 10.1.0.1',
      '',
    ],
    ['of another OS', { family: 'windows' }, { os: ['linux'] }, ...both('its OS (windows) is not one the verb is for')],
    ['of no OS that is known', { family: '' }, {}, 'its OS (unknown) is not one the verb is for', ''],
    [
      'of no OS that is known, for a verb that is for some',
      { family: '', seen: STOPPED, told: NEVER },
      { os: ['linux'] },
      ...both('its OS (unknown) is not one the verb is for'),
    ],
    ['of a cluster that is held', { seen: STOPPED }, { status: 'held' }, ...both('its cluster is held')],
    ['of a cluster that can not be seen', {}, { status: 'unavailable' }, ...both('its cluster is unavailable')],
    ['of a cluster that is not known', {}, { status: 'absent' }, ...both('its cluster is unknown')],
    ['held by a run', {}, { run: { ...other, hosts: [meant(guest('web-1'))] } }, ...both(`run ${uuid(7)} holds it`)],
    ['held by a job of others', {}, { run: all }, ...both('job 0 (T) of al may run on it')],
  ])('%s', (_, wish, { status, os = ['linux', 'windows'], run }, forGuest, forVm) => {
    const record = guest('web-1', wish)
    const fleet = fleetOf([record], status)
    const ledger = ledgerOf(run === undefined ? {} : { runs: [run] })
    const world = { clusters: fleet.clusters, ledger, os }
    expect(whyNotNow(record, world)).toBe(forGuest)
    expect(whyNotNow(record, { ...world, needs: 'guest' })).toBe(forGuest)
    expect(whyNotNow(record, { ...world, needs: 'vm' })).toBe(forVm)
  })

  test('nothing while the ledger is lost', () => {
    const { clusters } = fleetOf([])
    const ledger = new Ledger(() => [{ id: 'l', stream: 'state.runs', at: NOW, reason: 'records are gone' }])
    for (const needs of ['guest', 'vm'] as const)
      expect(whyNotNow(guest('web-1'), { clusters, ledger, needs })).toContain(
        'the ledger of what was launched is lost',
      )
  })

  test('a VM that is gone is nobody’s, whatever the verb needs', () => {
    const fleet = fleetOf([])
    const world = { byHost: (host: string) => fleet.byHost(host), clusters: fleet.clusters, ledger: ledgerOf() }
    expect([...admit([hostOf('web-1')], { ...world, needs: 'vm' }).refused.values()]).toEqual([
      'no VM has this host name',
    ])
  })
})

interface Around {
  readonly status?: ClusterStatus | 'absent'
  readonly os?: readonly string[]
  readonly run?: Run
}

function both(reason: string): [string, string] {
  return [reason, reason]
}
