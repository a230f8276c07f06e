import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/errors.ts'
import { MAX_EXTRA_VARS_BYTES, type LaunchRequest, type Template } from '../../src/aap/index.ts'
import {
  answer,
  bodyOf,
  controllerFor,
  JSON_HEADERS,
  listOf,
  MARKER,
  ORIGIN,
  recording,
  replay,
  replaying,
  replayDiscovery,
  template,
} from './recorded.ts'

replaying()

const request: LaunchRequest = {
  hosts: ['vm1', 'vm2'],
  marker: MARKER,
  extraVars: { virtbridge_run_id: 'r1', virtbridge_expected_count: 2 },
  inventory: 1,
}
const demo = template({
  id: 7,
  launchUrl: '/api/v2/job_templates/7/launch/',
  inventory: { id: 1, name: 'Demo Inventory' },
})
const ours = { skip_tags: MARKER, extra_vars: JSON.stringify({ ...request.extraVars, of_the_template: 1 }) }

/** The template that a recording was launched from, set up as it should have been. */
function templateOf(name: string): Template {
  const path = recording(name).request.path
  const id = Number(/job_templates\/(\d+)\//.exec(path)?.[1] ?? bodyOf(name)['job_template'])
  return template({ id, launchUrl: path, inventory: { id: Number(bodyOf(name)['inventory'] ?? 1), name: 'x' } })
}

test('what is posted is limit, marker and variables and nothing else, and the job that comes back is the one asked for', async () => {
  let posted: unknown
  nock(ORIGIN)
    .post('/api/v2/job_templates/7/launch/', body => {
      posted = body
      return true
    })
    .reply(201, { ...bodyOf('028-launch-prompted'), ...ours })
  await using controller = controllerFor()
  const launched = await controller.launch(demo, request)
  expect(launched).toMatchObject({
    kind: 'launched',
    job: { id: 9, type: 'job', url: '/api/v2/jobs/9/', limit: 'vm1,vm2', status: 'pending', ended: false },
  })
  expect(posted).toEqual({ limit: 'vm1,vm2', skip_tags: MARKER, extra_vars: request.extraVars })
})

test('the template’s own skip tags are sent before the marker, and our inventory when it is not the template’s', async () => {
  let posted: unknown
  nock(ORIGIN)
    .post('/api/v2/job_templates/7/launch/', body => {
      posted = body
      return true
    })
    .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, skip_tags: `slow,${MARKER}` })
  await using controller = controllerFor()
  const asks = { limit: true, variables: true, skipTags: true, inventory: true, jobType: true }
  const launched = await controller.launch({ ...demo, skipTags: 'slow', inventory: null, asks }, request)
  expect(launched.kind).toBe('launched')
  expect(posted).toMatchObject({ skip_tags: `slow,${MARKER}`, inventory: 1 })
})

