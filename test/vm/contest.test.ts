import { describe, expect, test } from 'vitest'
import { HOLDS, reachable, vm, vmi } from './story.ts'

const [A, B] = [
  { host: 'a.shop.prod-1', uid: 'a', address: '10.0.0.1' },
  { host: 'b.shop.prod-2', uid: 'b', address: '10.0.0.1' },
]
const HELD = HOLDS.address
const up = 3

describe('whose address it is', () => {
  const story = (): ReturnType<typeof reachable> => reachable().with({ rival: null })
  const told = (one: ReturnType<typeof reachable>): readonly string[] => one.told.slice(up)

  test('another with the better claim is told once, when it has lasted, with who and what', () => {
    const one = story()
      .with({ rival: A })
      .look(vm(), vmi())
      .wait(HELD - 1)
    expect(told(one)).toEqual([])
    one.wait(1).look(vm(), vmi()).wait(HELD).restart().look(vm(), vmi()).wait(HELD)
    expect(told(one)).toEqual(['address_conflict'])
    expect(one.last).toMatchObject({
      transition: { from: '', to: A.host },
      changed: ['address_conflict'],
      reason: 'a.shop.prod-1 has the better claim to 10.0.0.1',
    })
    expect(one.record?.told.conflict).toEqual(A)
  })

  test('its end is told once, when it has lasted', () => {
    const one = story().with({ rival: A }).look(vm(), vmi()).wait(HELD).with({ rival: null }).look(vm(), vmi())
    expect(told(one)).toEqual(['address_conflict'])
    one.wait(HELD).look(vm(), vmi()).wait(HELD)
    expect(told(one)).toEqual(['address_conflict', 'address_conflict_resolved'])
    expect([one.last.transition.from, one.record?.told.conflict]).toEqual([A.host, null])
  })

  test('what comes and goes is nothing', () => {
    const one = story()
      .with({ rival: A })
      .look(vm(), vmi())
      .wait(HELD - 1)
      .with({ rival: null })
      .look(vm(), vmi())
    one.wait(HELD).with({ rival: A }).look(vm(), vmi()).wait(HELD).with({ rival: null }).look(vm(), vmi()).wait(1)
    expect(told(one.with({ rival: A }).look(vm(), vmi()).wait(HELD))).toEqual(['address_conflict'])
  })

  test('another rival, or another address, is another conflict; each has an id of its own, and a crash repeats it', () => {
    const one = story()
    for (const rival of [A, B, A, { ...A, address: '10.0.0.2' }]) one.with({ rival }).look(vm(), vmi()).wait(HELD)
    expect(told(one)).toEqual(Array.from({ length: 4 }, () => 'address_conflict'))
    expect(new Set(one.facts.map(fact => fact.id)).size).toBe(one.facts.length)
    const again = story().with({ rival: A }).look(vm(), vmi()).wait(HELD)
    expect(again.last.id).toBe(one.facts[up]?.id)
  })

  test('a conflict that comes back is told anew', () => {
    const one = story()
    for (const rival of [A, null, A]) one.with({ rival }).look(vm(), vmi()).wait(HELD)
    expect(told(one)).toEqual(['address_conflict', 'address_conflict_resolved', 'address_conflict'])
    expect(new Set(one.facts.map(fact => fact.id)).size).toBe(one.facts.length)
  })

  test('nobody who knows of contests is no end of one', () => {
    const one = story().with({ rival: A }).look(vm(), vmi()).wait(HELD)
    one.rival = undefined
    expect(told(one.look(vm(), vmi()).wait(HELD))).toEqual(['address_conflict'])
  })
})
