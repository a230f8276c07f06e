import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ControllerError, openController, type Controller, type LaunchRequest } from '../../src/aap/index.ts'
import { complaint, MAX_COMPLAINT } from '../../src/aap/complaint.ts'
import { faultyServer, closedPort, type Answer } from './faulty-server.ts'
import { MARKER, template, TOKEN } from './recorded.ts'

test.each(['<title', '<', '<script>', '<h1>', ' '])(
  'a page of megabytes of "%s" is not read to its end for its reason',
  part => {
    // Read as a whole each of them takes hours.
    const page = `<html>${part.repeat(4_000_000)}</html>`
    expect(complaint('text/html', page).length).toBeLessThanOrEqual(MAX_COMPLAINT)
  },
)

const request: LaunchRequest = { hosts: ['vm1'], marker: MARKER, extraVars: { pw: 'hunter2hunter2' }, inventory: 3 }

/** As long as a private key is: what is cut leaves some of it. */
const SECRET = Array.from({ length: 40 }, (_, line) => `sesame-"<zyzzyva>"-${line}-é`).join('\n')
const asking = template({ surveyEnabled: true, passwordQuestions: ['pw'] })
const secretly: LaunchRequest = {
  ...request,
  extraVars: {},
  secrets: { names: ['pw'], open: () => ({ pw: SECRET }) },
}

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

/** Answers with what was posted: as it came, as Python, HTML and URLs write it, and in the middle of a sentence. */
const quoting =
  (status: number, contentType: string): Answer =>
  (_incoming, response, body) => {
    const told = `${'x'.repeat(250)} ${body} ${JSON.stringify(body)} ${encodeURIComponent(body)} ${SECRET}`
    const page = `<html><title>${told}</title></html>`
    const json = JSON.stringify({ detail: told, pw: [SECRET], [SECRET]: body, variables_needed_to_start: [told] })
    response
      .writeHead(status, { 'Content-Type': contentType, Location: `/login?was=${encodeURIComponent(body)}` })
      .end(contentType.includes('json') ? json : page)
  }

const questions: [string, (controller: Controller) => Promise<unknown>][] = [
  ['discover', controller => controller.discover()],
  ['tokenExpiry', controller => controller.tokenExpiry()],
  ['findTemplate', controller => controller.findTemplate('Day2 | Patch', 'Default')],
  ['hosts', controller => controller.hosts({ id: 1, name: 'x', scriptUrl: '/api/v2/inventories/1/script/' })],
  ['update', controller => controller.update({ id: 1, url: '/api/v2/inventory_updates/1/' })],
  ['cancel', controller => controller.cancel({ url: '/api/v2/jobs/1/' })],
  ['launch', controller => controller.launch(template(), request)],
  ['confirmReadable', controller => controller.confirmReadable({ id: 7 })],
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

test.each<[string, Answer]>([
  ['a 400', quoting(400, 'application/json')],
  ['a 403 page', quoting(403, 'text/html')],
  ['a 502 page', quoting(502, 'text/html')],
  ['a 500', quoting(500, 'application/json')],
  ['a redirect', quoting(302, 'text/html')],
  ['a page in place of JSON', quoting(200, 'text/html')],
  ['JSON that is no job', quoting(201, 'application/json')],
  ['a reset', (_, response) => response.socket?.resetAndDestroy()],
  ['a hang', () => undefined],
])('a launch with a secret that ends in %s that quotes it tells no word of it', async (end, answer) => {
  await using server = await faultyServer(answer)
  const requestTimeoutMs = end === 'a hang' ? 200 : 15_000
  await using controller = openController({ url: server.url, token: () => TOKEN, requestTimeoutMs })
  const outcome = await controller.launch(asking, secretly)
  expect(outcome.kind).toMatch(/^(refused|ambiguous|not_sent)$/)
  expect(everything(outcome)).not.toMatch(/sesame|zyzzyva/)
  expect(everything([controller, secretly])).not.toMatch(/sesame|zyzzyva/)
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