describe('a 201 that is not what was asked for is cancelled at once', () => {
  const cases = [
    ['512-launch-limit-ignored', 'a limit that was ignored', /field limit was ignored/],
    ['016-unknown-field', 'a limit that the controller did not know', /limit is "", not "vm1,vm2"/],
    ['902-launch-omitted-limit', 'the template’s limit in place of ours', /limit is "vmb-no-default-limit"/],
    ['903-launch-empty-limit', 'an empty limit', /limit is ""/],
    ['149-launch-slice', 'a sliced template', /it is a workflow_job, not a job/],
    ['124-launch-survey-extra', 'variables that the survey does not know', /field extra_vars was ignored \(other\)/],
    ['505-limit-partial', 'somebody else’s limit', /limit is "vm1,ghost"/],
    ['013-named-launch', 'a launch without our marker', /skip_tags is ""/],
    ['018-limit-int', 'a limit that was a number', /limit is/],
    ['028-launch-prompted', 'another marker', /skip_tags is "bridge-abc123"/],
    ['030-launch-ev-yaml-string', 'other variables', /extra_vars: virtbridge_run_id is missing/],
    ['032-launch-limit-empty', 'an empty limit where prompted', /limit is ""/],
    ['036-launch-labels', 'a launch with labels only', /limit is/],
    ['132-launch-noinv-with', 'a launch of a template without inventory', /limit is/],
    ['225-launch-exec-other-inventory', 'one host of two', /limit is "vm1"/],
    ['411-run-fail-one', 'a launch without limit', /limit is ""/],
    ['416-run-nohost-limit', 'a limit that matches nothing', /limit is "nonexistent"/],
    ['509-first', 'the first of two', /skip_tags/],
    ['510-second', 'the second of two', /skip_tags/],
    ['518-launch-missing-playbook', 'a launch of a missing playbook', /limit/],
    ['520-launch-missing-project-dir', 'a launch of a missing project', /limit/],
    ['522-launch-timeout', 'a launch with a time-out', /limit is "vm1"/],
    ['905-second-pending', 'a launch that waits', /skip_tags/],
  ] as const

  test.each(cases)('%s: %s', async (name, _, difference) => {
    const inventory = Number(bodyOf(name)['inventory'])
    const launchUrl = recording(name).request.path
    replay(name)
    const cancelled = nock(ORIGIN)
      .post(`${String(bodyOf(name)['url'])}cancel/`)
      .reply(202)
    await using controller = controllerFor()
    const launched = await controller.launch({ ...templateOf(name), launchUrl }, { ...request, inventory })
    expect(launched).toMatchObject({
      kind: 'widened',
      cancelled: true,
      job: { id: bodyOf(name)['id'], url: bodyOf(name)['url'], type: bodyOf(name)['type'] },
    })
    expect(launched.kind === 'widened' && launched.differences.join('; ')).toMatch(difference)
    expect(cancelled.isDone()).toBe(true)
  })

  test('another inventory than ours', async () => {
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, inventory: 2 })
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    expect(await controller.launch(demo, request)).toMatchObject({
      kind: 'widened',
      differences: ['inventory is 2, not 1'],
    })
  })

  test('another template than ours', async () => {
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, job_template: 8 })
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    expect(await controller.launch(demo, request)).toMatchObject({
      kind: 'widened',
      differences: ['job template is 8, not 7'],
    })
  })

  test('and asked for again when the cancel itself gets no answer', async () => {
    replay('512-launch-limit-ignored')
    nock(ORIGIN)
      .post('/api/v2/jobs/45/cancel/')
      .reply(502, '<html><title>Bad Gateway</title></html>', { 'Content-Type': 'text/html' })
    nock(ORIGIN).post('/api/v2/jobs/45/cancel/').reply(202)
    await using controller = controllerFor()
    expect(await controller.launch(templateOf('512-launch-limit-ignored'), { ...request, inventory: 3 })).toMatchObject(
      { kind: 'widened', cancelled: true },
    )
  })

  test.each([
    ['it has ended already', 405, 1],
    ['it is not ours to cancel', 403, 1],
    ['the controller is away', 503, 3],
  ])('and said to run on when %s', async (_, status, times) => {
    replay('512-launch-limit-ignored')
    nock(ORIGIN).post('/api/v2/jobs/45/cancel/').times(times).reply(status, { detail: 'no' })
    await using controller = controllerFor()
    expect(await controller.launch(templateOf('512-launch-limit-ignored'), { ...request, inventory: 3 })).toMatchObject(
      { kind: 'widened', cancelled: false },
    )
  })

  test('and a value of a variable is told by its name only', async () => {
    const secret = { ...request, extraVars: { activation_key: 'do-not-tell' } }
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, extra_vars: '{"activation_key":"another-secret"}' })
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    const launched = await controller.launch(demo, secret)
    expect(launched).toMatchObject({ kind: 'widened', differences: ['extra_vars: activation_key is another'] })
    expect(JSON.stringify(launched)).not.toMatch(/do-not-tell|another-secret/)
  })

  test('and a variable that is no secret and comes back masked is another', async () => {
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, extra_vars: '{"note":"$encrypted$"}' })
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    const launched = await controller.launch(demo, { ...request, extraVars: { note: 'x' } })
    expect(launched).toMatchObject({ kind: 'widened', differences: ['extra_vars: note is another'] })
  })
})

