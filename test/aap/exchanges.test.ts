import { readdirSync, readFileSync } from 'node:fs'
import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { launchHazards } from '../../src/aap/index.ts'
import { recordingNames } from '../simulator/controller/recording.ts'
import { controllerFor, MARKER, ORIGIN, recording, replaying, replayDiscovery, template } from './recorded.ts'
import { UNASKED } from './unasked.ts'

replaying()

test('every recording is replayed to the client, or listed with the reason why the client never has such an answer', () => {
  const folder = new URL('.', import.meta.url)
  const sources = readdirSync(folder)
    .filter(name => name.endsWith('.test.ts') || name === 'recorded.ts')
    .map(name => readFileSync(new URL(name, folder), 'utf8'))
    .join('')
  const names = recordingNames()
  const replayed = names.filter(name => sources.includes(`'${name}'`))
  const listed = Object.values(UNASKED).flat()
  expect([...replayed, ...listed].sort()).toEqual(names)
  expect(names.length).toBe(277)
})

type Body = Record<string, unknown>
type Rows = readonly (Body & { id: number; inventory: number })[]

/** Answers one request as it was recorded, or changed. */
function answerAs(
  name: string,
  method: 'GET' | 'POST',
  path: string | RegExp,
  change: (body: Body) => unknown = body => body,
): void {
  const { response } = recording(name)
  const headers = { 'Content-Type': response.headers['Content-Type'] ?? 'application/json' }
  nock(ORIGIN)
    .intercept(path, method)
    .query(true)
    .reply(response.status, change(structuredClone(response.body) as Body) as nock.Body, headers)
}

describe('a recorded list of jobs is read job by job, whoever asked for it', () => {
  test.each([
    '037-filter-labels-name',
    '038-filter-via-jt-jobs',
    '041-filter-limit-reserved',
    '042-filter-limit-exact',
    '045-filter-status-in',
    '047-page-size-500',
    '205-webhook-find',
    '206-webhook-job',
    '208-race-count',
    '315-count-disabled',
  ])('%s', async name => {
    const ours = (recording(name).response.body as { results: Rows }).results
    const inventory = ours[0]?.inventory ?? 0
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/jobs/')
    await using controller = controllerFor()
    const { jobs, newest, more } = await controller.jobsOn([{ id: inventory }], 0)
    expect(jobs.map(job => [job.id, job.launchType, job.limit, job.status])).toEqual(
      ours.map(row => [row.id, row['launch_type'], row['limit'], row['status']]),
    )
    expect([newest, more]).toEqual([Math.max(...ours.map(row => row.id)), false])
    for (const job of jobs) {
      expect(Number.isNaN(Date.parse(job.created))).toBe(false)
      expect(job.name).not.toBe('')
    }
  })
})

describe('a recorded refusal of a question is the error that says what to do', () => {
  test.each([
    ['001-no-auth', 'unauthorized', /credentials were not provided/],
    ['002-bad-bearer', 'unauthorized', /credentials were not provided/],
    ['003-bad-basic', 'unauthorized', /credentials were not provided/],
    ['040-filter-extra-vars', 'forbidden', /Filtering on extra_vars is not allowed/],
    ['046-page-too-far', 'not_found', /Invalid page/],
    ['218-jt-hidden', 'forbidden', /You do not have permission/],
  ])('%s: %s', async (name, kind, message) => {
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/jobs/')
    await using controller = controllerFor()
    await expect(controller.jobsOn([{ id: 3 }], 0)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message) as string,
    })
  })
})

describe('a recorded refusal of a POST is told in the controller’s words, and nothing ran', () => {
  test.each([
    ['017-bad-json', 400, 'JSON parse error'],
    ['107-relaunch-pending-failed', 400, 'Wait until job finishes'],
    ['109-relaunch-canceled-failed', 400, 'playbook stats not available'],
  ])('%s', async (name, status, reason) => {
    answerAs(name, 'POST', template().launchUrl)
    await using controller = controllerFor()
    const request = { hosts: ['web-1'], marker: MARKER, extraVars: {}, inventory: 3 }
    expect(await controller.launch(template(), request)).toMatchObject({
      kind: 'refused',
      status,
      reason: expect.stringContaining(reason) as string,
    })
  })
})

describe('a recorded launch on many hosts', () => {
  test.each([
    ['1301-launch-limit-500', 500],
    ['1302-launch-limit-20k', 500],
    ['1303-launch-limit-40k', 500],
  ])('%s: the whole limit comes back, and only the marker is missed', async name => {
    const { request, response } = recording(name)
    const asked = request.body as { limit: string; inventory: number }
    const body = response.body as { limit: string; job_template: number; url: string }
    // The recorder cut both, and says how long they were.
    expect(body.limit).toBe(asked.limit)
    const bytes = Number(/ (\d+) characters/.exec(asked.limit)?.[1])
    const hosts = namesOf(500, bytes)
    nock(ORIGIN)
      .post(request.path, posted => (posted as { limit: string }).limit === hosts.join())
      .reply(response.status, { ...body, limit: hosts.join() })
    nock(ORIGIN).post(`${body.url}cancel/`).reply(202)
    await using controller = controllerFor()
    const its = template({
      id: body.job_template,
      launchUrl: request.path,
      inventory: { id: asked.inventory, name: 'fleet' },
    })
    const launched = await controller.launch(its, { hosts, marker: MARKER, extraVars: {}, inventory: asked.inventory })
    expect(hosts.join().length).toBe(bytes)
    expect(launched).toMatchObject({ kind: 'widened', differences: [`skip_tags is "", not "${MARKER}"`] })
  })
})

