import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { VM_FACTS } from '../../src/event/index.ts'
import { guestWords, type VmRecord } from '../../src/vm/index.ts'
import { hear, type Known } from './hear.ts'
import { played, steps } from './life.ts'
import { HOLDS } from './story.ts'

const RUNS = { numRuns: 300 } as const

test('whatever happens to a VM, and wherever a gap cuts it, the facts told one after another add up to what the record says was told', () => {
  fc.assert(
    fc.property(steps, all => {
      const { facts, record } = played(all)
      const known = facts.reduce(hear, null as Known | null)
      expect(known).toEqual(record === null ? null : toldBy(record, known))
    }),
    RUNS,
  )
})

/** What the record says was told; what no fact carries (the first address, the node while it does not run) is as it was heard. */
function toldBy(record: VmRecord, known: Known | null): Known {
  const { told, seen, uid } = record
  const runs = seen.phase === 'Running' && told.boot === seen.boot
  const [, name = '', version = '', kernel = ''] = JSON.parse(told.guest || '[]') as string[]
  return {
    uid,
    boot: told.boot,
    reachable: told.reachable,
    paused: told.paused === true,
    labels: seen.labels,
    address: known?.address === '' ? '' : told.address,
    node: runs ? seen.node : (known?.node ?? ''),
    guest: known?.guest === '' ? '' : `${name} ${version} ${kernel}`,
    // A disk that was copied while it ran is another, without a word.
    claim: known?.claim === '' ? '' : (told.claim ?? ''),
    inScope: (record.out_of_scope ?? '') === '',
  }
}

test('when all has lasted long enough, what was told is what is', () => {
  fc.assert(
    fc.property(steps, all => {
      const story = played(all)
      fc.pre((story.record?.out_of_scope ?? '') === '')
      const { record } = story.wait(HOLDS.unreachable).wait(HOLDS.unreachable)
      fc.pre(record !== null)
      const runs = record.seen.phase === 'Running'
      expect(record.waiting).toEqual([])
      expect(record.told.boot).toBe(runs ? record.seen.boot : '')
      expect(record.told.reachable).toBe(
        runs && record.seen.agent_connected && !record.seen.paused && record.seen.address !== '',
      )
      expect(record.told.paused).toBe(runs && record.seen.paused)
      expect(record.told.restart_required).toBe(runs && record.seen.restart_required === true)
      expect(record.told.claim).toBe(record.seen.claim)
      expect(record.told.guest).toBe(guestWords(record.seen))
      const over = runs || record.seen.status === 'Stopped'
      expect(record.told.failing).toBe(!over && (record.seen.failing !== '' || record.told.failing))
    }),
    RUNS,
  )
})

test('a clock that is put back keeps nothing waiting for longer than it has to last, by the clock as it goes on', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: -48 * 3_600_000, max: 0 }), (all, jump) => {
      const story = played(all)
      fc.pre((story.record?.out_of_scope ?? '') === '')
      story.now += jump
      // As with the next heartbeat.
      const { record, now } = story.wait(0)
      for (const { since, due } of record?.waiting ?? []) {
        expect(since).toBeLessThanOrEqual(now)
        expect(due).toBeLessThanOrEqual(now + HOLDS.unreachable)
      }
      expect(story.wait(HOLDS.unreachable).wait(HOLDS.unreachable).record?.waiting ?? []).toEqual([])
    }),
    RUNS,
  )
})

test('different occurrences have different ids, the same input the same ids, and created is told once per uid', () => {
  fc.assert(
    fc.property(steps, all => {
      const ids = played(all).facts.map(fact => fact.id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(played(all).facts.map(fact => fact.id)).toEqual(ids)
      const created = played(all)
        .facts.filter(fact => fact.fact === 'created')
        .map(fact => fact.about.uid)
      expect(new Set(created).size).toBe(created.length)
    }),
    RUNS,
  )
})

test('what a gap hid is marked, and nothing else is', () => {
  fc.assert(
    fc.property(steps, all => {
      const { facts } = played(all)
      for (const fact of facts) expect(fact.gap).toBe(fact.origin === 'sync')
      const hidden = all.some(step => step.do === 'gap')
      expect(facts.filter(fact => fact.gap && !hidden)).toEqual([])
    }),
    RUNS,
  )
})

test('the steps above bring about every fact', () => {
  const told = new Set(fc.sample(steps, { numRuns: 500, seed: 1 }).flatMap(all => played(all).told))
  expect([...told].sort()).toEqual([...VM_FACTS].sort())
})