describe('a launch with a secret', () => {
  const SECRET = 's3cret'
  const asking = { ...demo, surveyEnabled: true, passwordQuestions: ['pw'] }
  const secrets = { names: ['pw'], open: () => ({ pw: SECRET }) }
  const own = { env: 'dev', n: 3 }
  const secretly: LaunchRequest = { ...request, extraVars: own, secrets }

  test('posts it as the answer to its question, and the mask that was recorded comes back for it', async () => {
    let posted: unknown
    const { limit, skip_tags } = { limit: 'vm1,vm2', skip_tags: MARKER }
    nock(ORIGIN)
      .post(demo.launchUrl, body => {
        posted = body
        return true
      })
      .reply(201, { ...bodyOf('124-launch-survey-extra'), limit, skip_tags, ignored_fields: {} })
    await using controller = controllerFor()
    expect(await controller.launch(asking, secretly)).toMatchObject({ kind: 'launched', job: { id: 16 } })
    expect(posted).toEqual({ limit, skip_tags, extra_vars: { ...own, pw: SECRET } })
  })

  test.each([
    ['in clear', `{"env":"dev","n":3,"pw":"${SECRET}"}`, /^extra_vars: pw is not hidden: every reader of the job sees/],
    ['as nothing', '{"env":"dev","n":3,"pw":""}', /^extra_vars: pw is not hidden/],
    ['not at all', '{"env":"dev","n":3}', /^extra_vars: pw is missing$/],
    ['with another that is masked', '{"env":"dev","n":"$encrypted$","pw":"$encrypted$"}', /^extra_vars: n is another$/],
  ])('that comes back %s is cancelled at once, and the secret is not told', async (_, extra_vars, difference) => {
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(201, { ...bodyOf('028-launch-prompted'), ...ours, extra_vars })
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    const launched = await controller.launch(asking, secretly)
    expect(launched).toMatchObject({
      kind: 'widened',
      cancelled: true,
      differences: [expect.stringMatching(difference)],
    })
    expect(JSON.stringify(launched)).not.toContain(SECRET)
  })

  test.each([
    [
      'whose template asks for no such password',
      { ...asking, passwordQuestions: ['other'] },
      secrets,
      /no password pw/,
    ],
    ['whose template has no survey', demo, secrets, /it has no survey that asks/],
    [
      'that can not be opened',
      asking,
      {
        names: ['pw'],
        open: () => {
          throw new Fault('sealing_key', 'its key is gone')
        },
      },
      /^its key is gone$/,
    ],
  ])('%s is not sent', async (_, wrong, given, reason) => {
    await using controller = controllerFor()
    const launched = await controller.launch(wrong, { ...secretly, secrets: given })
    expect(launched).toMatchObject({ kind: 'refused', status: 0, reason: expect.stringMatching(reason) as string })
  })

  test('that is settled by its marker opens nothing, and is held against the same mask', async () => {
    replayDiscovery()
    const found = { ...bodyOf('124-launch-survey-extra'), limit: 'vm1,vm2', skip_tags: MARKER }
    answer('/api/v2/jobs/', listOf(found))
    answer('/api/v2/jobs/16/', { ...found, ignored_fields: {} })
    await using controller = controllerFor()
    const shut = { names: ['pw'], open: () => expect.unreachable() }
    expect(await controller.recover(asking, { ...secretly, secrets: shut })).toMatchObject({ kind: 'launched' })
  })

  test('that is turned down tells what it is about, and none of the words', async () => {
    const faults = [`Value ${SECRET} for 'pw' expected to be a string.`, `'pw' value ${SECRET} is too small`]
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(400, { variables_needed_to_start: faults, [SECRET]: SECRET }, JSON_HEADERS)
    await using controller = controllerFor()
    const launched = await controller.launch(asking, secretly)
    expect(launched).toMatchObject({
      kind: 'refused',
      status: 400,
      reason: expect.stringMatching(
        /^the controller answered 400 about variables_needed_to_start; its words/,
      ) as string,
    })
    expect(JSON.stringify(launched)).not.toContain(SECRET)
  })
})

