import { describe, expect, test } from 'vitest'
import { type HostResult, Ledger, newRun, type Run, type VerbRecord } from '../../src/day2/index.ts'
import { KEPT_RESULTS, KEPT_RUNS } from '../../src/day2/ledger.ts'
import { finished, forgotten, planned } from '../../src/day2/record.ts'
import { START } from '../../src/log/index.ts'
import { guest, hostOf, meant, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)
const hosts = [meant(guest('web-1')), meant(guest('web-2'))]

function run(change: Partial<Run> = {}): Run {
  const wish = { id: uuid(1), verb: 'onboard' as const, template: 'T', askedBy: 'bridge', reason: '' }
  return { ...newRun({ ...wish, hosts }, NOW), ...change }
}

function told(ledger: Ledger): unknown {
  const runs = [...ledger.runs.values()]
  return structuredClone({
    runs,
    active: ledger.active(),
    verbs: [...ledger.verbs()],
    results: runs.map(each => ledger.results(each.id)),
    commands: ledger.commands,
    holders: hosts.map(host => ledger.holder(host.uid)?.id),
  })
}

function write(ledger: Ledger, entries: ReturnType<typeof planned>): void {
  for (const entry of entries) if (entry.stream === 'state.runs') ledger.apply(entry)
}

describe('the ledger', () => {
  test('says the same after the same entries twice, each once more or all over again', () => {
    const once = new Ledger()
    const twice = new Ledger()
    const end = (ledger: Ledger) =>
      finished(run(), new Map([[hostOf('web-1'), { outcome: 'ok', detail: '' }]]), '', { ledger, now: NOW })
    const entries = [...planned(run(), once, NOW), ...end(once).entries].filter(entry => entry.stream === 'state.runs')
    for (const entry of entries) once.apply(entry)
    for (const entry of entries) {
      twice.apply(entry)
      twice.apply(entry)
    }
    expect(told(twice)).toEqual(told(once))
    write(once, entries)
    expect(told(twice)).toEqual(told(once))
  })

  test.each([
    ['planned', true],
    ['updating', true],
    ['posting', true],
    ['searching', true],
    ['following', true],
    ['finished', false],
  ] as const)('a run that is %s holds its VMs: %s', (status, holds) => {
    const ledger = new Ledger()
    ledger.apply({ key: `run/${uuid(1)}`, value: run({ status }) })
    expect(ledger.active()).toHaveLength(holds ? 1 : 0)
    expect(ledger.holder('uid-web-1')?.id).toBe(holds ? uuid(1) : undefined)
    expect(ledger.holder('uid-other')).toBeUndefined()
  })

  test('a host that was left out is not held', () => {
    const ledger = new Ledger()
    ledger.apply({
      key: `run/${uuid(1)}`,
      value: run({ hosts: hosts.slice(0, 1), left_out: [{ ...hosts[1]!, reason: 'x' }] }),
    })
    expect(ledger.holder('uid-web-2')).toBeUndefined()
  })

  test('tombstones take away what they name and no more', () => {
    const ledger = new Ledger()
    write(ledger, planned(run(), ledger, NOW))
    write(ledger, finished(run(), new Map(), '', { ledger, now: NOW }).entries)
    ledger.apply({ key: 'position/commands', value: { schema: 1, kind: 'position', position: '7' } })
    expect(ledger.commands).toBe('7')
    ledger.apply({ key: `run/${uuid(1)}/${hostOf('web-1')}`, value: null })
    expect(ledger.results(uuid(1)).map(result => result.host)).toEqual([hostOf('web-2')])
    ledger.apply({ key: `vm/uid-web-1/onboard`, value: null })
    expect(ledger.verb('uid-web-1', 'onboard')).toBeUndefined()
    expect(ledger.verb('uid-web-2', 'onboard')?.status).toBe('unknown')
    ledger.apply({ key: `run/${uuid(1)}`, value: null })
    expect(ledger.runs.size).toBe(0)
    expect(ledger.results(uuid(1))).toEqual([])
    ledger.apply({ key: 'position/commands', value: null })
    expect(ledger.commands).toBe(START)
  })

  test.each(['', 'a/b', '/', 'x/y/z', 'constructor'])('a result of a host called %j is a result, and no run', host => {
    const ledger = new Ledger()
    const value: HostResult = {
      schema: 1,
      kind: 'host',
      run: uuid(1),
      host,
      uid: '',
      outcome: 'refused',
      detail: '',
      at: NOW,
    }
    ledger.apply({ key: `run/${uuid(1)}`, value: run() })
    ledger.apply({ key: `run/${uuid(1)}/${host}`, value })
    expect(ledger.results(uuid(1))).toEqual([value])
    expect(ledger.runs.get(uuid(1))).toEqual(run())
    ledger.apply({ key: `run/${uuid(1)}/${host}`, value: null })
    expect(ledger.results(uuid(1))).toEqual([])
    expect(ledger.runs.size).toBe(1)
  })

  test('an entry of a kind that is not known changes nothing', () => {
    const ledger = new Ledger()
    const before = told(ledger)
    ledger.apply({ key: 'window/1', value: { schema: 1 } })
    ledger.apply({ key: '', value: null })
    expect(told(ledger)).toEqual(before)
  })

  test(`keeps no more than ${KEPT_RESULTS} results of hosts, but always the newest run; runs of others push out none of ours`, () => {
    const ledger = new Ledger()
    const finish = (number: number, at: number, external: boolean): void => {
      const more = external ? { external: { by: '', launch_type: '', limit: '', whole: true, copy_of: '' } } : {}
      ledger.apply({
        key: `run/${uuid(number)}`,
        value: run({ id: uuid(number), status: 'finished', finished_at: at, ...more }),
      })
    }
    finish(1, NOW, true)
    finish(2, NOW + 1, true)
    finish(3, NOW - 1, false)
    for (let host = 0; host <= KEPT_RESULTS / 2; host += 1)
      for (const of of [1, 2])
        ledger.apply({ key: `run/${uuid(of)}/h-${host}`, value: { kind: 'host', host: `h-${host}` } })
    expect(ledger.expired().map(each => each.id)).toEqual([uuid(1)])
    for (let number = 0; number < KEPT_RUNS + 5; number += 1) finish(10_000 + number, NOW + 10 + number, true)
    expect(ledger.expired().map(each => each.id)).not.toContain(uuid(3))
  })

  test(`keeps the last ${KEPT_RUNS} runs that finished, and every one that has not`, () => {
    const ledger = new Ledger()
    for (let index = 0; index < KEPT_RUNS + 3; index++) {
      const finishedAt = NOW + ((index * 7) % (KEPT_RUNS + 3))
      const value = run({ id: uuid(index + 10), status: 'finished', finished_at: finishedAt })
      ledger.apply({ key: `run/${value.id}`, value })
    }
    ledger.apply({ key: `run/${uuid(1)}`, value: run({ finished_at: 0 }) })
    ledger.apply({ key: `run/${uuid(10)}/x`, value: { kind: 'host', host: 'x', run: uuid(10) } })
    const expired = ledger.expired()
    expect(expired.map(each => each.finished_at)).toEqual([NOW, NOW + 1, NOW + 2])
    const entries = forgotten(expired, ledger)
    expect(entries.map(entry => [entry.key, entry.value])).toContainEqual([`run/${uuid(10)}/x`, null])
    write(ledger, entries)
    expect(ledger.runs.size).toBe(KEPT_RUNS + 1)
    expect(ledger.expired()).toEqual([])
    expect(ledger.active().map(each => each.id)).toEqual([uuid(1)])
  })

  test('a verb says what it last did to one incarnation, whatever run it was', () => {
    const ledger = new Ledger()
    const value = { uid: 'u', verb: 'patch', status: 'ok', run: uuid(1) } as VerbRecord
    ledger.apply({ key: 'vm/u/patch', value })
    ledger.apply({ key: 'vm/u/patch', value: { ...value, run: uuid(2), status: 'failed' } })
    expect(ledger.verb('u', 'patch')).toMatchObject({ run: uuid(2), status: 'failed' })
    expect(ledger.verb('u', 'onboard')).toBeUndefined()
    expect([...ledger.verbs()]).toHaveLength(1)
  })
})
