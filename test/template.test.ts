import { expect, test } from 'vitest'
import { isTemplate } from '../src/template.ts'

test.each([
  ['{{ 6*7 }}', true],
  ['a {% if x %}', true],
  ['{#', true],
  ["#jinja2: variable_start_string:'[[', variable_end_string:']]'\n[[ 6*7 ]]", true],
  ['#jinja2:', true],
  ['', false],
  ['{ {', false],
  ['}} %}', false],
  ['# jinja2:', false],
  ['a\n#jinja2: b', false],
])('Ansible could take %j for a template: %s', (text, is) => {
  expect(isTemplate(text)).toBe(is)
})
