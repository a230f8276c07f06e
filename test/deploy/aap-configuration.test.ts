import { expect, test } from 'vitest'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { refusedBy } from './aap-configuration.ts'

const files = readObjectFiles(new URL('../../deploy/aap/', import.meta.url)) as Readonly<Record<string, unknown>>[]
const variables = Object.assign({}, ...files) as Readonly<Record<string, Readonly<Record<string, unknown>>[]>>

test('the collection infra.aap_configuration drops and refuses nothing of deploy/aap', () => {
  expect(Object.keys(variables).length).toBeGreaterThan(15)
  expect(refusedBy(variables)).toEqual([])
})

test('nor what a site makes of it whose rulebooks start verbs', () => {
  const verbs = ['onboard', 'configure', 'patch', 'offboard']
  const site = readObjectFiles(new URL('../../deploy/aap/', import.meta.url), verbs) as Readonly<Record<string, unknown>>[]
  expect(refusedBy(Object.assign({}, ...site) as typeof variables)).toEqual([])
})

test.each<[string, string, (entry: object) => object]>([
  ['controller_templates: ask_limit is dropped', 'controller_templates', entry => ({ ...entry, ask_limit: true })],
  ['controller_projects: name is missing', 'controller_projects', entry => ({ ...entry, name: undefined })],
  ['aap_user_accounts: is_system_auditor is dropped', 'aap_user_accounts', entry => ({ ...entry, is_system_auditor: false })],
  ['eda_rulebook_activations: enabled is dropped', 'eda_rulebook_activations', entry => ({ ...entry, enabled: false })],
  ['eda_projects: no state is called disabled', 'eda_projects', entry => ({ ...entry, state: 'disabled' })],
  [
    'controller_workflows: node: success is dropped',
    'controller_workflows',
    entry => ({ ...entry, simplified_workflow_nodes: [{ identifier: 'a', success: ['b'] }] }),
  ],
])('%s: it is found out', (fault, variable, changed) => {
  const [first = {}, ...others] = variables[variable] ?? []
  expect(refusedBy({ ...variables, [variable]: [changed(first), ...others] })).toEqual([fault])
})

test('a variable that no role reads is found out', () => {
  expect(refusedBy({ controller_job_templates: [] })).toEqual(['controller_job_templates: no role reads it'])
})
