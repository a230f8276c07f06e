import { expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/index.ts'
import { VERB_NAME } from '../../src/config/verb-schema.ts'
import { VERB_PATTERN } from '../../src/day2/index.ts'

const parse = (verbs: string) => parseConfig(`clusters: [{name: a, in_cluster: true}]\nverbs: ${verbs}`, '/v.yaml')

function faultsOf(verbs: string): readonly string[] {
  try {
    parse(verbs)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ path, message, hint }) => `${path}: ${message} | ${hint}`)
  }
}

test.each<[name: string, template: string, os: readonly string[]]>([
  ['reboot', 'Day2 | Reboot', ['linux']],
  ['identity_join', 'Day2 | Identity Join', ['linux']],
  ['export_disk', 'Day2 | Export Disk', ['linux', 'windows']],
  ['snapshot', 'Day2 | Snapshot', ['linux', 'windows']],
  ['our_own', 'Day2 | Our Own', ['linux']],
])('a verb is there when it is named: %s is done by "%s" when nothing else is said', (name, template, os) => {
  const { verbs } = parse(`{${name}: {}}`)
  expect(Object.keys(verbs).sort()).toEqual([name, 'onboard', 'patch'].sort())
  expect(verbs[name]).toEqual({ template, organization: '', driver: 'bridge', also: [], os })
})

test('what is said of a verb counts', () => {
  const said = '{reboot: {template: R, organization: Ops, driver: eda, also: [S], os: [windows]}}'
  const own = { template: 'R', organization: 'Ops', driver: 'eda', also: ['S'], os: ['windows'] }
  expect(parse(said).verbs['reboot']).toEqual(own)
})

test.each<[why: string, verbs: string, fault: string]>([
  ['a name that is none', '{Re-boot: {}}', 'verbs.Re-boot: can not stand here | a name of a verb: a lower-case letter'],
  ['a key that is none', '{reboot: {templates: x}}', 'verbs.reboot.templates: unknown key | known here: template'],
  [
    'the template of another',
    '{fix: {template: Day2 | Patch}}',
    'verbs.fix: the job template "Day2 | Patch" is one of',
  ],
  ['one that others do too', '{fix: {also: [Day2 | Patch]}}', 'verbs.fix: the job template "Day2 | Patch" is one of'],
])('%s is a fault', (_, verbs, fault) => {
  const faults = faultsOf(verbs)
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain(fault)
})

test('more than a hundred verbs are refused, those that are always there among them', () => {
  const verbs = (count: number): string =>
    `{${Array.from({ length: count }, (_, index) => `verb_${index}: {}`).join(', ')}}`
  expect(faultsOf(verbs(98))).toEqual([])
  expect(faultsOf(verbs(99))).toHaveLength(1)
})

test('a verb may be called the same in the configuration and on the log', () => {
  expect(VERB_PATTERN).toBe(VERB_NAME)
})
