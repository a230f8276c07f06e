import { expect, test } from 'vitest'
import { day2World, launch } from './worlds.ts'

test('behind a gateway the controller is found from /api/, and every URL it gives carries its prefix', async () => {
  await using world = await day2World({ prefix: 'controller' })
  expect((await world.ask('GET', '/api/', undefined, '')).body).toMatchObject({
    apis: { controller: '/api/controller/' },
  })
  expect((await world.ask('GET', '/api/controller/', undefined, '')).body).toMatchObject({
    current_version: '/api/controller/v2/',
  })
  const id = await launch(world, { limit: 'vm1' })
  const { text } = await world.ask('GET', `/api/controller/v2/jobs/?page_size=1`)
  expect(text).toContain(`"url":"/api/controller/v2/jobs/${id}/"`)
  expect(text).not.toContain('"/api/v2/')
  expect((await world.ask('GET', '/api/v2/ping/', undefined, '')).status).toBe(404)
  expect((await world.ask('GET', '/api/gateway/v1/tokens/')).status).toBe(200)
})

test('without one, /api/ names the version at once', async () => {
  await using world = await day2World()
  expect((await world.ask('GET', '/api/', undefined, '')).body).toMatchObject({ current_version: '/api/v2/' })
  expect((await world.ask('GET', '/api/gateway/v1/tokens/')).status).toBe(404)
})

test('a token made over the API is shown once, works, and is masked from then on', async () => {
  await using world = await day2World()
  const { status, body } = await world.ask('POST', '/api/v2/tokens/', { scope: 'read', description: 'new' })
  const { token } = body as { token: string }
  expect(status).toBe(201)
  expect((await world.ask('GET', '/api/v2/me/', undefined, token)).body).toMatchObject({
    results: [{ username: 'admin' }],
  })
  const listed = await world.ask('GET', '/api/v2/tokens/?description=new')
  expect(listed.body).toMatchObject({ count: 1, results: [{ token: '************', scope: 'read' }] })
  expect(listed.text).not.toContain(token)
})

test('ansible-rulebook finds its template, its organization and its labels, and both ways to poll', async () => {
  await using world = await day2World()
  world.setPrompt('Patch', 'labels', true)
  expect((await world.ask('GET', '/api/v2/config/')).body).toMatchObject({ version: expect.any(String) as string })
  const found = (await world.ask('GET', '/api/v2/unified_job_templates/?name=Patch')).body
  expect(found).toMatchObject({
    count: 1,
    next: null,
    results: [
      {
        type: 'job_template',
        name: 'Patch',
        ask_limit_on_launch: true,
        ask_labels_on_launch: true,
        ask_inventory_on_launch: false,
        ask_variables_on_launch: true,
        related: { launch: '/api/v2/job_templates/3/launch/' },
        summary_fields: { organization: { name: 'Default' } },
      },
    ],
  })
  expect((await world.ask('GET', '/api/v2/organizations/?name=Default')).body).toMatchObject({
    count: 1,
    results: [{ id: 1 }],
  })
  const label = { name: 'Activated by Event-Driven Ansible', organization: 1 }
  const { body: made } = await world.ask('POST', '/api/v2/labels/', label)
  expect(await world.ask('POST', '/api/v2/labels/', label)).toMatchObject({
    status: 400,
    body: { __all__: ['Label with this Name and Organization already exists.'] },
  })
  const id = await launch(world, {
    limit: 'all',
    labels: [(made as { id: number }).id],
    extra_vars: { ansible_eda: {} },
  })
  for (const path of [
    `jobs/?id__in=${id}&page_size=1`,
    'job_templates/3/jobs/?labels__name=Activated+by+Event-Driven+Ansible',
  ]) {
    expect((await world.ask('GET', `/api/v2/${path}`)).body).toMatchObject({
      count: 1,
      results: [{ id, status: 'pending', artifacts: {} }],
    })
  }
})

test('what happens is told in words, in order', async () => {
  const lines: string[] = []
  await using world = await day2World({
    onFeed: ({ text }) => void lines.push(text),
    outcome: host => (host === 'vm2' ? 'failed' : 'ok'),
  })
  await launch(world, { limit: 'vm1,vm2' })
  await world.clock.advance(10_000)
  expect(lines).toEqual([
    'job 1 "Patch" was launched by admin on vm1,vm2',
    'job 1 "Patch" is running',
    'job 1 "Patch" ended: failed',
    'job 1 "Patch" on vm1: ok',
    'job 1 "Patch" on vm2: failed (non-zero return code)',
  ])
})
