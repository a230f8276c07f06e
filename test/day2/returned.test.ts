import { describe, expect, test } from 'vitest'
import type { Outcomes } from '../../src/day2/record.ts'
import { explainedBy, MAX_RETURNED_BYTES } from '../../src/day2/returned.ts'

const OUTCOMES: Outcomes = new Map([
  ['a', { outcome: 'ok', detail: '1 ok' }],
  ['b', { outcome: 'failed', detail: '1 failed' }],
  ['constructor', { outcome: 'ok', detail: '1 ok' }],
])
const NONE = new Map<string, never>()

describe('what a play told of a host', () => {
  test.each<[string, Record<string, unknown>, unknown]>([
    ['is kept as it was told', { virtbridge: { a: { reboot: 'done' } } }, { reboot: 'done' }],
    ['is nothing when it told nothing', {}, undefined],
    ['is nothing of another host', { virtbridge: { z: { reboot: 'done' } } }, undefined],
    ['is nothing when it is hidden', { virtbridge: '$hidden due to Ansible no_log flag$' }, undefined],
    ['is nothing when it is no object', { virtbridge: { a: ['x'] } }, undefined],
    ['is nothing when it has more than 4 KB', { virtbridge: { a: { x: 'y'.repeat(MAX_RETURNED_BYTES) } } }, undefined],
  ])('%s', (_, artifacts, returned) => {
    expect(explainedBy(OUTCOMES, NONE, artifacts).get('a')?.returned).toEqual(returned)
  })

  test('is never that of an object of the language', () => {
    expect(explainedBy(OUTCOMES, NONE, { virtbridge: {} }).get('constructor')).toEqual({
      outcome: 'ok',
      detail: '1 ok',
    })
  })

  test('changes no outcome, whatever it says', () => {
    const told = explainedBy(OUTCOMES, NONE, { virtbridge: { b: { outcome: 'ok' } } })
    expect(told.get('b')?.outcome).toBe('failed')
  })
})

test('why a host failed is plain text on one line, and nobody else’s', () => {
  const reasons = new Map([
    ['a', { task: 'x', message: 'y' }],
    ['b', { task: 'Install', message: `no\u0007 space ${'z'.repeat(1_000)}` }],
  ])
  const told = explainedBy(OUTCOMES, reasons, {})
  expect(told.get('a')?.detail).toBe('1 ok')
  expect(told.get('b')?.detail).toMatch(/^1 failed: Install: no {1,2}space z+/)
  expect(told.get('b')?.detail.length).toBeLessThanOrEqual(256)
})
