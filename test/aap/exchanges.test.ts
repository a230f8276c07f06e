import { existsSync, readFileSync } from 'node:fs'
import nock from 'nock'
import { describe, expect, test } from 'vitest'
import {
  controllerFor,
  JSON_HEADERS,
  listOf,
  MARKER,
  ORIGIN,
  type Recording,
  replayDiscovery,
  replaying,
  template,
} from './recorded.ts'

replaying()

/** An exchange with a real controller, from the client's recordings or from those of the simulator. */
function recorded(name: string): Recording {
  const [file] = ['awx-client', 'awx']
    .map(folder => new URL(`../fixtures/${folder}/${name}.json`, import.meta.url))
    .filter(existsSync)
  if (file === undefined) throw new Error(`nothing was recorded as ${name}`)
  return JSON.parse(readFileSync(file, 'utf8')) as Recording
}

type Body = Record<string, unknown>
type Rows = readonly (Body & { id: number; inventory: number })[]

/** Answers one request as it was recorded, or changed. */
function answerAs(
  name: string,
  method: 'GET' | 'POST',
  path: string | RegExp,
  change: (body: Body) => unknown = body => body,
): void {
  const { response } = recorded(name)
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
    '048-unified-jobs',
  ])('%s', async name => {
    const rows = (recorded(name).response.body as { results: Rows }).results
    const inventory = rows[0]?.inventory ?? 0
    const ours = rows.filter(row => row.inventory === inventory)
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/jobs/', () => listOf(...ours))
    await using controller = controllerFor()
    const { jobs, newest, more } = await controller.jobsOn([{ id: inventory }], 0)
    expect(jobs.map(job => job.id)).toEqual(ours.map(row => row.id))
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
    ['016-unknown-field', 'protocol', /./],
    ['040-filter-extra-vars', 'forbidden', /Filtering on extra_vars is not allowed/],
    ['046-page-too-far', 'not_found', /Invalid page/],
    ['218-jt-hidden', 'forbidden', /You do not have permission/],
    ['303-wf-filter-skip', 'protocol', /no field named 'skip_tags'/],
  ])('%s: %s', async (name, kind, message) => {
    // Recorded as an answer to a launch: what it says is no list.
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

describe('a recorded launch on many hosts is the one asked for', () => {
  // The recordings name a few of their hosts; these are as many bytes as they say.
  test.each([
    ['1301-launch-limit-500', 16],
    ['1302-launch-limit-20k', 39],
    ['1303-launch-limit-40k', 79],
  ])('%s', async (name, length) => {
    const { request, response } = recorded(name)
    const { job_template, inventory } = response.body as { job_template: number; inventory: number }
    const hosts = Array.from({ length: 500 }, (_, index) => `h${index}`.padEnd(length, 'x'))
    const launchable = template({
      id: job_template,
      launchUrl: request.path,
      inventory: { id: inventory, name: 'fleet' },
    })
    answerAs(name, 'POST', request.path, body => ({
      ...body,
      limit: hosts.join(),
      skip_tags: MARKER,
      extra_vars: '{}',
    }))
    await using controller = controllerFor()
    const launched = await controller.launch(launchable, { hosts, marker: MARKER, extraVars: {}, inventory })
    expect(launched).toMatchObject({ kind: 'launched' })
  })
})

describe('what people do with jobs of ours is recognised', () => {
  test('110-relaunch-canceled-all: what was launched again carries the marker, and is no launch of ours', async () => {
    const again = { ...(recorded('110-relaunch-canceled-all').response.body as Body), skip_tags: MARKER }
    expect(again).toMatchObject({ launch_type: 'relaunch' })
    replayDiscovery()
    nock(ORIGIN)
      .get('/api/v2/jobs/')
      .query(true)
      .reply(200, listOf(again) as nock.Body, JSON_HEADERS)
    await using controller = controllerFor()
    const { original, copies } = await controller.findByMarker(MARKER)
    expect([original, copies.length]).toEqual([null, 1])
  })
})

describe('recorded rights', () => {
  // Of these lists a few keys of the first rows were kept: the others are those of a job that the same account read in full.
  test.each([
    ['1205-jobs-exec-user', 4],
    ['1208-jobs-org-auditor', 11],
    ['1210-jobs-org-execute', 11],
    ['1211-jobs-admin', 11],
    ['1221-jobs-with-inventory-read', 4],
  ])('%s: jobs that somebody else launched are seen, by whom and on what', async (name, count) => {
    const { count: all, results } = recorded(name).response.body as { count: number; results: Rows }
    expect(all).toBe(count)
    const whole = recorded('1206-job-other-user-as-exec').response.body as Body
    replayDiscovery()
    answerAs(name, 'GET', '/api/v2/jobs/', () =>
      listOf(
        ...results.map(row => ({
          ...whole,
          ...row,
          url: `/api/v2/jobs/${row.id}/`,
          launched_by: { name: (row['created_by'] as Body)['username'] },
        })),
      ),
    )
    await using controller = controllerFor()
    const { jobs } = await controller.jobsOn([{ id: 2 }], 0)
    expect(jobs.map(({ id, launchedBy, launchType, limit }) => [id, launchedBy, launchType, limit])).toEqual(
      results.map(row => [row.id, (row['created_by'] as Body)['username'], row['launch_type'], row['limit']]),
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
    const { request, response } = recorded('1413-update-third-at-once')
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
