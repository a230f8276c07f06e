import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/index.ts'
import { BESIDE_THE_GUEST, VERB_NAME } from '../../src/config/verb-schema.ts'
import { VERB_PATTERN } from '../../src/day2/index.ts'
import { onlookingOf, verbPolicies } from '../../src/service/policy.ts'

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

test.each<[name: string, template: string, os: readonly string[], needs: 'guest' | 'vm']>([
  ['reboot', 'Day2 | Reboot', ['linux'], 'guest'],
  ['identity_join', 'Day2 | Identity Join', ['linux'], 'guest'],
  ['export_disk', 'Day2 | Export Disk', ['linux', 'windows'], 'vm'],
  ['snapshot', 'Day2 | Snapshot', ['linux', 'windows'], 'vm'],
  ['our_own', 'Day2 | Our Own', ['linux'], 'guest'],
])('a verb is there when it is named: %s is done by "%s" when nothing else is said', (name, template, os, needs) => {
  const { verbs } = parse(`{${name}: {}}`)
  expect(Object.keys(verbs).sort()).toEqual([name, 'onboard', 'patch'].sort())
  expect(verbs[name]).toEqual({ template, organization: '', driver: 'bridge', also: [], os, needs })
})

test('the verbs that need the VM alone are those whose plays never connect to the guest', () => {
  const folder = new URL('../../playbooks/', import.meta.url)
  const beside = readdirSync(folder).filter(
    name => name.endsWith('.yml') && /verb_place: (?!guest)/.test(readFileSync(new URL(name, folder), 'utf8')),
  )
  expect(beside.map(name => name.replace('.yml', '')).sort()).toEqual([...BESIDE_THE_GUEST].sort())
})

test('onboard and patch are done in the guest, whatever is said', () => {
  expect(faultsOf('{patch: {needs: vm}}')).toEqual([expect.stringContaining('verbs.patch.needs: unknown key')])
})

test('a verb needs the VM alone only where there is an inventory for such', () => {
  const needs = (controller: string): unknown =>
    verbPolicies(
      parse(`{snapshot: {}, reboot: {}}\ncontroller: {url: https://c.example.com, token: {env: T}${controller}}`),
    ).get('snapshot')?.needs
  expect(needs('')).toBe('guest')
  expect(needs(', beside_inventory: beside')).toBe('vm')
})

test('what others launch from the template of a step does no verb, unless the verb says so', () => {
  const { verbs } = onlookingOf(
    parse('{patch: {also: [Ours], steps: [{name: a, template: T}, {name: b, template: Day2 | Verify}]}, verify: {}}'),
  )
  expect([...verbs]).toEqual([
    ['Day2 | Onboard', 'onboard'],
    ['Ours', 'patch'],
    ['Day2 | Verify', 'verify'],
  ])
})

test('what is said of a verb counts', () => {
  const said = '{reboot: {template: R, organization: Ops, driver: eda, also: [S], os: [windows], needs: vm}}'
  const own = { template: 'R', organization: 'Ops', driver: 'eda', also: ['S'], os: ['windows'], needs: 'vm' }
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
  [
    'steps beside a template',
    '{patch: {template: P, steps: [{name: a, template: T}]}}',
    'verbs.patch.template: a verb is one job, or it has steps',
  ],
  [
    'steps that a rulebook should order',
    '{patch: {driver: eda, steps: [{name: a, template: T}]}}',
    'verbs.patch.driver: a rulebook launches one job',
  ],
  [
    'two steps of one name',
    '{patch: {steps: [{name: a, template: T}, {name: a, template: U}]}}',
    'verbs.patch.steps.1.name: "a" is the name of verbs.patch.steps.0 too',
  ],
  ['no step at all', '{patch: {steps: []}}', 'verbs.patch.steps'],
  ['a step without a template', '{patch: {steps: [{name: a}]}}', 'verbs.patch.steps.0'],
  ['a step whose name is none', '{patch: {steps: [{name: A b, template: T}]}}', 'verbs.patch.steps.0.name'],
])('%s is a fault', (_, verbs, fault) => {
  const faults = faultsOf(verbs)
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain(fault)
})

test('a verb may have steps instead of a template; that of a step may be one of several verbs, or do another by itself', () => {
  const steps = '[{name: precheck, template: Day2 | Verify}, {name: patch, template: Day2 | Patch}]'
  const { verbs } = parse(`{onboard: {steps: ${steps}}, patch: {steps: ${steps}}, verify: {}}`)
  expect(verbs.patch).toEqual({
    template: '',
    steps: [
      { name: 'precheck', template: 'Day2 | Verify' },
      { name: 'patch', template: 'Day2 | Patch' },
    ],
    organization: '',
    driver: 'bridge',
    also: [],
    os: ['linux'],
    needs: 'guest',
  })
  expect(verbs['verify']?.template).toBe('Day2 | Verify')
})

test('more than ten steps of a verb are refused', () => {
  const steps = (count: number): string =>
    Array.from({ length: count }, (_, index) => `{name: s${index}, template: T}`).join(', ')
  expect(faultsOf(`{patch: {steps: [${steps(10)}]}}`)).toEqual([])
  expect(faultsOf(`{patch: {steps: [${steps(11)}]}}`)).toHaveLength(1)
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
