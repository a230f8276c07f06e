import { expect, test } from 'vitest'
import { courseLines } from '../../src/cli/course.ts'
import type { HostProgress } from '../../src/day2/index.ts'

const PLAIN = { colours: false }
const host = (name: string, more: Partial<HostProgress> = {}): HostProgress => ({
  host: name,
  state: 'waits',
  done: 0,
  changed: 0,
  task: '',
  ...more,
})

test('of few hosts each step is told once, and none that has not begun', () => {
  const first = { task: '', hosts: [host('a', { state: 'runs', done: 2, changed: 1, task: 'Update' }), host('b')] }
  expect(courseLines(null, first, PLAIN)).toEqual(['  a: 2 done, 1 changed: Update'])
  expect(courseLines(first, first, PLAIN)).toEqual([])
  const then = { task: '', hosts: [first.hosts[0] ?? host('a'), host('b', { state: 'unreachable', task: 'Connect' })] }
  expect(courseLines(first, then, PLAIN)).toEqual(['  b: unreachable: Connect'])
})

test('of many hosts those that fail are told, and how many are how far', () => {
  const many = Array.from({ length: 500 }, (_, index) =>
    host(`web-${index}`, { state: index < 300 ? 'runs' : 'waits', done: 1 }),
  )
  const failed = many.map(each =>
    each.host === 'web-7' ? { ...each, state: 'failed' as const, task: 'Update' } : each,
  )
  expect(courseLines({ task: '', hosts: many }, { task: 'Reboot', hosts: failed }, PLAIN)).toEqual([
    '  web-7: failed: Update',
    '  200 not begun, 299 under way, 1 failed; at: Reboot',
  ])
})
