import { describe, expect, test } from 'vitest'
import { Ledger, newRun, type Run, type VerbRecord, whyNotOnboard } from '../../src/day2/index.ts'
import { finished, type Outcomes, planned, started } from '../../src/day2/record.ts'
import { leaveOut, type HostResult } from '../../src/day2/run.ts'
import type { Day2EventData, Event } from '../../src/event/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { Entry } from '../../src/log/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { cluster, guest, hostOf, meant, POLICY, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const guests = ['web-1', 'web-2', 'web-3'].map(name => meant(guest(name)))
const [one, two, three] = ['web-1', 'web-2', 'web-3'].map(hostOf) as [string, string, string]

function run(change: Partial<Run> = {}): Run {
  const wish = { id: uuid(1), verb: 'onboard' as const, template: 'Day2 | Onboard', askedBy: 'bridge', reason: 'news' }
  return { ...newRun({ ...wish, hosts: guests }, NOW), ...change }
}

function apply(ledger: Ledger, entries: readonly Entry[]): void {
  for (const entry of entries) if (entry.stream === 'state.runs') ledger.apply(entry)
}

const events = (entries: readonly Entry[]) =>
  entries.flatMap(entry => (entry.stream === 'events.day2' ? [entry.value as Event<Day2EventData>] : []))

const outcomes = (of: Record<string, HostResult['outcome']>): Outcomes =>
  new Map(Object.entries(of).map(([host, outcome]) => [host, { outcome, detail: `it is ${outcome}` }]))

describe('a run that ends', () => {
  test('has exactly one outcome for each host that was asked for, those left out included, and for no other', () => {
    const ledger = new Ledger()
    const left = leaveOut(run(), new Map([[three, 'moved']]))
    const end = finished(left, outcomes({ [one]: 'ok', stranger: 'failed' }), 'done', { ledger, now: NOW })
    apply(ledger, end.entries)
    expect(ledger.results(uuid(1)).map(({ host, outcome, detail }) => [host, outcome, detail])).toEqual([
      [one, 'ok', 'it is ok'],
      [two, 'unknown', 'nothing is known of it'],
      [three, 'refused', 'moved'],
    ])
    expect(events(end.entries).map(({ data }) => [data.fact, data.host, data.outcome])).toEqual([
      ['host_succeeded', one, 'ok'],
      ['host_unknown', two, 'unknown'],
      ['launch_refused', three, 'refused'],
      ['run_finished', '', 'failed'],
    ])
    expect(end.run).toMatchObject({ status: 'finished', finished_at: NOW, message: 'done' })
    expect(end.run.counts).toEqual({ ok: 1, unknown: 1, refused: 1 })
    expect(ledger.active()).toEqual([])
  })

  test('is recorded last: whoever sees it finished sees every outcome', () => {
    expect(finished(run(), new Map(), '', { ledger: new Ledger(), now: NOW }).entries.at(-1)?.key).toBe(
      `run/${uuid(1)}`,
    )
  })

  test.each([
    [{ [one]: 'ok', [two]: 'ok', [three]: 'ok' }, 'ok'],
    [{ [one]: 'ok', [two]: 'failed', [three]: 'ok' }, 'failed'],
    [{ [one]: 'ok', [two]: 'missing', [three]: 'ok' }, 'failed'],
    [{ [one]: 'ok', [two]: 'unreachable', [three]: 'ok' }, 'failed'],
    [{ [one]: 'ok', [two]: 'unknown', [three]: 'ok' }, 'failed'],
    [{ [one]: 'unknown', [two]: 'unknown', [three]: 'unknown' }, 'unknown'],
    [{ [one]: 'refused', [two]: 'unknown', [three]: 'unknown' }, 'unknown'],
    [{ [one]: 'refused', [two]: 'refused', [three]: 'refused' }, 'refused'],
    [{ [one]: 'refused', [two]: 'ok', [three]: 'ok' }, 'failed'],
    [{}, 'unknown'],
  ] as const)('whose hosts came to %j came to %s', (of, overall) => {
    expect(finished(run(), outcomes(of), '', { ledger: new Ledger(), now: NOW }).run.outcome).toBe(overall)
  })

  test('without any host was refused', () => {
    expect(finished(run({ hosts: [] }), new Map(), '', { ledger: new Ledger(), now: NOW }).run.outcome).toBe('refused')
  })
})

describe('events', () => {
  test('repeat with the same ids, whenever they are made again', () => {
    const left = leaveOut(run(), new Map([[three, 'moved']]))
    const make = (now: number) => [
      ...started(left, now),
      ...finished(left, outcomes({ [one]: 'ok' }), '', { ledger: new Ledger(), now }).entries,
    ]
    const ids = (now: number) => events(make(now)).map(event => event.id)
    expect(ids(NOW + 5_000)).toEqual(ids(NOW))
  })

  test('have ids of their own, also for hosts that are no VM', () => {
    const ghosts = ['ghost-1', 'ghost-2'].map(host => ({ host, key: host, uid: '', address: '', reason: 'no VM' }))
    const ids = events(
      finished(run({ left_out: ghosts }), new Map(), '', { ledger: new Ledger(), now: NOW }).entries,
    ).map(({ id }) => id)
    expect(ids).toHaveLength(6)
    expect(new Set(ids).size).toBe(6)
  })

  test('name a cluster only where there is one', () => {
    const left = [{ host: 'ghost', key: 'ghost', uid: '', address: '', reason: 'no VM' }]
    const made = events(finished(run({ left_out: left }), new Map(), '', { ledger: new Ledger(), now: NOW }).entries)
    expect(made.map(event => [event.source, event.subject])).toEqual([
      ['/clusters/prod-1', 'prod-1/shop/web-1'],
      ['/clusters/prod-1', 'prod-1/shop/web-2'],
      ['/clusters/prod-1', 'prod-1/shop/web-3'],
      ['/virtbridge', 'ghost'],
      ['/virtbridge', uuid(1)],
    ])
  })
})

describe('what a verb did last to a VM', () => {
  const verbs = (ledger: Ledger, of: 'onboard' | 'patch' = 'onboard') =>
    guests.map(host => {
      const { status = '', refusals = 0, run: by = '' } = ledger.verb(host.uid, of) ?? {}
      return [status, refusals, by]
    })

  test('is running from the moment the run is planned, and then what became of it', () => {
    const ledger = new Ledger()
    apply(ledger, planned(run(), ledger, NOW))
    expect(verbs(ledger)).toEqual(guests.map(() => ['running', 0, uuid(1)]))
    const left = leaveOut(run(), new Map([[three, 'moved']]))
    apply(ledger, finished(left, outcomes({ [one]: 'ok', [two]: 'missing' }), '', { ledger, now: NOW }).entries)
    expect(verbs(ledger)).toEqual([
      ['ok', 0, uuid(1)],
      ['missing', 0, uuid(1)],
      ['refused', 1, uuid(1)],
    ])
  })

  test('counts refusals in a row, and forgets them once something ran', () => {
    const ledger = new Ledger()
    const attempt = (number: number, of: Record<string, HostResult['outcome']>) => {
      const next = run({ id: uuid(number), hosts: guests.slice(0, 1) })
      apply(ledger, planned(next, ledger, NOW))
      apply(ledger, finished(next, outcomes(of), '', { ledger, now: NOW }).entries)
      return ledger.verb(guests[0]!.uid, 'onboard')
    }
    expect(attempt(1, { [one]: 'refused' })).toMatchObject({ status: 'refused', refusals: 1 })
    expect(attempt(2, { [one]: 'refused' })).toMatchObject({ status: 'refused', refusals: 2 })
    expect(attempt(3, { [one]: 'failed' })).toMatchObject({ status: 'failed', refusals: 0 })
  })

  test.each(['ok', 'failed', 'unreachable', 'missing', 'unknown'] as const)(
    'stays %s when a person asks again and nothing runs: nothing starts by itself from that',
    outcome => {
      const ledger = new Ledger()
      apply(ledger, planned(run(), ledger, NOW))
      apply(
        ledger,
        finished(run(), outcomes({ [one]: outcome, [two]: outcome, [three]: outcome }), '', { ledger, now: NOW })
          .entries,
      )
      const before = [...ledger.verbs()]
      const again = run({ id: uuid(2), asked_by: 'ops' })
      apply(ledger, planned(again, ledger, NOW + 1))
      expect(verbs(ledger).map(([status]) => status)).toEqual(['running', 'running', 'running'])
      const out = leaveOut(again, new Map([one, two, three].map(host => [host, 'no template'])))
      apply(ledger, finished(out, new Map(), '', { ledger, now: NOW + 2 }).entries)
      expect([...ledger.verbs()]).toEqual(before)
      const record = guest('web-1')
      const fleet = new Fleet()
      fleet.apply({ key: 'prod-1', value: cluster() })
      fleet.apply({ key: vmKey(record), value: record })
      expect(whyNotOnboard(record, { fleet, ledger }, POLICY, NOW + 1e12)).toBe(
        `this incarnation was onboarded once: ${outcome}`,
      )
    },
  )

  test('is not counted as a refusal of the bridge when a person was refused', () => {
    const ledger = new Ledger()
    const asked = run({ asked_by: 'ops' })
    apply(ledger, planned(asked, ledger, NOW))
    apply(ledger, finished(leaveOut(asked, new Map([[one, 'moved']])), new Map(), '', { ledger, now: NOW }).entries)
    expect(ledger.verb(guests[0]!.uid, 'onboard')).toMatchObject({ status: 'refused', refusals: 0 })
  })

  test.each([
    ['it never ran there', undefined],
    ['another run does it', { status: 'running', run: uuid(9) }],
    ['another run did it', { status: 'ok', run: uuid(9) }],
    ['another run was refused', { status: 'refused', run: uuid(9), refusals: 2 }],
  ] as const)('is not touched by a run that left the host out at once: %s', (_, there) => {
    const ledger = new Ledger()
    const value = { uid: guests[0]!.uid, verb: 'onboard', ...there } as VerbRecord
    if (there !== undefined) ledger.apply({ key: `vm/${value.uid}/onboard`, value })
    const asked = run({ asked_by: 'ops', hosts: [], left_out: [{ ...guests[0]!, reason: `run ${uuid(9)} holds it` }] })
    const end = finished(asked, new Map(), '', { ledger, now: NOW })
    apply(ledger, end.entries)
    expect(ledger.verb(value.uid, 'onboard')).toEqual(there === undefined ? undefined : value)
    expect(ledger.results(asked.id)).toMatchObject([{ outcome: 'refused' }])
  })

  test('is never recorded of a host that is no VM', () => {
    const left = [{ host: 'ghost', key: 'ghost', uid: '', address: '', reason: 'no VM' }]
    const { entries } = finished(run({ hosts: [], left_out: left }), new Map(), '', { ledger: new Ledger(), now: NOW })
    expect(entries.filter(entry => entry.key.startsWith('vm/'))).toEqual([])
  })
})
