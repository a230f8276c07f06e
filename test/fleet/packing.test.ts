import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Json, MAX_SHAPES, MAX_VALUES, Packing, unpack } from '../../src/fleet/packing.ts'
import { Records } from '../../src/fleet/records.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'

test('what is packed is given back as it was, key for key, whatever was packed before', () => {
  const packing = new Packing()
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 6 }), { maxLength: 4 }), values => {
      const packed = values.map(value => packing.pack(value as Json))
      expect(packed.map(each => JSON.stringify(unpack(each)))).toEqual(values.map(value => JSON.stringify(value)))
    }),
    { numRuns: 500 },
  )
})

test('a key may be called like what every object has', () => {
  const value = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":1,"a":{"__proto__":"x"}}') as Json
  const given = unpack(new Packing().pack(value))
  expect(JSON.stringify(given)).toBe(JSON.stringify(value))
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('4,096 shapes are shared and no more, and what has another is given back all the same', () => {
  const packing = new Packing()
  for (let n = 0; n < MAX_SHAPES + 100; n += 1) {
    const value = { [`key-${n}`]: n, same: 'x' }
    expect(unpack(packing.pack(value))).toEqual(value)
  }
  expect([MAX_SHAPES, packing.shapes]).toEqual([4_096, 4_096])
})

test('of one place 1,024 values are shared and no more; a value that no other has is in the text once', () => {
  const packing = new Packing()
  const all = Array.from({ length: MAX_VALUES + 10 }, (_, n) => ({ uid: `uid-${n}`, again: `uid-${n}`, kind: 'vm' }))
  const packed = all.map(each => packing.pack(each))
  expect(packed.map(unpack)).toEqual(all)
  expect([MAX_VALUES, packed[0]?.text, packed[1_023]?.text, packed[1_024]?.text]).toEqual([
    1_024,
    '[0,0,0]',
    '[1023,1023,0]',
    '[["uid-1024"],-1,0]',
  ])
})

test('of records like one another little more than what differs is kept', () => {
  const packing = new Packing()
  const texts = Array.from({ length: 3_000 }, (_, n) => packing.pack(guest(`web-${n}`) as unknown as Json).text.length)
  expect(Math.max(...texts.slice(2_000))).toBeLessThan(JSON.stringify(guest('web-1')).length / 2.5)
})

test('records are a map, whether they are packed or not', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    adopted: fc.boolean(),
    gone: fc.boolean(),
    node: fc.string(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), steps => {
      const records = new Records()
      const model = new Map<string, VmRecord>()
      for (const { name, adopted, gone, node } of steps) {
        const record = guest(name, { adopted, seen: { node } })
        const key = vmKey(record)
        if (gone) {
          records.delete(key)
          model.delete(key)
        } else {
          records.set(key, record)
          model.set(key, record)
        }
        expect([records.size, records.has(key), records.get(key)]).toEqual([model.size, model.has(key), model.get(key)])
      }
      expect(new Map(records)).toEqual(model)
      expect(new Set(records.keys())).toEqual(new Set(model.keys()))
      expect([...records.values()]).toHaveLength(model.size)
      const visited = new Map<string, VmRecord>()
      records.forEach((record, key) => visited.set(key, record))
      expect(visited).toEqual(model)
      expect(new Set([...records.news].map(({ name }) => name))).toEqual(
        new Set([...model.values()].filter(({ adopted }) => !adopted).map(({ name }) => name)),
      )
    }),
  )
})