describe('a 4xx is settled: nothing runs, and the reason is the controller’s', () => {
  test.each([
    ['001-no-auth', 401, /Authentication credentials/],
    ['011-404-launch', 404, /No JobTemplate matches/],
    ['017-bad-json', 400, /JSON parse error/],
    ['020-verbosity-9', 400, /verbosity: "9" is not a valid choice/],
    ['021-inventory-missing', 400, /object does not exist/],
    ['022-credentials-missing', 400, /object does not exist/],
    ['023-labels-missing', 400, /object does not exist/],
    ['025-extra-vars-bad-string', 400, /extra_vars/],
    ['026-extra-vars-list', 400, /extra_vars/],
    ['031-launch-limit-null', 400, /limit: This field may not be null/],
    ['122-launch-survey-bad', 400, /expected to be one of/],
    ['123-launch-survey-wrong-type', 400, /variables_needed_to_start/],
    ['222-launch-read-only', 403, /You do not have permission/],
    ['227-launch-exec-inventory-not-allowed', 403, /You do not have permission/],
    ['228-launch-exec-labels', 403, /You do not have permission/],
    ['232-read-scope-launch', 403, /You do not have permission/],
  ])('%s → %i', async (name, status, reason) => {
    const { response } = recording(name)
    nock(ORIGIN)
      .post(demo.launchUrl)
      .reply(status, response.body as nock.Body, response.headers)
    await using controller = controllerFor()
    const launched = await controller.launch(demo, request)
    expect(launched).toMatchObject({ kind: 'refused', status })
    expect(launched.kind === 'refused' && launched.reason).toMatch(reason)
  })

  test('a redirect is not followed, and says where it leads', async () => {
    nock(ORIGIN).post(demo.launchUrl).reply(301, '', { Location: 'https://elsewhere.test/' })
    await using controller = controllerFor()
    expect(await controller.launch(demo, request)).toMatchObject({
      kind: 'refused',
      status: 301,
      reason: expect.stringContaining('https://elsewhere.test/') as string,
    })
  })

  test('a complaint that quotes a variable’s value does not pass it on', async () => {
    const complaint = {
      variables_needed_to_start: ["'pw' value hunter2hunter2 is too small (length is 14 must be at least 20)."],
    }
    nock(ORIGIN).post(demo.launchUrl).reply(400, complaint)
    await using controller = controllerFor()
    const launched = await controller.launch(demo, { ...request, extraVars: { nested: { pw: ['hunter2hunter2'] } } })
    expect(launched).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining("'pw' value <hidden> is too small") as string,
    })
  })
})

test.each([
  ['an HTML 500', 500, '142-bulk-unknown-ujt', /Server Error \(500\)/],
  ['a gateway that gave up', 504, '142-bulk-unknown-ujt', /504/],
  ['a proxy that waited too long for us', 408, '142-bulk-unknown-ujt', /408/],
])('%s leaves open whether it runs', async (_, status, name, reason) => {
  const { response } = recording(name)
  nock(ORIGIN)
    .post(demo.launchUrl)
    .once()
    .reply(status, response.body as nock.Body, response.headers)
  await using controller = controllerFor()
  const launched = await controller.launch(demo, request)
  expect(launched.kind).toBe('ambiguous')
  expect(launched.kind === 'ambiguous' && launched.reason).toMatch(reason)
})

describe('a launch that could mean something else is not even sent', () => {
  test.each<[string, Partial<LaunchRequest>, Partial<Template>, RegExp]>([
    ['without a host', { hosts: [] }, {}, /every host/],
    ['with a pattern', { hosts: ['vm*'] }, {}, /pattern/],
    ['without a marker', { marker: 'virtbridge-1' }, {}, /marker/],
    ['with skip tags beyond their column', {}, { skipTags: 'x'.repeat(1000) }, /no room/],
    ['with variables beyond a megabyte', { extraVars: { x: 'y'.repeat(MAX_EXTRA_VARS_BYTES) } }, {}, /extra_vars of/],
    ['from a template that drops the limit', {}, { asks: { ...demo.asks, limit: false } }, /Prompt on launch/],
    ['on another inventory', { inventory: 2 }, {}, /not on/],
    ['from a sliced template', {}, { jobSliceCount: 3 }, /slices/],
  ])('%s', async (_, request_, template_, reason) => {
    await using controller = controllerFor()
    const launched = await controller.launch({ ...demo, ...template_ }, { ...request, ...request_ })
    expect(launched).toMatchObject({ kind: 'refused', status: 0 })
    expect(launched.kind === 'refused' && launched.reason).toMatch(reason)
  })
})

