import { describe, expect, test } from 'vitest'
import { stage } from '../../src/cluster/staged.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'

/** The same object, its keys the other way round, in all its depth. */
function turned<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, turned<unknown>(inner)] as const)
  return Object.fromEntries(entries.toReversed()) as T
}

describe('Of a VM that was looked at', () => {
  const before = guest('web-1')
  const staged = (record: VmRecord): number => [...stage('shop/web-1', before, { facts: [], record })].length
  test.each<[is: string, record: VmRecord, stored: number]>([
    ['is as it was nothing is stored', { ...before }, 0],
    ['has another resourceVersion and no more nothing is stored', { ...before, resource_version: '77' }, 0],
    ['has its fields in another order, as another version wrote them, nothing is stored', turned(before), 0],
    [
      'has another value as long as the one before, that is stored',
      { ...before, uid: before.uid.replace(/.$/, 'x') },
      1,
    ],
    [
      'has another portrait, as another version makes them, that is stored',
      { ...before, seen: { ...before.seen, portraits: { vm: '{}', vmi: '' } } },
      1,
    ],
    ['has another field, that is stored', { ...before, last_event: 'an id' }, 1],
  ])('that %s', (_, record, stored) => {
    expect(staged(record)).toBe(stored)
  })
})
