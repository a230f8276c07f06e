import { expect, test } from 'vitest'
import { eventJudge, fitted } from '../../src/event/index.ts'
import { samples } from './samples.ts'

const judge = eventJudge()
const streamOf = (name: string): string => `events.${name.split('.')[0] ?? ''}`
const [, started] = [...samples()].find(([name]) => name === 'vm.started') ?? []

test.each([...samples()])('%s is one of its schema', (name, event) => {
  expect(judge(streamOf(name), JSON.stringify(event))).toBe('')
})

test.each([
  ['a key is missing', { specversion: undefined }, "by its schema: / must have required property 'specversion'"],
  ['a key is null', { subject: null }, 'by its schema: /subject must be string'],
  ['a key is unknown', { password: 'hunter2' }, 'by its schema: / must NOT have additional properties (password)'],
  ['its time is none', { time: '2026-13-41T99:99:99Z' }, 'by its schema: /time must match format "date-time"'],
  [
    'much is wrong',
    { specversion: 'hunter2', id: 'hunter2', source: 7, type: 'hunter2' },
    /^by its schema: \/specversion must be equal to constant; \/id must match pattern .*; \/source must be string, and \d+ more$/,
  ],
])('when %s, it is told by place and rule, and no value is', (_what, wrong, told) => {
  const said = judge('events.vm', JSON.stringify({ ...started, ...wrong }))
  expect(said).toMatch(told)
  expect(said).not.toContain('hunter2')
})

test('an event on the stream of another kind is refused, and so is one without a schema', () => {
  expect(judge('events.day2', JSON.stringify(started))).toContain('by its schema: /type must be equal to one of')
  expect(judge('events.other', JSON.stringify(started))).toBe('events.other has no schema')
})

test('an event of too many bytes is refused, and one that was fitted is not', () => {
  if (started === undefined) throw new Error('there is no such sample')
  const large = { ...started, data: { ...started.data, message: '€'.repeat(6_000) } }
  expect(judge('events.vm', JSON.stringify(large))).toMatch(/^it has \d+ bytes, and an event has 16384 at most$/)
  expect(judge('events.vm', JSON.stringify(fitted(large)))).toBe('')
})