describe('an ambiguous launch is settled by its marker', () => {
  const row = (changes: object) => ({
    ...(bodyOf('601-marker-search')['results'] as object[])[0],
    skip_tags: MARKER,
    inventory: 1,
    job_template: 7,
    limit: 'vm1,vm2',
    ...changes,
  })
  const detail = (changes: object = {}) => ({ ...bodyOf('028-launch-prompted'), ...ours, ...changes })

  test('found as asked for, it is launched', async () => {
    replayDiscovery()
    const found = listOf(row({ id: 9, url: '/api/v2/jobs/9/' }), row({ id: 12, launch_type: 'relaunch' }))
    answer('/api/v2/jobs/', found, { skip_tags__contains: MARKER, order_by: 'id', page_size: '200' })
    answer('/api/v2/jobs/9/', detail({ skip_tags: `slow,${MARKER}`, ignored_fields: undefined }))
    await using controller = controllerFor()
    expect(await controller.recover(demo, request)).toMatchObject({ kind: 'launched', job: { id: 9 } })
  })

  test('found wider than asked for, it is cancelled', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(row({ id: 9, url: '/api/v2/jobs/9/' })))
    answer('/api/v2/jobs/9/', detail({ limit: '' }))
    nock(ORIGIN).post('/api/v2/jobs/9/cancel/').reply(202)
    await using controller = controllerFor()
    expect(await controller.recover(demo, request)).toMatchObject({
      kind: 'widened',
      cancelled: true,
      differences: ['limit is "", not "vm1,vm2"'],
    })
  })

  test('found as asked for, and its template was deleted since: it is launched', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(row({ id: 9, url: '/api/v2/jobs/9/', job_template: null })))
    answer('/api/v2/jobs/9/', detail({ skip_tags: MARKER, job_template: null, ignored_fields: undefined }))
    await using controller = controllerFor()
    expect(await controller.recover(demo, request)).toMatchObject({ kind: 'launched', job: { id: 9 } })
  })

  test('found only as a person’s relaunch, its job has vanished', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(row({ id: 12, launch_type: 'relaunch' })))
    await using controller = controllerFor()
    expect(await controller.recover(demo, request)).toEqual({ kind: 'vanished' })
  })

  test('not found, it is absent for now', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(row({ skip_tags: 'virtbridge-ffffffffffffffffffffffffffffffff' })))
    await using controller = controllerFor()
    expect(await controller.recover(demo, request)).toEqual({ kind: 'absent' })
  })
})

describe('that a search found nothing counts only while the template can be read, by which its jobs are', () => {
  test('it can', async () => {
    replayDiscovery()
    replay('221-jt-readable')
    await using controller = controllerFor()
    await expect(controller.confirmReadable(demo)).resolves.toBeUndefined()
  })

  test('its right was taken away', async () => {
    replayDiscovery()
    replay('218-jt-hidden')
    await using controller = controllerFor()
    const message = 'job template 7 can not be read any more, so that a job of it could not be seen'
    await expect(controller.confirmReadable(demo)).rejects.toMatchObject({ kind: 'forbidden', status: 403, message })
  })

  test.each([
    [404, 'not_found', /^job template 7 is not there any more, so that a job of it could not be seen$/],
    [503, 'unavailable', /503/],
    [401, 'unauthorized', /401/],
  ])('%i: %s', async (status, kind, message) => {
    replayDiscovery()
    nock(ORIGIN).get('/api/v2/job_templates/7/').reply(status, { detail: 'no' }, JSON_HEADERS)
    await using controller = controllerFor()
    await expect(controller.confirmReadable(demo)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message) as string,
    })
  })

  test.each([
    ['nothing of a template', {}, /"id" is missing/],
    ['another template', { id: 8 }, /answered with job template 8$/],
    ['a page', '<html>', /JSON/],
  ])('what stands before the controller answers 200 with %s', async (_, body, message) => {
    replayDiscovery()
    nock(ORIGIN).get('/api/v2/job_templates/7/').reply(200, body, JSON_HEADERS)
    await using controller = controllerFor()
    await expect(controller.confirmReadable(demo)).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(message) as string,
    })
  })
})
