import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../../src/event/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { samples } from '../event/samples.ts'
import { ansible, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type Played, play } from '../support/player.ts'
import { startTickets, type Tickets } from '../support/tickets.ts'

const TOKEN = 'token-of-the-rulebooks'
const SECRET = 'token-of-the-tickets'

const stack = new AsyncDisposableStack()
let controller: SimulatedController
let tickets: Tickets
let folder: string

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path
  controller = stack.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(new URL('../../deploy/aap/', import.meta.url))),
      tokens: { [TOKEN]: { user: 'virtbridge-rulebooks' } },
      // The play itself runs here.
      outcome: () => 'hang',
    }),
  )
  tickets = stack.use(await startTickets())
})
afterAll(() => stack.disposeAsync())

/** Launches the template as a rulebook does, and plays its job as the controller does. */
async function notify(environment: PythonEnvironment, variables: object, url = tickets.url): Promise<Played> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const listed = await fetch(`${controller.url}/api/v2/unified_job_templates/?name=Rulebooks+%7C+Notify`, { headers })
  const { results } = (await listed.json()) as { results: { related: { launch: string } }[] }
  const body = JSON.stringify({ limit: 'localhost', extra_vars: variables })
  const launched = await fetch(`${controller.url}${results[0]?.related.launch}`, { method: 'POST', headers, body })
  expect(launched.status).toBe(201)
  const { id } = (await launched.json()) as { id: number }
  const env = { VIRTBRIDGE_TROUBLE_URL: url, VIRTBRIDGE_TROUBLE_TOKEN: SECRET }
  return play(controller, controller.store.jobs.must(id), { environment, env, verbosity: 3 })
}

function sample(name: string, data: object = {}): Event {
  const event = samples().get(name)
  if (event === undefined) throw new Error(`no sample of ${name}`)
  return { ...event, data: { ...event.data, ...data } }
}

test.each([
  ['2.19', () => ansible()],
  ['2.16', () => olderAnsible('2.16')],
])(
  'a message says what is wrong, and takes what a guest says for text (ansible-core %s)',
  async (version, prepared) => {
    const trap = join(folder, `owned-${version}`)
    const said = `{{ lookup('pipe', 'touch ${trap}') }}"; {% raw %}`
    const event = sample('vm.snapshot_failed', { reason: said, message: said })
    const before = tickets.messages.length
    const played = await notify(await prepared(), {
      notify_what: 'snapshot_failed',
      notify_severity: 'error',
      notify_event: event,
    })
    expect(played.status, played.stdout).toBe(0)
    const title = 'A snapshot or a restore failed: prod-1/shop/web-1'
    const [message, ...more] = tickets.messages.slice(before)
    expect(more).toEqual([])
    expect(message).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      body: {
        text: `${title} (${said}: ${said})`,
        title,
        what: 'snapshot_failed',
        severity: 'error',
        subject: 'prod-1/shop/web-1',
        key: event.id,
        // ansible-core 2.19 takes texts that look like numbers for numbers, so not all of it is as it was.
        event: { id: event.id, type: event.type, data: { reason: said, message: said, origin: 'live' } },
      },
    })
    expect(existsSync(trap)).toBe(false)
    expect(played.stdout + played.stderr + played.argv.join(' ')).not.toContain(SECRET)
  },
)

test('a message that nobody takes fails its job, says what the answer was, and gives no token away', async () => {
  tickets.answer = 503
  const variables = {
    notify_what: 'cluster_lost',
    notify_severity: 'critical',
    notify_event: sample('cluster.unreachable'),
  }
  const played = await notify(await ansible(), variables)
  tickets.answer = 201
  expect(played.status).not.toBe(0)
  expect(played.stdout).toContain('the answer was 503')
  expect(played.stdout + played.stderr).not.toContain(SECRET)
  const nowhere = await notify(await ansible(), variables, 'http://127.0.0.1:9/')
  expect(nowhere.status).not.toBe(0)
  expect(nowhere.stdout).toContain('the answer was none')
})

test('without an address the message stands in the job alone', async () => {
  const before = tickets.messages.length
  const variables = { notify_what: 'run_failed', notify_severity: 'error', notify_event: sample('day2.run_finished') }
  const played = await notify(await ansible(), variables, '')
  expect(played.status, played.stdout).toBe(0)
  expect(played.stdout).toContain('A run did not end well: 9b3f3f0e-7f55-4c0b-8b5f-3d4a8a0c7f01')
  expect(tickets.messages).toHaveLength(before)
})

test('a message about nothing is refused', async () => {
  const played = await notify(await ansible(), { notify_what: 'a_surprise' })
  expect(played.status).not.toBe(0)
  expect(played.stdout).toContain('This play is launched by a rulebook')
})
