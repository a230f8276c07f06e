import { describe, expect, test } from 'vitest'
import { type Caps, fitting, loadOf, NO_LOAD, nodesOf, noRoom, waitingFor } from '../../src/day2/caps.ts'
import { Ledger, type Run, type RunHost } from '../../src/day2/index.ts'
import { runOf } from '../../src/day2/intake.ts'
import { newRun } from '../../src/day2/new-run.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { cluster, guest, uuid } from './guest.ts'

const CAPS: Caps = { jobs: 3, jobsPerTemplate: 2, hostsPerCluster: 4, hostsPerNode: 2 }

/** `prod-1/a-1` runs on node `a` of its cluster. */
const nodeOf = (key: string): string =>
  key.includes('?') ? '' : `${key.split('/')[0]}/${key.split('/')[1]?.[0] ?? ''}`

function host(key: string): RunHost {
  return { host: key.replaceAll('/', '.'), key, uid: key, address: '10.0.0.1' }
}

let made = 0
function run(keys: readonly string[], more: Partial<Run> = {}): Run {
  made += 1
  const wish = {
    id: uuid(made),
    verb: 'patch',
    template: 'P',
    askedBy: 'ops',
    reason: '',
    hosts: keys.map(host),
  } as const
  return { ...newRun(wish, made), status: 'following', ...more }
}

describe('a job waits for room', () => {
  const cases: readonly [string, readonly Run[], Run, string][] = [
    ['none is in flight', [], run(['c/a-1']), ''],
    [
      'so many are, in all',
      [run([]), run([], { template: 'Q' }), run([], { template: 'R' })],
      run([]),
      '3 jobs are in flight',
    ],
    ['so many are, of its template', [run([]), run([])], run([]), '2 jobs of P are in flight'],
    ['so many are, of another template', [run([]), run([])], run([], { template: 'Q' }), ''],
    [
      'its cluster is full',
      [run(['c/a-1', 'c/b-1', 'c/d-1', 'c/e-1'])],
      run(['c/f-1']),
      'cluster c has 4 hosts under way',
    ],
    [
      'it would fill its cluster itself',
      [run(['c/a-1', 'c/b-1'])],
      run(['c/d-1', 'c/e-1', 'c/f-1']),
      'cluster c has 4 hosts under way',
    ],
    ['another cluster is full', [run(['c/a-1', 'c/b-1', 'c/d-1', 'c/e-1'])], run(['d/a-1']), ''],
    ['its node is full', [run(['c/a-1', 'c/a-2'])], run(['c/a-3']), 'node c/a has 2 hosts under way'],
    ['the node of that name of another cluster is full', [run(['c/a-1', 'c/a-2'])], run(['d/a-3']), ''],
    ['where it runs is not known', [run(['c/?-1', 'c/?-2', 'c/?-3'])], run(['c/?-4']), ''],
    ['those that only wait are no load', [run(['c/a-1', 'c/a-2'], { status: 'planned' })], run(['c/a-3']), ''],
    [
      'those that are searched for are',
      [run(['c/a-1', 'c/a-2'], { status: 'searching' })],
      run(['c/a-3']),
      'node c/a has 2 hosts under way',
    ],
    [
      'jobs of others take no place of a job, but one of a host',
      [run([], EXTERNAL), run([], EXTERNAL), run(['c/a-1', 'c/a-2'], EXTERNAL)],
      run(['c/a-3']),
      'node c/a has 2 hosts under way',
    ],
  ]

  test.each(cases)('when %s', (...[, others, wish, why]) => {
    expect(noRoom(wish, loadOf(others, nodeOf), CAPS, nodeOf)).toBe(why)
  })

  test('the oldest goes first, and who is behind sees it as under way', () => {
    const [old, young, youngest] = ['c/a-1', 'c/a-2', 'c/a-3'].map(key => run([key], { status: 'planned' }))
    if (old === undefined || young === undefined || youngest === undefined) throw new Error('no runs')
    const waiting = waitingFor([youngest, old, young], CAPS, nodeOf)
    expect([...waiting].map(([each, why]) => [each.id, why])).toEqual([[youngest.id, '2 jobs of P are in flight']])
  })
})

const EXTERNAL = {
  external: { by: 'alice', launch_type: 'manual', limit: '', whole: false, copy_of: '' },
} as const satisfies Partial<Run>

test('of hosts as many are taken as have room, in their order', () => {
  const { fit, full } = fitting(['c/a-1', 'c/a-2', 'c/a-3', 'c/b-1'].map(host), NO_LOAD, CAPS, nodeOf)
  expect(fit.map(each => each.key)).toEqual(['c/a-1', 'c/a-2', 'c/b-1'])
  expect([...full]).toEqual([['c.a-3', 'node c/a has 2 hosts under way']])
})

describe('what a person asks for', () => {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: cluster() })
  const records = [1, 2, 3].map(number => guest(`web-${number}`))
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const command = {
    schema: 1,
    kind: 'run',
    id: uuid(7_000),
    verb: 'patch',
    hosts: records.map(record => `${record.name}.shop.prod-1`),
    asked_by: 'ops',
    reason: '',
    at: 0,
  } as const
  const policy = { template: 'P', driver: 'bridge', os: ['linux'] } as const

  test('beyond what may ever run on a node at once is left out, with what to do', () => {
    const around = { fleet, ledger: new Ledger(), policy, caps: { hostsPerCluster: 10, hostsPerNode: 2 } }
    const asked = runOf(command, around, 1)
    expect(asked.run.hosts).toHaveLength(2)
    expect(asked.run.left_out.map(out => out.reason)).toEqual([
      'node prod-1/n1 has 2 hosts under way, as one asks for more: ask for fewer at once',
    ])
    expect(nodesOf(fleet)('prod-1/shop/web-1')).toBe('prod-1/n1')
  })

  test('beside a thousand runs that wait already is refused', () => {
    const ledger = new Ledger()
    for (let number = 0; number < 1_000; number += 1) {
      const id = uuid(20_000 + number)
      ledger.apply({ key: `run/${id}`, value: run([], { id, status: 'planned' }) })
    }
    const around = { fleet, ledger, policy, caps: { hostsPerCluster: 10, hostsPerNode: 10 } }
    expect(runOf(command, around, 1).run).toMatchObject({ outcome: 'refused', status: 'finished' })
    ledger.apply({ key: `run/${uuid(20_000)}`, value: null })
    expect(runOf(command, around, 1).run).toMatchObject({ status: 'planned' })
  })
})
