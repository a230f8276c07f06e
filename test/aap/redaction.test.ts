import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ControllerError, openController, type Controller, type LaunchRequest } from '../../src/aap/index.ts'
import { faultyServer, closedPort, type Answer } from './faulty-server.ts'
import { MARKER, template, TOKEN } from './recorded.ts'

const request: LaunchRequest = { hosts: ['vm1'], marker: MARKER, extraVars: { pw: 'hunter2hunter2' }, inventory: 3 }

/** Everything of a value that a log, a terminal or an API could show. */
function everything(value: unknown): string {
  const error = value instanceof Error ? `${value.message} ${value.stack ?? ''} ${String(value.cause)}` : ''
  return `${inspect(value, { depth: Infinity, showHidden: true, getters: true })} ${JSON.stringify(value)} ${error}`
}

/** Answers with whatever was in the Authorization header, as some proxies do on their error pages. */
const echoing =
  (status: number, contentType: string): Answer =>
  (incoming, response) => {
    const header = incoming.headers.authorization ?? ''
    const body = contentType.includes('json')
      ? JSON.stringify({ detail: `header was ${header}` })
      : `<html><title>Bad header ${header}</title></html>`
    response
      .writeHead(status, { 'Content-Type': contentType, Location: `/login?was=${encodeURIComponent(header)}` })
      .end(body)
  }

const questions: [string, (controller: Controller) => Promise<unknown>][] = [
  ['discover', controller => controller.discover()],
  ['tokenExpiry', controller => controller.tokenExpiry()],
  ['findTemplate', controller => controller.findTemplate('Day2 | Patch', 'Default')],
  ['hosts', controller => controller.hosts({ id: 1, name: 'x', scriptUrl: '/api/v2/inventories/1/script/' })],
  ['update', controller => controller.update({ id: 1, url: '/api/v2/inventory_updates/1/' })],
  ['cancel', controller => controller.cancel({ url: '/api/v2/jobs/1/' })],
  ['launch', controller => controller.launch(template(), request)],
  ['recover', controller => controller.recover(template(), request)],
]

const faults: [string, Answer][] = [
  ['a 401 that quotes the header', echoing(401, 'application/json')],
  ['a 400 that quotes the header', echoing(400, 'application/json')],
  ['a 502 page that quotes the header', echoing(502, 'text/html')],
  ['a redirect that quotes the header', echoing(302, 'text/html')],
  ['a page in place of JSON that quotes the header', echoing(200, 'text/html')],
  ['a reset', (_, response) => response.socket?.resetAndDestroy()],
  ['a hang', () => undefined],
]

describe.each(faults)('after %s', (_, answer) => {
  test.each(questions)('%s tells the token to nobody', async (_name, ask) => {
    await using server = await faultyServer(answer)
    await using controller = openController({ url: server.url, token: () => TOKEN, requestTimeoutMs: 100 })
    const outcome = await ask(controller).catch((error: unknown) => error)
    expect(outcome instanceof Error && !(outcome instanceof ControllerError)).toBe(false)
    expect(everything(outcome)).not.toContain(TOKEN)
    expect(everything(outcome)).not.toContain('hunter2hunter2')
    expect(everything(controller)).not.toContain(TOKEN)
  })
})

test('a refused connection tells the token to nobody', async () => {
  await using controller = openController({
    url: `http://127.0.0.1:${await closedPort()}`,
    token: () => TOKEN,
    requestTimeoutMs: 500,
  })
  const error = await controller.discover().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ kind: 'unreachable' })
  expect(everything(error)).not.toContain(TOKEN)
})

test.each([
  ['a line break inside', `${TOKEN}\n${TOKEN}`],
  ['a wide character', `${TOKEN}é`],
])('a token with %s is refused before it reaches a header, without being quoted', async (_, token) => {
  await using server = await faultyServer((_incoming, response) => response.end('{}'))
  await using controller = openController({ url: server.url, token: () => token, requestTimeoutMs: 500 })
  const error = await controller.discover().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ kind: 'unauthorized' })
  expect(everything(error)).not.toContain(TOKEN)
  expect(server.received).toEqual([])
})

test.each([
  'https://user:secret-word@aap.test',
  'https://aap.test/?token=secret-word',
  'https://aap.test/secret-word',
  'ftp://secret-word',
  'secret-word',
])('the address %s is refused without being quoted', url => {
  let thrown: unknown
  try {
    openController({ url, token: () => TOKEN, requestTimeoutMs: 500 })
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ kind: 'protocol', hint: expect.stringContaining('https://aap.example.com') as string })
  expect(everything(thrown)).not.toContain('secret-word')
})
