import { expect, test } from 'vitest'
import { loadObjects, readObjectFiles } from '../../../src/simulator/controller/index.ts'
import { startWorld } from './worlds.ts'

const DEPLOY = new URL('../../../deploy/aap/', import.meta.url)

test('the shipped files make a controller whose own account may do exactly what the bridge needs', async () => {
  await using world = await startWorld({
    objects: loadObjects(readObjectFiles(DEPLOY)),
    tokens: { t: { user: 'virtbridge' } },
  })
  const templates = (await world.ask('GET', '/api/v2/job_templates/', undefined, 't')).body as {
    results: { id: number; name: string }[]
  }
  const names = templates.results.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['Day2 | Onboard', 'Day2 | Patch', 'Break glass | Patch']))
  expect(names.filter(name => name.startsWith('Operators'))).toEqual([])
  const launch = `/api/v2/job_templates/${templates.results.find(({ name }) => name === 'Day2 | Onboard')?.id}/launch/`
  const asks = ['limit', 'variables', 'skip_tags', 'job_type', 'diff_mode', 'timeout'].map(name => [
    `ask_${name}_on_launch`,
    true,
  ])
  expect((await world.ask('GET', launch, undefined, 't')).body).toMatchObject({
    ...Object.fromEntries(asks),
    survey_enabled: false,
    defaults: { limit: 'virtbridge-no-default-limit', skip_tags: '', job_slice_count: 1 },
  })
  expect((await world.ask('POST', launch, { limit: 'x' }, 't')).status).toBe(201)
  const sources = (await world.ask('GET', '/api/v2/inventory_sources/?name=virtbridge', undefined, 't')).body as {
    results: { related: { update: string } }[]
  }
  expect(sources.results[0]).toMatchObject({
    enabled_var: 'kubevirt_enabled',
    enabled_value: 'true',
    overwrite: true,
    overwrite_vars: true,
  })
  expect((await world.ask('POST', sources.results[0]?.related.update ?? '', {}, 't')).status).toBe(202)
  expect((await world.ask('POST', '/api/v2/labels/', { name: 'l', organization: 1 }, 't')).status).toBe(403)
})

test('prompts, surveys, roles and hosts are read in the spellings that teams use', () => {
  const objects = loadObjects([
    {
      controller_inventories: [{ name: 'i' }],
      controller_hosts: [{ name: 'h', inventory: 'i', variables: { a: 1 } }],
      controller_projects: [{ name: 'p' }],
    },
    {
      controller_templates: [
        {
          name: 't',
          inventory: 'i',
          project: 'p',
          ask_limit_on_launch: true,
          ask_variables: true,
          extra_vars: { b: 2 },
          survey_enabled: true,
          survey_spec: { spec: [{ variable: 'env', type: 'multiplechoice', required: true, choices: 'dev\nprod' }] },
        },
      ],
      controller_roles: [{ user: 'u', roles: ['read', 'use'], inventories: ['i'] }],
      aap_user_accounts: [{ username: 'u', organizations: ['Default'] }, { username: 'v' }],
      some_other_variable: 1,
    },
  ])
  expect(objects.inventories).toMatchObject([{ hosts: [{ name: 'h', variables: { a: 1 } }] }])
  expect(objects.templates).toMatchObject([
    {
      prompts: { limit: true, variables: true },
      extra_vars: '{"b":2}',
      survey: [{ variable: 'env', choices: ['dev', 'prod'] }],
    },
  ])
  expect(objects.roles).toEqual([
    { user: 'u', on: 'inventory', name: 'i', role: 'read' },
    { user: 'u', on: 'inventory', name: 'i', role: 'use' },
    { user: 'u', on: 'organization', name: 'Default', role: 'member' },
  ])
})

test('two organizations may have a template of the same name; the organization tells them apart', async () => {
  const template = { name: 'Patch', inventory: 'i', project: 'p' }
  const objects = loadObjects([
    {
      controller_organizations: [{ name: 'A' }, { name: 'B' }],
      controller_projects: [{ name: 'p' }],
      controller_inventories: [{ name: 'i' }],
      controller_templates: [
        { ...template, organization: 'A' },
        { ...template, organization: 'B' },
      ],
    },
  ])
  await using world = await startWorld({ objects })
  const count = async (query: string) =>
    ((await world.ask('GET', `/api/v2/job_templates/?${query}`)).body as { count: number }).count
  expect([await count('name=Patch'), await count('name=Patch&organization__name=B')]).toEqual([2, 1])
  expect((await world.ask('GET', '/api/v2/job_templates/Patch++B/')).body).toMatchObject({ id: 3 })
})

test('every reference that leads nowhere is told at once', () => {
  const load = () =>
    loadObjects([
      {
        controller_projects: [{ name: 'p', organization: 'Nowhere' }],
        controller_inventory_sources: [{ name: 's', inventory: 'i', source_project: 'q' }],
        controller_templates: [
          { name: 't', inventory: 'i', project: 'p', credentials: ['c'] },
          { description: 'no name' },
        ],
        controller_roles: [{ user: 'u', role: 'execute', job_templates: ['x'] }],
      },
    ])
  expect(load).toThrow(
    [
      'the controller objects do not fit together:',
      'controller_templates[1]: expected an object with a name',
      'project "p": there is no organization named "Nowhere"',
      'inventory source "s": there is no inventory named "i"',
      'inventory source "s": there is no project named "q"',
      'job template "t": there is no inventory named "i"',
      'job template "t": there is no credential named "c"',
      'role of "u": there is no job template named "x"',
    ].join('\n  '),
  )
})
