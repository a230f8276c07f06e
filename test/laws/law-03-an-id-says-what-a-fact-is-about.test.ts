import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/vm/index.ts'
import { vmEvent } from '../../src/vm/index.ts'
import { played, steps } from '../vm/life.ts'
import { CLUSTER, HOLDS, reachable, Story, vm, vmi } from '../vm/story.ts'

const RUNS = { numRuns: 150 } as const
const idsOf = (facts: readonly Fact[]): readonly string[] => facts.map(fact => fact.id)

describe('An id says what the fact is about, not when we saw it.', () => {
  test('the same life seen at another time has the same ids, and each occurrence its own', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, later) => {
        const then = new Story()
        then.now += later
        const ids = idsOf(played(all).facts)
        expect(idsOf(played(all, then).facts)).toEqual(ids)
        expect(new Set(ids).size).toBe(ids.length)
      }),
      RUNS,
    )
  })

  test('a fact has the same id whether it was seen live or found by a list, in a burst or alone', () => {
    const gone = (how: Parameters<Story['look']>[2]): string => new Story().look(vm()).look(null, null, how).last.id
    expect(new Set([gone({}), gone({ origin: 'sync', gap: true }), gone({ burst: true })]).size).toBe(1)
    const boot = (how: Parameters<Story['look']>[2]): string =>
      new Story().look(vm()).look(vm(), vmi({ agentConnected: false }), how).last.id
    expect(boot({ origin: 'sync', gap: true })).toBe(boot({}))
  })

  test('the identity of a cluster is its uid, not its name or its hub', () => {
    const id = (cluster: Partial<typeof CLUSTER>): string =>
      new Story().look(vm(), null, { cluster: { ...CLUSTER, ...cluster } }).last.id
    expect(id({ name: 'renamed', hub: 'hub2' })).toBe(id({}))
    expect(id({ uid: 'another' })).not.toBe(id({}))
  })

  test('started and stopped are about the boot, migrated about the migration, changed values about both values', () => {
    const boots = (uid: string): string =>
      new Story().look(vm()).look(vm(), vmi({ uid, agentConnected: false })).last.id
    expect(boots('boot-1')).toBe(boots('boot-1'))
    expect(boots('boot-2')).not.toBe(boots('boot-1'))
    const moves = (uid: string): string =>
      reachable().look(vm(), vmi({ node: 'node-2', migrated: { uid, from: '', to: '' } })).last.id
    expect(moves('m-2')).not.toBe(moves('m-1'))
    const readdressed = (address: string): string =>
      reachable().look(vm(), vmi({ address })).wait(HOLDS.address).last.id
    expect(readdressed('10.0.0.3')).not.toBe(readdressed('10.0.0.2'))
  })

  test('it is the id of the CloudEvent, whenever that is made', () => {
    const { last } = reachable()
    expect([vmEvent(last, 0).id, vmEvent(last, 1e12).id]).toEqual([last.id, last.id])
  })
})
