import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startSimulatedController, virtualClock } from '../../../src/simulator/controller/index.ts'
import { fileDurable } from '../../../src/simulator/controller/durable.ts'
import { DAY2, document } from './worlds.ts'
import type { SimulatedController, VirtualClock } from '../../../src/simulator/controller/index.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'controller-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const on = { kubevirt_enabled: true }

async function start(clock: VirtualClock): Promise<SimulatedController> {
  return startSimulatedController({
    objects: DAY2,
    tokens: { t: { user: 'virtbridge' } },
    origins: { virtbridge: () => document({ a: on, b: on }) },
    outcome: host => (host === 'b' ? 'failed' : 'changed'),
    clock,
    dir,
  })
}

async function ask(
  { url }: SimulatedController,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ [key: string]: unknown }> {
  const response = await fetch(new URL(`/api/v2/${path}`, url), {
    method,
    headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
  })
  return (await response.json()) as { [key: string]: unknown }
}

test('a controller that is killed goes on where the clock is by then, and no id is given twice', async () => {
  const clock = virtualClock()
  // Never disposed of before the second one starts: what is not on disk by the time of the answer is lost.
  await using first = await start(clock)
  await ask(first, 'POST', 'inventory_sources/2/update/')
  await clock.advance(5000)
  const { id } = await ask(first, 'POST', 'job_templates/3/launch/', { limit: 'a,b', skip_tags: 'virtbridge-1' })
  await clock.advance(500)

  const later = virtualClock(clock.now() + 60_000)
  await using second = await start(later)
  await later.advance(0)
  expect(await ask(second, 'GET', 'jobs/?skip_tags=virtbridge-1')).toMatchObject({
    count: 1,
    results: [{ id, status: 'failed' }],
  })
  expect(await ask(second, 'GET', `jobs/${String(id)}/`)).toMatchObject({
    status: 'failed',
    elapsed: 3,
    event_processing_finished: true,
    host_status_counts: { changed: 1, failures: 1 },
  })
  const again = await ask(second, 'POST', 'job_templates/3/launch/', { limit: 'a' })
  expect(again['id']).toBe((id as number) + 1)
})

test('an update that was under way asks its source again', async () => {
  const clock = virtualClock()
  await using first = await start(clock)
  const { id } = await ask(first, 'POST', 'inventory_sources/2/update/')
  await clock.advance(500)
  const later = virtualClock(clock.now() + 1000)
  await using second = await start(later)
  await later.advance(5000)
  expect(await ask(second, 'GET', `inventory_updates/${String(id)}/`)).toMatchObject({ status: 'successful' })
})

test('settings that changed in the files are taken over, ids stay', async () => {
  const clock = virtualClock()
  await using first = await start(clock)
  const before = first.store.templates.all()[0]
  await using second = await startSimulatedController({
    objects: { ...DAY2, templates: DAY2.templates.map(template => ({ ...template, limit: 'nobody' })) },
    tokens: {},
    clock,
    dir,
  })
  expect(second.store.templates.all()).toEqual([{ ...before, limit: 'nobody' }])
})

test.each([
  { title: 'is cut short', text: '{"version":1,"store":{"jobs"' },
  { title: 'is of a newer version', text: '{"version":99,"store":{}}' },
])('a state file that $title is told with its path, and is not overwritten', ({ text }) => {
  const path = join(dir, 'controller.json')
  writeFileSync(path, text)
  expect(() => fileDurable(dir).load()).toThrow(path)
})
