import { expect, test } from 'vitest'
import { isStuck, type Limits, nextStep, type Step, type Stock } from '../../src/log/sqlite/retention.ts'

const MB = 1_048_576
const NOW = 1_000_000
const LIMITS: Limits = { retentionMs: 1_000, auditRetentionMs: 50_000, maxBytes: 100 * MB, sizeTakesAudit: false }
const OLD = NOW - 1_001
const YOUNG = NOW - 1_000

function stock(oldest: Record<string, number>, more: Partial<Stock> = {}): Stock {
  const streams = new Map(Object.entries(oldest)) as Stock['oldest']
  return { oldest: streams, tombstone: null, usedBytes: 10 * MB, freeBytes: 0, ...more }
}

test.each<[string, Stock, Partial<Limits>, Step | null]>([
  ['nothing is there', stock({}), {}, null],
  ['all is young', stock({ 'events.vm': YOUNG, commands: YOUNG }, { tombstone: YOUNG }), {}, null],
  [
    'one is past its time',
    stock({ 'events.vm': YOUNG, commands: OLD }),
    {},
    { kind: 'age', stream: 'commands', before: NOW - 1_000 },
  ],
  ['the audit has its own time', stock({ 'events.day2': OLD }), {}, null],
  [
    'the audit is past its own',
    stock({ 'events.day2': NOW - 50_001 }),
    {},
    { kind: 'age', stream: 'events.day2', before: NOW - 50_000 },
  ],
  [
    'an old tombstone',
    stock({ 'events.vm': YOUNG }, { tombstone: OLD }),
    {},
    { kind: 'tombstones', before: NOW - 1_000 },
  ],
  ['as large as it may be', stock({ 'events.vm': YOUNG }, { usedBytes: 100 * MB }), {}, null],
  [
    'larger than it may be',
    stock({ 'events.vm': YOUNG, 'events.dead': YOUNG, 'events.day2': YOUNG, commands: YOUNG }, { usedBytes: 101 * MB }),
    {},
    { kind: 'size', streams: ['events.vm', 'events.dead'], bytes: MB },
  ],
  [
    'too large, and what is past its time goes first',
    stock({ 'events.vm': OLD }, { usedBytes: 101 * MB }),
    {},
    { kind: 'age', stream: 'events.vm', before: NOW - 1_000 },
  ],
  ['too large, and only the audit is left', stock({ 'events.day2': YOUNG }, { usedBytes: 101 * MB }), {}, null],
  [
    'the same, and the audit may go',
    stock({ 'events.day2': YOUNG }, { usedBytes: 101 * MB }),
    { sizeTakesAudit: true },
    { kind: 'size', streams: ['events.day2'], bytes: MB },
  ],
  [
    'the audit may go, but is the last to',
    stock({ 'events.day2': YOUNG, 'events.vm': YOUNG }, { usedBytes: 101 * MB }),
    { sizeTakesAudit: true },
    { kind: 'size', streams: ['events.vm'], bytes: MB },
  ],
  ['some room is not given back', stock({}, { freeBytes: 5 * MB }), {}, null],
  ['much room is', stock({}, { freeBytes: 6 * MB }), {}, { kind: 'give back' }],
])('what goes next when %s', (_what, there, more, step) => {
  expect(nextStep(there, { ...LIMITS, ...more }, NOW)).toEqual(step)
})

test.each<[string, Stock, boolean]>([
  ['it fits', stock({ 'events.day2': YOUNG }), false],
  ['events may go', stock({ 'events.vm': YOUNG }, { usedBytes: 101 * MB }), false],
  ['only audit and commands are left', stock({ 'events.day2': YOUNG, commands: YOUNG }, { usedBytes: 101 * MB }), true],
])('a person has to look when it is too large and nothing may go: %s', (_what, there, stuck) => {
  expect(isStuck(there, LIMITS)).toBe(stuck)
})
