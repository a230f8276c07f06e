import { expect, test } from 'vitest'
import { SharedGroups } from '../../src/inventory/fragment.ts'
import { guest } from '../day2/guest.ts'

test('hosts of the same groups share them, and ten thousand groups are shared at most', () => {
  const shared = new SharedGroups()
  const of = (app: string, name = 'web-1') => shared.of(guest(name, { seen: { labels: { app } } }), ['app'])
  const first = of('0')
  expect(of('0', 'web-2')).toBe(first)
  expect(of('1')).not.toEqual(first)
  for (let n = 0; n < 10_000; n += 1) of(`${n}`)
  expect(shared.size).toBe(10_000)
  of('one more')
  expect(shared.size).toBe(1)
  expect(of('0')).toEqual(first)
})
