import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { launchHazards, sourceHazards } from '../../src/aap/index.ts'
import {
  answer,
  bodyOf,
  controllerFor,
  JSON_HEADERS,
  listOf,
  ORIGIN,
  replay,
  replaying,
  replayDiscovery,
  template,
} from './recorded.ts'

replaying()

describe('the base path', () => {
  test('of an AWX is what /api/ names', async () => {
    replayDiscovery()
    await using controller = controllerFor()
    expect(await controller.discover()).toEqual({ base: '/api/v2/', gateway: '', version: '24.6.2' })
  })

  test('behind a gateway is what /api/controller/ names', async () => {
    answer('/api/', {
      description: 'AAP',
      apis: { gateway: '/api/gateway/', controller: '/api/controller/', eda: '/api/eda/' },
    })
    answer('/api/controller/', {
      current_version: '/api/controller/v2/',
      available_versions: { v2: '/api/controller/v2/' },
    })
    answer('/api/controller/v2/ping/', { ha: false, version: '4.7.1' })
    await using controller = controllerFor()
    expect(await controller.discover()).toEqual({
      base: '/api/controller/v2/',
      gateway: '/api/gateway/v1/',
      version: '4.7.1',
    })
  })

  test.each([
    ['a login page', '<!doctype html><html><head><title>Log in</title></head></html>', /no JSON but: Log in/],
    ['another API', { kind: 'APIVersions', versions: ['v1'] }, /"current_version" is missing/],
  ])('of %s is a clear fault', async (_, body, message) => {
    answer('/api/', body)
    await using controller = controllerFor()
    await expect(controller.discover()).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(message) as string,
    })
  })

  test('is asked for once, but again after a failure', async () => {
    nock(ORIGIN).get('/api/').reply(503, '<html><head><title>503 Service Unavailable</title></head></html>', {
      'Content-Type': 'text/html',
      'Retry-After': '7',
    })
    replayDiscovery()
    for (let i = 0; i < 2; i++) answer('/api/v2/inventories/', listOf(bodyOf('1002-inventory')))
    await using controller = controllerFor()
    await expect(controller.findInventory('fleet', 'Default')).rejects.toMatchObject({
      kind: 'unavailable',
      retryAfterMs: 7000,
    })
    await controller.findInventory('fleet', 'Default')
    await controller.findInventory('fleet', 'Default')
  })
})

