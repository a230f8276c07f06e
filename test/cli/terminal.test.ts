import { expect, test } from 'vitest'
import { harmless, paint, table } from '../../src/cli/terminal.ts'

test.each([
  ['sets a title', '\u001b]0;root@prod\u0007', '\ufffd]0;root@prod\ufffd'],
  ['moves the cursor up to write over what was said', 'refused\u001b[1A\u001b[2Kok', 'refused\ufffd[1A\ufffd[2Kok'],
  ['goes back to the beginning of its line', 'refused\rok', 'refused\ufffdok'],
  ['says it in one character', '\u009b2J\u0090q\u009c', '\ufffd2J\ufffdq\ufffd'],
  ['turns around what is read', 'web-\u202e1.dorp', 'web-\ufffd1.dorp'],
])('text that %s does not do so on a terminal', (_, text, shown) => {
  expect(harmless(text)).toBe(shown)
})

test('what commands print is printed as it is', () => {
  const text = `${paint({ colours: true }, 'red', 'no')}\n${table(['A\tB'], [['ä 語 🙂', paint({ colours: true }, 'bold', 'x')]])}`
  expect(harmless(text)).toBe(text)
})

test('no line of a table ends with blanks, which a narrow terminal would show as an empty line', () => {
  expect(
    table(
      ['HOST', 'WHY'],
      [
        ['web', ''],
        ['db', 'it is paused'],
      ],
    ),
  ).toBe('HOST  WHY\nweb\ndb    it is paused')
  const painted = paint({ colours: true }, 'red', 'no')
  expect(table(['A'], [[painted], ['longer']])).toBe(`A\n${painted}\nlonger`)
})
