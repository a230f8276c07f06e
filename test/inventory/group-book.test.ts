import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupBook, HOSTS_A_STEP } from '../../src/inventory/group-book.ts'
import type { GroupSet } from '../../src/inventory/group-set.ts'
import { InventoryCache, ownRendering } from '../../src/inventory/index.ts'
import { byText } from '../../src/inventory/ranges.ts'
import { vmKey } from '../../src/vm/index.ts'
import { fleetOf, runningRecord } from '../support/fleet.ts'
import { turnsDuring } from './turns.ts'

const NOW = Date.UTC(2026, 10, 21)

/** A book of hosts, and these hosts. */
class Shelf {
  readonly book: GroupBook
  readonly hosts = new Map<string, GroupSet>()
  /** Hosts that the last step was given. */
  given = 0

  constructor(most: number) {
    this.book = new GroupBook(ownRendering('slim', { builtin: false, labels: [], maxPerLabel: most }))
  }

  /** `groups` null: it goes. */
  put(name: string, groups: GroupSet | null): void {
    const was = this.hosts.get(name)
    if (groups === null) {
      if (was !== undefined) this.book.remove(name, was)
      this.hosts.delete(name)
      return
    }
    if (was === undefined) this.book.add(name, groups)
    else this.book.change(name, was, groups)
    this.hosts.set(name, groups)
  }

  step(): void {
    this.book.settle((after, most) => {
      const next = [...this.hosts].sort(([a], [b]) => byText(a, b)).filter(([name]) => byText(name, after) > 0)
      this.given = Math.min(next.length, most)
      return next.slice(0, most)
    })
  }

  /** What a document tells of it. */
  get text(): string {
    while (this.book.unsettled) this.step()
    let before: ReturnType<() => GroupBook['ranges'][number]['last']>
    return this.book.ranges
      .map(range => {
        const { bytes } = range.piece(before)
        before = range.last ?? before
        return bytes.toString().replace(/ {17}/g, '')
      })
      .join('')
  }
}

function labelled(value: string): GroupSet {
  return [{ group: 'all_of_them' }, { group: `label_${value}`, source: 'label' }]
}

test('hosts are moved a bounded number at a time, and all of them in the end', () => {
  const shelf = new Shelf(20)
  const count = 3 * HOSTS_A_STEP + 7
  for (let n = 0; n < count; n += 1) shelf.put(`vm-${n}`, labelled(String(n).padStart(5, '0')))
  const given: number[] = []
  while (shelf.book.unsettled) {
    shelf.step()
    given.push(shelf.given)
  }
  expect(given).toEqual([HOSTS_A_STEP, HOSTS_A_STEP, HOSTS_A_STEP, 7])
  expect([shelf.book.has('label_00019'), shelf.book.has('label_00020')]).toEqual([true, false])
})

test('whatever comes, goes and changes between the steps, the book is the one that is made anew', () => {
  const change = fc.record({
    name: fc.integer({ min: 0, max: 2 * HOSTS_A_STEP }).map(n => `vm-${n}`),
    value: fc.option(fc.integer({ min: 0, max: 30 }), { freq: 3 }),
    steps: fc.constantFrom(0, 0, 0, 1, 2),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), changes => {
      const shelf = new Shelf(4)
      for (let n = 0; n < 2 * HOSTS_A_STEP; n += 1) shelf.put(`vm-${n}`, labelled(`m${n % 9}`))
      for (const { name, value, steps } of changes) {
        shelf.put(name, value === null ? null : labelled(value < 4 ? `a${value}` : `z${value}`))
        for (let step = 0; step < steps && shelf.book.unsettled; step += 1) shelf.step()
      }
      const anew = new Shelf(4)
      for (const [name, groups] of shelf.hosts) anew.put(name, groups)
      // Not by toBe, which would print both.
      expect(shelf.text === anew.text).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('who asks waits for it in steps, between which others are heard', async () => {
  const fleet = fleetOf(0, NOW)
  const put = (n: number, value: string): void => {
    const record = runningRecord(n)
    fleet.apply({ key: vmKey(record), value: { ...record, seen: { ...record.seen, labels: { id: value } } } })
  }
  const count = 3_000
  for (let n = 0; n < count; n += 1) put(n, `v${String(n).padStart(5, '0')}`)
  using cache = new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: ['id'],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const groupsOf = (n: number): readonly string[] =>
    cache.why(`vm-${n}.ns-${n % 50}.prod-1`, NOW).groups.map(({ group }) => group)
  await cache.prepareHosts()
  expect(groupsOf(1_999)).toContain('label_id_v01999')
  put(count, 'a-first')
  expect(await turnsDuring(cache.prepareHosts())).toBeGreaterThan(4)
  expect(groupsOf(count)).toContain('label_id_a_first')
  expect(groupsOf(1_999)).not.toContain('label_id_v01999')
})
