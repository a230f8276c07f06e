import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ManagedCluster } from '../../src/cluster/managed.ts'
import { compare, type HubInbound, Selection, type SelectionRule } from '../../src/cluster/selection.ts'
import { KubeError } from '../../src/kube/index.ts'

const HOLD = 5_000
const PLACEMENT = { namespace: 'ops', name: 'fleet' }

describe('a look at a selection', () => {
  const look = (was: Record<string, number>, is: readonly string[], now: number): object => {
    const { selected, left } = compare(new Map(Object.entries(was)), new Set(is), now, HOLD)
    return { selected: Object.fromEntries(selected), left }
  }
  test.each([
    ['who is selected now is so from now on', {}, ['a'], 1, { selected: { a: 0 }, left: [] }],
    ['who was and is selected stays', { a: 0 }, ['a'], 1, { selected: { a: 0 }, left: [] }],
    ['who is not selected any more is counted from then', { a: 0 }, [], 7, { selected: { a: 7 }, left: [] }],
    ['who was away for less than the hold did not leave', { a: 7 }, [], 7 + HOLD - 1, { selected: { a: 7 }, left: [] }],
    ['who was away for the hold left', { a: 7 }, [], 7 + HOLD, { selected: {}, left: ['a'] }],
    ['who is back before that begins anew', { a: 7 }, ['a'], 8, { selected: { a: 0 }, left: [] }],
  ])('%s', (_, was, is, now, becomes) => {
    expect(look(was, is, now)).toEqual(becomes)
  })
})

/** A hub that says something, a word at a time. */
class Told {
  readonly selection: Selection
  now = 1_000

  constructor(rule: Partial<SelectionRule> = {}, before: readonly string[] = []) {
    const all: SelectionRule = { labels: [], clusterSet: '', placement: null }
    const nameOf = (managed: string): string => (managed === 'local-cluster' ? 'hub1-local' : managed)
    this.selection = new Selection({ rule: { ...all, ...rule }, before, nameOf, holdMs: HOLD })
  }

  clusters(...names: readonly string[]): this {
    const objects = new Map(names.map(name => [name, managed(name)]))
    return this.say({ of: 'cluster', observed: { kind: 'listed', objects, resourceVersion: '1' } })
  }

  slices(slices: Readonly<Record<string, readonly string[]>>): this {
    const objects = new Map(
      Object.entries(slices).map(([name, clusters]) => [name, { name, placement: 'fleet', clusters }]),
    )
    return this.say({ of: 'decision', observed: { kind: 'listed', objects, resourceVersion: '1' } })
  }

  slice(name: string, ...clusters: readonly string[]): this {
    return this.say({ of: 'decision', observed: { kind: 'changed', object: { name, placement: 'fleet', clusters } } })
  }

  say(inbound: HubInbound): this {
    this.selection.observe(inbound)
    return this
  }

  wait(ms: number): this {
    this.now += ms
    return this
  }

  /** `+a` came and is new, `=a` came, `-a` left, `!a` is detached. */
  look(): string {
    const { came, left, added } = this.selection.review(this.now)
    const names = [...came.keys()].map(name => `${added.includes(name) ? '+' : '='}${name}`)
    return [...names, ...[...left].map(([name, how]) => `${how === 'detached' ? '!' : '-'}${name}`)].join(' ')
  }
}

function managed(name: string, labels: Record<string, string> = {}): ManagedCluster {
  return { name, uid: name, labels, accepted: true, joined: true, word: 'well', url: '', ca: '' }
}

describe('the clusters of a hub', () => {
  test('are known when they were listed, and by the names they have here', () => {
    const hub = new Told()
    expect([hub.look(), hub.selection.seen]).toEqual(['', false])
    expect(hub.clusters('a', 'local-cluster').look()).toBe('+a +hub1-local')
    expect(hub.look()).toBe('')
    expect(hub.selection.find('local-cluster')?.name).toBe('local-cluster')
  })

  test('that were selected in an earlier life come without being news, and those that are gone leave', () => {
    const hub = new Told({}, ['a', 'gone']).clusters('a', 'b')
    expect(hub.look()).toBe('=a +b')
    expect(hub.selection.due).toBe(hub.now + HOLD)
    expect(hub.wait(HOLD).look()).toBe('!gone')
    expect(hub.selection.due).toBeNull()
  })

  test('that come back are watched anew', () => {
    const hub = new Told().clusters('a')
    hub.look()
    expect([hub.clusters().look(), hub.wait(HOLD).look(), hub.clusters('a').look()]).toEqual(['', '!a', '+a'])
  })
})

