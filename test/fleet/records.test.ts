import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Records } from '../../src/fleet/records.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'

test('records are a map, whether they are packed or not, and those that came later are there as they are', () => {
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
      expect(new Set(records.news)).toEqual(new Set([...model.values()].filter(({ adopted }) => !adopted)))
    }),
  )
})
