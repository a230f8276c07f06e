import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { byText, numberOf, type Range, Ranges, search } from '../../src/inventory/ranges.ts'

/** Numbers as texts; those that end in 0 open a range. */
const ORDER = { compare: byText, opens: (entry: string) => entry.endsWith('0') }

class Some implements Range<string> {
  all: string[] = []

  get first(): string | undefined {
    return this.all[0]
  }

  add(entry: string): boolean {
    const index = search(this.all, entry, byText)
    if (index < 0) this.all.splice(~index, 0, entry)
    return index < 0
  }

  remove(entry: string): boolean {
    const index = search(this.all, entry, byText)
    if (index >= 0) this.all.splice(index, 1)
    return index >= 0
  }

  split(entry: string): Some {
    const next = new Some()
    next.all = this.all.splice(search(this.all, entry, byText))
    return next
  }

  join(next: Some): void {
    this.all.push(...next.all)
  }
}

test('the same entries are in the same ranges, however they came and went', () => {
  const step = fc.record({ entry: fc.nat({ max: 60 }).map(String), gone: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const ranges = new Ranges<string, Some>(ORDER, () => new Some())
      const entries = new Set<string>()
      for (const { entry, gone } of steps) {
        expect(gone ? ranges.remove(entry) : ranges.add(entry)).toBe(gone ? entries.delete(entry) : !entries.has(entry))
        if (!gone) entries.add(entry)
      }
      const expected: string[][] = []
      for (const entry of [...entries].sort()) {
        if (expected.length === 0 || ORDER.opens(entry)) expected.push([])
        expected.at(-1)?.push(entry)
      }
      expect(ranges.all.map(({ all }) => all)).toEqual(expected.length === 0 ? [[]] : expected)
      for (const entry of entries) expect(ranges.of(entry).all).toContain(entry)
    }),
  )
})

test('numbers of names that differ little are far apart, and the same everywhere', () => {
  expect(numberOf('web-1.shop.prod-1')).toBe(numberOf(['web-1', 'shop', 'prod-1'].join('.')))
  const opening = Array.from({ length: 100_000 }, (_, n) => numberOf(`vm-${n}.ns-${n % 400}.prod-1`) % 256 === 0)
  const share = opening.filter(Boolean).length / opening.length
  expect(share).toBeGreaterThan(0.8 / 256)
  expect(share).toBeLessThan(1.2 / 256)
})