describe('a Placement', () => {
  const placed = (): Told => new Told({ placement: PLACEMENT }).clusters('a', 'b', 'c')

  test('chooses by all slices of its decision together', () => {
    const hub = placed()
    expect(hub.look()).toBe('')
    expect(hub.slices({ 'fleet-1': ['a'], 'fleet-2': ['c', 'unknown-to-the-hub'] }).look()).toBe('+a +c')
  })

  test('that was not decided yet is unknown, and chooses nobody away', () => {
    const hub = placed().slices({ 'fleet-1': ['a'] })
    hub.look()
    hub.slices({})
    expect(hub.selection.unknown).toBe('there is no decision of the Placement ops/fleet')
    expect(hub.look() + hub.wait(10 * HOLD).look()).toBe('')
  })

  test('with an empty decision chose none: all leave', () => {
    const hub = placed().slices({ 'fleet-1': ['a', 'b'] })
    hub.look()
    expect([hub.slice('fleet-1').look(), hub.wait(HOLD).look()]).toEqual(['', '-a -b'])
  })

  test('that moves a cluster to another slice moves nobody', () => {
    const hub = placed().slices({ 'fleet-1': ['a', 'b'], 'fleet-2': [] })
    hub.look()
    hub.slice('fleet-1', 'a').look()
    expect(hub.wait(1).slice('fleet-2', 'b').look() + hub.wait(HOLD).look()).toBe('')
  })

  test('of another name in the same namespace is not asked', () => {
    const hub = placed()
    const other = { name: 'x', placement: 'other', clusters: ['a'] }
    hub.slices({}).say({ of: 'decision', observed: { kind: 'changed', object: other } })
    expect(hub.look()).toBe('')
  })
})

describe('a Placement that is not decided when the bridge starts', () => {
  const again = (): Told => new Told({ placement: PLACEMENT }, ['a', 'gone']).clusters('a', 'b').slices({})

  test('lets those be watched on that were selected before and are still managed, and nobody else', () => {
    const hub = again()
    expect([hub.look(), hub.look(), hub.selection.unknown]).toEqual([
      '=a',
      '',
      'there is no decision of the Placement ops/fleet',
    ])
  })

  test('says who left and who is new when it is decided', () => {
    const hub = again()
    hub.look()
    expect(hub.slices({ 'fleet-1': ['b'] }).look()).toBe('+b')
    expect(hub.wait(HOLD).look()).toBe('-a !gone')
  })
})

describe('a ManagedClusterSet', () => {
  const set = { name: 'blue', requirements: [{ key: 'set', operator: 'in', values: ['blue'] }] } as const
  const listed = (...sets: readonly (typeof set)[]): HubInbound => {
    const objects = new Map(sets.map(one => [one.name, one]))
    return { of: 'set', observed: { kind: 'listed', objects, resourceVersion: '1' } }
  }

  test('chooses by what its clusters are known by; that it is not there is unknown', () => {
    const hub = new Told({ clusterSet: 'blue' }).clusters('a').say(listed())
    expect([hub.look(), hub.selection.unknown]).toEqual(['', 'the hub has no ManagedClusterSet blue'])
    hub.say({ of: 'cluster', observed: { kind: 'changed', object: managed('b', { set: 'blue' }) } })
    expect(hub.say(listed(set)).look()).toBe('+b')
  })
})

describe('a hub that can not be seen', () => {
  const error = new KubeError('unreachable', 'no route')

  test('changes nothing, whatever it said last and however long it takes; then the time away begins anew', () => {
    const hub = new Told({ placement: PLACEMENT }).clusters('a', 'b').slices({ 'fleet-1': ['a', 'b'] })
    hub.look()
    hub.slice('fleet-1', 'a').look()
    hub.say({ of: 'cluster', observed: { kind: 'unavailable', error } })
    expect([hub.wait(100 * HOLD).look(), hub.selection.due]).toEqual(['', null])
    hub.say({ of: 'cluster', observed: { kind: 'watching' } })
    expect([hub.look(), hub.wait(HOLD - 1).look(), hub.wait(1).look()]).toEqual(['', '', '-b'])
  })

  test('nobody leaves who was selected at every look at a hub that was seen', () => {
    const word = fc.oneof(
      fc.constant({ kind: 'blind' as const }),
      fc.constant({ kind: 'sees' as const }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 2 * HOLD }) }),
      fc.record({ kind: fc.constant('slice' as const), others: fc.subarray(['b', 'c', 'd']) }),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), words => {
        const hub = new Told({ placement: PLACEMENT }).clusters('a', 'b', 'c', 'd').slices({ 'fleet-1': ['a'] })
        let told = hub.look()
        for (const one of words) {
          if (one.kind === 'blind') hub.say({ of: 'decision', observed: { kind: 'unavailable', error } })
          else if (one.kind === 'sees') hub.say({ of: 'decision', observed: { kind: 'watching' } })
          else if (one.kind === 'wait') hub.wait(one.ms)
          else hub.slice('fleet-1', 'a', ...one.others)
          told += ` ${hub.look()}`
        }
        expect(told.split(' ').filter(one => one.endsWith('a'))).toEqual(['+a'])
      }),
      { numRuns: 200 },
    )
  })
})