describe('a job template', () => {
  test('is found by name and organization, with its prompts', async () => {
    replayDiscovery()
    replay('015-lookup-by-name-org', body => body, { name: 'Demo Job Template', organization__name: 'Default' })
    replay('120-launch-get-survey')
    replay('125-survey-get')
    await using controller = controllerFor()
    const found = await controller.findTemplate('Demo Job Template', 'Default')
    expect(found).toMatchObject({
      id: 7,
      name: 'Demo Job Template',
      organization: 'Default',
      launchUrl: '/api/v2/job_templates/7/launch/',
      inventory: { id: 1, name: 'Demo Inventory' },
      limit: '',
      skipTags: '',
      jobTags: '',
      asks: { limit: true, variables: false, skipTags: true, inventory: true },
      surveyEnabled: true,
      passwordQuestions: ['pw'],
      requiredVariables: ['env', 'n'],
      jobSliceCount: 1,
      allowSimultaneous: false,
      mayStart: true,
      project: 'successful',
      variables: [],
    })
    const codes = launchHazards(found, { id: 1, name: 'Demo Inventory' }, ['env']).map(each => each.code)
    expect(codes).toEqual(['no_ask_variables', 'default_limit', 'survey', 'waits_for_itself', 'no_timeout'])
  })

  test('whose survey may not be read is as one that may not be read', async () => {
    replayDiscovery()
    replay('015-lookup-by-name-org')
    replay('120-launch-get-survey')
    nock(ORIGIN).get('/api/v2/job_templates/7/survey_spec/').reply(403, { detail: 'no' }, JSON_HEADERS)
    await using controller = controllerFor()
    await expect(controller.findTemplate('Demo Job Template', 'Default')).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('that asks for a password and has no inventory says so', async () => {
    replayDiscovery()
    answer(
      '/api/v2/job_templates/',
      listOf({
        ...(bodyOf('015-lookup-by-name-org')['results'] as object[])[0],
        related: { launch: '/api/v2/job_templates/8/launch/' },
      }),
    )
    replay('130-launch-get-noinv')
    await using controller = controllerFor()
    const found = await controller.findTemplate('noinv', 'Default')
    expect(found).toMatchObject({
      inventory: null,
      requiredPasswords: ['ssh_password'],
      asks: { limit: false, inventory: true },
    })
  })

  test('that nobody has, or that is hidden, is not found', async () => {
    replayDiscovery()
    answer('/api/v2/job_templates/', listOf())
    await using controller = controllerFor()
    await expect(controller.findTemplate('Day2 | Patch', 'Default')).rejects.toMatchObject({
      kind: 'not_found',
      code: 'controller_not_found',
      message: expect.stringContaining('job template "Day2 | Patch" in organization "Default"') as string,
    })
  })

  test('that exists twice is ambiguous, and both are named', async () => {
    replayDiscovery()
    const row = (bodyOf('015-lookup-by-name-org')['results'] as object[])[0]
    answer('/api/v2/job_templates/', listOf(row, { ...row, id: 9 }))
    await using controller = controllerFor()
    await expect(controller.findTemplate('x', 'y')).rejects.toMatchObject({
      kind: 'ambiguous',
      message: expect.stringContaining('7, 9') as string,
    })
  })

  test.each([
    ['a project that failed', { summary_fields: { project: { id: 6, status: 'failed' } } }, { project: 'failed' }],
    ['no project', { project: null, summary_fields: {} }, { project: '' }],
    ['a project of which nothing is told', { summary_fields: {} }, { project: 'unknown' }],
    ['variables in JSON', { extra_vars: '{"ansible_host": "10.0.0.9"}' }, { variables: ['ansible_host'] }],
    [
      'variables in YAML',
      { extra_vars: '---\nansible_user: x # who\nsite: y\n' },
      { variables: ['ansible_user', 'site'] },
    ],
    ['variables that are neither', { extra_vars: 'a: [' }, { variables: [] }],
  ])('says that it has %s', async (_, changed, expected) => {
    replayDiscovery()
    const row = (bodyOf('015-lookup-by-name-org')['results'] as object[])[0]
    answer('/api/v2/job_templates/', listOf({ ...row, ...changed }))
    replay('233-read-scope-get')
    await using controller = controllerFor()
    expect(await controller.findTemplate('Demo Job Template', 'Default')).toMatchObject(expected)
  })

  test('without a key that a launch depends on is a fault that names the key', async () => {
    replayDiscovery()
    replay('015-lookup-by-name-org')
    replay('120-launch-get-survey', body => ({ ...body, ask_limit_on_launch: undefined }))
    await using controller = controllerFor()
    await expect(controller.findTemplate('Demo Job Template', 'Default')).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(/"ask_limit_on_launch" is missing/) as string,
    })
  })
})

describe('an inventory and its source', () => {
  test('are found by name', async () => {
    replayDiscovery()
    answer('/api/v2/inventories/', listOf(bodyOf('1002-inventory')))
    replay('1512-sources-list-as-exec')
    await using controller = controllerFor()
    const inventory = await controller.findInventory('fleet', 'Default')
    expect(inventory).toEqual({ id: 2, name: 'fleet', scriptUrl: '/api/v2/inventories/2/script/' })
    const source = await controller.findInventorySource('script', inventory)
    expect(source).toMatchObject({
      id: 10,
      inventory: 2,
      updateUrl: '/api/v2/inventory_sources/10/update/',
      overwrite: true,
      overwriteVars: true,
      mayUpdate: false,
    })
    expect(sourceHazards(source).map(each => each.code)).toEqual(['no_update_right'])
  })
})

