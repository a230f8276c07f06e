import { describe, expect, test } from 'vitest'
import { day2World } from './worlds.ts'

const LAUNCH = '/api/v2/job_templates/3/launch/'

describe('a launch fails open, as recorded', () => {
  test('a field without its prompt is ignored, is said to be, and the template decides', async () => {
    await using world = await day2World()
    world.setPrompt('Patch', 'limit', false)
    const { status, body } = await world.ask('POST', LAUNCH, { limit: 'vm1', skip_tags: 'virtbridge-1' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      ignored_fields: { limit: 'vm1' },
      limit: 'virtbridge-no-default-limit',
      skip_tags: 'virtbridge-1',
    })
  })

  test('a field that does not exist is dropped without a word', async () => {
    await using world = await day2World()
    const { status, body } = await world.ask('POST', LAUNCH, { limits: 'vm1' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ ignored_fields: {}, limit: 'virtbridge-no-default-limit' })
  })

  test('a field that says what the template says is neither taken nor ignored', async () => {
    await using world = await day2World()
    world.setPrompt('Patch', 'limit', false)
    const { body } = await world.ask('POST', LAUNCH, { limit: 'virtbridge-no-default-limit' })
    expect(body).toMatchObject({ ignored_fields: {} })
  })

  test('variables without their prompt are ignored one by one', async () => {
    await using world = await day2World()
    world.setPrompt('Patch', 'variables', false)
    const { body } = await world.ask('POST', LAUNCH, { limit: 'vm1', extra_vars: { virtbridge_run_id: 'r' } })
    expect(body).toMatchObject({ ignored_fields: { extra_vars: { virtbridge_run_id: 'r' } }, extra_vars: '{}' })
  })
})

describe('a launch is refused', () => {
  test.each([
    {
      title: 'with a null inventory',
      body: { inventory: null },
      reply: { inventory: ['This field may not be null.'] },
    },
    { title: 'with a list for a limit', body: { limit: ['vm1'] }, reply: { limit: ['Not a valid string.'] } },
    {
      title: 'with a job type that is none',
      body: { job_type: 'scan' },
      reply: { job_type: ['"scan" is not a valid choice.'] },
    },
    {
      title: 'with text for a timeout',
      body: { timeout: 'long' },
      reply: { timeout: ['A valid integer is required.'] },
    },
    {
      title: 'with text for an inventory',
      body: { inventory: 'fleet' },
      reply: { inventory: ['Incorrect type. Expected pk value, received str.'] },
    },
    {
      title: 'for every wrong field at once',
      body: { limit: null, diff_mode: 'yes' },
      reply: { limit: ['This field may not be null.'], diff_mode: ['Must be a valid boolean.'] },
    },
  ])('$title', async ({ body, reply }) => {
    await using world = await day2World()
    expect(await world.ask('POST', LAUNCH, body)).toMatchObject({ status: 400, body: reply })
    expect(world.store.jobs.size).toBe(0)
  })

  test('when its inventory is missing and its project failed: both are told', async () => {
    await using world = await day2World()
    Object.assign(world.store.templates.must(3), { inventory: null })
    Object.assign(world.store.projects.must(1), { status: 'failed' })
    const { status, body } = await world.ask('POST', LAUNCH, { limit: 'vm1' })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      resources_needed_to_start: ['Job Template inventory is missing or undefined.'],
      playbook: 'Missing a revision to run due to failed project update.',
    })
  })

  test('with a body that is no JSON object, of another type, or too large', async () => {
    await using world = await day2World()
    expect(await world.ask('POST', LAUNCH, [1])).toMatchObject({ status: 400 })
    const form = await fetch(new URL(LAUNCH, world.url), {
      method: 'POST',
      headers: { authorization: 'Bearer admin', 'content-type': 'text/plain' },
      body: 'limit=vm1',
    })
    expect(form.status).toBe(415)
    expect(await world.ask('POST', LAUNCH, { extra_vars: { x: 'x'.repeat(5_000_000) } })).toMatchObject({ status: 413 })
    expect(world.store.jobs.size).toBe(0)
  })
})
