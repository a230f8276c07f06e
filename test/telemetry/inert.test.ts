import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { inert } from '../../src/telemetry/inert.ts'

// oxlint-disable-next-line no-control-regex -- they are what must not be there
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

test.each([
  ['a colour', '\u001b[31mred', '\\u001b[31mred'],
  ['one of eight bits', '\u009b31mred', '\\u009b31mred'],
  ['a return to the beginning of the line', 'a\rb', 'a\\rb'],
  ['a bell and a delete', '\u0007\u007f', '\\u0007\\u007f'],
  ['text from right to left', '\u202eabc', '\\u202eabc'],
  ['a backslash that stands for itself', '\\u001b \\r', '\\u001b \\r'],
  ['what is plain', 'Grüße, 你好 "x" \t\n', 'Grüße, 你好 "x" \t\n'],
])('%s is written out, and the line stays JSON', (_what, text, shown) => {
  expect(JSON.parse(inert(JSON.stringify({ text })))).toEqual({ text: shown })
})

test('whatever a text holds, a line is JSON, and no terminal obeys what is read from it', () => {
  assert(
    property(string({ unit: 'binary' }), text => {
      const line = inert(JSON.stringify({ text, deep: [{ text }] }))
      expect(OBEYED.test(line)).toBe(false)
      const read = JSON.parse(line) as { text: string }
      expect(OBEYED.test(read.text)).toBe(false)
    }),
  )
})