/** So many names that are a limit of so many bytes. */
function namesOf(count: number, bytes: number): string[] {
  const names = Array.from({ length: count }, (_, index) =>
    `h${index}`.padEnd(Math.floor((bytes + 1) / count) - 1, 'x'),
  )
  return [...names.slice(0, -1), `${names.at(-1) ?? ''}${'x'.repeat(bytes - names.join().length)}`]
}

test('110-relaunch-canceled-all: what a person launched again is seen as that, on its limit', async () => {
  const again = recording('110-relaunch-canceled-all').response.body as Body
  replayDiscovery()
  answerAs('110-relaunch-canceled-all', 'GET', '/api/v2/jobs/', body => ({ results: [body] }))
  await using controller = controllerFor()
  const { jobs } = await controller.jobsOn([{ id: 1 }], 0)
  expect(jobs).toMatchObject([{ id: again['id'], launchType: 'relaunch', limit: 'vmc', launchedBy: 'admin' }])
})

test('221-jt-readable, 233-read-scope-get: a template that may be read, by an account or a token that may not launch it', async () => {
  replayDiscovery()
  answerAs('221-jt-readable', 'GET', '/api/v2/job_templates/', body => ({ results: [body] }))
  answerAs('233-read-scope-get', 'GET', recording('233-read-scope-get').request.path)
  await using controller = controllerFor()
  const found = await controller.findTemplate('Demo Job Template', 'Default')
  expect(found).toMatchObject({ id: 7, mayStart: false, asks: { limit: true, variables: true, skipTags: true } })
  const codes = launchHazards(found, { id: 1, name: 'Demo Inventory' }, []).map(hazard => hazard.code)
  expect(codes).toEqual(['default_limit', 'not_permitted', 'no_timeout'])
})

describe('a recorded source is read as it stands', () => {
  const sound = { id: 10, name: 'script', inventory: 2, overwrite: true, overwriteVars: true, cacheSeconds: 0 }
  test.each([
    ['1006-source-script-create', { ...sound, status: 'never updated', updateOnLaunch: false, mayUpdate: true }],
    ['1049-source-after-failure', { ...sound, status: 'failed', updateOnLaunch: false, mayUpdate: true }],
    [
      '1401-source-update-on-launch',
      { ...sound, status: 'successful', updateOnLaunch: true, cacheSeconds: 30, mayUpdate: true },
    ],
    [
      '1511-source-as-exec-with-inventory-read',
      { ...sound, status: 'successful', updateOnLaunch: false, mayUpdate: false },
    ],
  ])('%s', async (name, expected) => {
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/inventory_sources/', body => ({ results: [body] }))
    await using controller = controllerFor()
    expect(await controller.findInventorySource('script', { id: 2 })).toMatchObject({
      ...expected,
      updateUrl: '/api/v2/inventory_sources/10/update/',
      enabledVar: 'kubevirt_enabled',
      view: '',
    })
  })
})

describe('recorded rights', () => {
  // Of these lists a few keys of the first rows were kept: the others are those of a job that was recorded in full.
  test.each([
    ['048-unified-jobs', 11],
    ['1205-jobs-exec-user', 4],
    ['1208-jobs-org-auditor', 11],
    ['1210-jobs-org-execute', 11],
    ['1211-jobs-admin', 11],
    ['1221-jobs-with-inventory-read', 4],
  ])('%s: jobs that somebody else launched are seen, and on what', async (name, count) => {
    const { count: all, results } = recording(name).response.body as { count: number; results: Rows }
    expect(all).toBe(count)
    const whole = recording('1206-job-other-user-as-exec').response.body as Body
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/jobs/', () => ({ results: results.map(row => ({ ...whole, ...row })) }))
    await using controller = controllerFor()
    const { jobs } = await controller.jobsOn([{ id: results[0]?.inventory ?? 0 }], 0)
    expect(jobs.map(({ id, launchType, limit, status }) => [id, launchType, limit, status])).toEqual(
      results.map(row => [row.id, row['launch_type'], row['limit'], row['status']]),
    )
  })

  test.each(['1215-script-org-auditor', '1216-exec-script-read-role'])(
    '%s: a script that was not asked for everything is no list of hosts',
    async name => {
      answerAs(name, 'GET', '/api/v2/inventories/2/script/')
      await using controller = controllerFor()
      const inventory = { id: 2, name: 'fleet', scriptUrl: '/api/v2/inventories/2/script/' }
      await expect(controller.hosts(inventory)).rejects.toMatchObject({ kind: 'protocol' })
    },
  )

  test('1413-update-third-at-once: an update that is asked for while others wait is one of its own', async () => {
    const { request, response } = recording('1413-update-third-at-once')
    answerAs('1413-update-third-at-once', 'POST', request.path)
    await using controller = controllerFor()
    const source = { id: 10, name: 'virtbridge', inventory: 2, updateUrl: request.path } as const
    const update = await controller.updateSource({
      ...source,
      overwrite: true,
      view: '',
      overwriteVars: true,
      enabledVar: '',
      updateOnLaunch: false,
      cacheSeconds: 0,
      mayUpdate: true,
      status: '',
    })
    expect(update.id).toBe((response.body as Body)['inventory_update'])
  })
})