describe('a template with one fault has that one hazard, with its mend', () => {
  const ours = { id: 3, name: 'virtbridge fleet' }
  const asks = template().asks

  test('and none without a fault', () => expect(launchHazards(template(), ours, [])).toEqual([]))

  test.each([
    ['no_ask_limit', 'stop', { asks: { ...asks, limit: false } }],
    ['no_ask_variables', 'stop', { asks: { ...asks, variables: false } }],
    ['no_ask_skip_tags', 'stop', { asks: { ...asks, skipTags: false } }],
    ['default_limit', 'stop', { limit: '' }],
    ['default_limit', 'stop', { limit: 'all' }],
    ['sliced', 'stop', { jobSliceCount: 2 }],
    ['other_inventory', 'stop', { inventory: { id: 4, name: 'other' } }],
    ['other_inventory', 'stop', { inventory: null }],
    ['survey', 'stop', { requiredVariables: ['env'] }],
    ['passwords', 'stop', { requiredPasswords: ['ssh_password'] }],
    ['not_permitted', 'stop', { mayStart: false }],
    ['no_project', 'stop', { project: '' }],
    ['no_project', 'stop', { project: 'failed' }],
    ['no_playbooks', 'warn', { project: 'never updated' }],
    ['other_host', 'stop', { variables: ['site', 'ansible_host'] }],
    ['own_variables', 'warn', { variables: ['ansible_connection', 'virtbridge_verb', 'ansible_python_interpreter'] }],
    ['check_mode', 'stop', { jobType: 'check' }],
    ['only_tags', 'warn', { jobTags: 'facts' }],
    ['waits_for_itself', 'warn', { allowSimultaneous: false }],
    ['no_timeout', 'warn', { timeoutSeconds: 0 }],
  ] as const)('%s (%s)', (code, severity, change) => {
    const found = launchHazards(template(change), ours, [])
    expect(found).toMatchObject([{ code, severity }])
    expect(found[0]?.mend).not.toBe('')
  })

  test('a template that only looks is no hazard to a dry run', () => {
    expect(launchHazards(template({ jobType: 'check' }), ours, [], true)).toEqual([])
  })

  test('another inventory is no hazard when the launch may choose ours', () => {
    expect(launchHazards(template({ inventory: null, asks: { ...asks, inventory: true } }), ours, [])).toEqual([])
  })

  test('a required variable that the launch carries is no hazard', () => {
    expect(launchHazards(template({ requiredVariables: ['env'] }), ours, ['env'])).toEqual([])
  })

  const asking = { surveyEnabled: true, passwordQuestions: ['pw'], requiredVariables: ['pw'] }
  test.each<[string, Parameters<typeof template>[0], variables: string[], secrets: string[], codes: string[]]>([
    ['a password question that a secret answers', asking, ['other'], ['pw'], []],
    ['a secret without a survey', {}, [], ['pw'], ['no_password_question']],
    [
      'a secret that another question asks for',
      { ...asking, requiredVariables: [] },
      [],
      ['pw2'],
      ['no_password_question'],
    ],
    ['one of two secrets', asking, [], ['pw', 'pw2'], ['no_password_question']],
    ['a password question that is answered in clear', asking, ['pw'], [], ['password_question']],
  ])('%s', (_, changes, variables, secrets, codes) => {
    expect(launchHazards(template(changes), ours, variables, false, secrets).map(each => each.code)).toEqual(codes)
  })

  test.each<[what: string, variables: unknown, view: string]>([
    ['none', '', ''],
    ['none, in an answer that does not tell', undefined, ''],
    ['others', '{"STATE_DIR": "/srv/awx"}', ''],
    ['JSON', '{"VIRTBRIDGE_VIEW": "beside-guests", "VIRTBRIDGE_MIN_HOSTS": "5"}', 'beside-guests'],
    ['YAML', '---\nVIRTBRIDGE_MIN_HOSTS: "5"\nVIRTBRIDGE_VIEW: beside-guests # a view\n', 'beside-guests'],
    ['another, that ends alike', 'NOT_VIRTBRIDGE_VIEW: x', ''],
  ])('a source asks for a view by its variables: %s', async (_, source_vars, view) => {
    replayDiscovery()
    const { results } = bodyOf('1512-sources-list-as-exec') as { results: object[] }
    answer('/api/v2/inventory_sources/', listOf({ ...results[0], source_vars }))
    await using controller = controllerFor()
    expect(await controller.findInventorySource('script', { id: 2 })).toMatchObject({ view })
  })
})
