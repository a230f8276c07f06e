import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/log/index.ts'
import { samples } from '../event/samples.ts'
import { startStreamProcess, STREAM_TOKEN, type StreamProcess } from '../http/stream-process.ts'
import { createAuthority } from '../servers/authority.ts'
import { rulebook, RULEBOOKS } from '../servers/python-environment.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { type RulebookRun, runningRulebook } from './rulebook-run.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SOURCE = join(
  ROOT,
  'inventory-plugin/ansible_collections/virtbridge/fleet/extensions/eda/plugins/event_source/events.py',
)
// A pause before it tries again grows to half a minute.
const SOON = { timeout: 60_000, interval: 50 }
const started = samples().get('vm.started')
if (started === undefined) throw new Error('there is no sample of a start')

/** `started` of guests of these numbers, each with an id of its own, as the bridge appends them. */
function starts(...numbers: readonly number[]): readonly Entry[] {
  return numbers.map(number => {
    const id = `${String(number).padStart(8, '0')}-0000-5000-8000-000000000000`
    const value = { ...started, id, data: { ...started?.data, host: `guest-${number}.shop.prod-1` } }
    return { stream: 'events.vm', key: `prod-1/shop/guest-${number}`, value }
  })
}

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

const rulesetOn = (url: string): object => ({
  name: 'Without Kafka',
  hosts: 'nobody',
  sources: [
    {
      name: 'events_of_the_bridge',
      'virtbridge.fleet.events': { url, consumer: 'test', acknowledge_after: 1 },
      filters: [{ 'virtbridge.fleet.unwrap': null }],
    },
  ],
  rules: [
    { name: 'a start', condition: 'event.fact == "started"', action: { debug: { msg: 'acts on {{ event.limit }}' } } },
  ],
})

describe.each(RULEBOOKS)('an activation of ansible-rulebook %s without Kafka', version => {
  const stack = new AsyncDisposableStack()
  let file: string
  let bridge: StreamProcess
  const activate = (): Promise<RulebookRun> =>
    runningRulebook({
      version,
      rulebook: [rulesetOn(bridge.url)],
      env: { VIRTBRIDGE_TOKEN: STREAM_TOKEN },
    })
  /** The guests that were acted on, in that order. */
  const actedOn = async (run: RulebookRun): Promise<readonly number[]> =>
    [...(await run.log()).matchAll(/^acts on guest-(\d+)\./gm)].map(([, number]) => Number(number))
  const restartBridge = async (): Promise<void> => {
    await bridge.kill()
    bridge = await startStreamProcess(file, Number(new URL(bridge.url).port))
  }
  const standing = async (): Promise<{ position: string; connected: boolean } | undefined> => {
    const headers = { authorization: `Bearer ${STREAM_TOKEN}` }
    const answer = await fetch(`${bridge.url}/api/v1/consumers`, { headers })
    return ((await answer.json()) as { consumers: { position: string; connected: boolean }[] }).consumers[0]
  }

  beforeAll(async () => {
    file = join(stack.use(await temporaryFolder()).path, 'v.db')
    bridge = await startStreamProcess(file)
    stack.defer(() => bridge.kill())
  })
  afterAll(() => stack.disposeAsync())

  test('loses no event, whatever is killed and however often, and does not act twice while it lives', async () => {
    await using first = await activate()
    await expect.poll(standing, SOON).toMatchObject({ connected: true })
    await bridge.append(starts(...upTo(3)))
    await expect.poll(() => actedOn(first), SOON).toEqual([1, 2, 3])
    // The activation dies in the midst of events, then the bridge while nobody reads.
    await bridge.append(starts(...upTo(23).slice(3)))
    await first.said(log => log.includes('acts on guest-4.'), 'acting on the next')
    await first.process.signal('SIGKILL')
    const before = await actedOn(first)
    await bridge.append(starts(24, 25))
    await restartBridge()
    await bridge.append(starts(26))

    await using second = await activate()
    const missing = upTo(26).filter(number => !before.includes(number))
    await expect.poll(() => actedOn(second), SOON).toEqual(expect.arrayContaining(missing))
    await restartBridge()
    await bridge.append(starts(27))
    await expect.poll(() => actedOn(second), SOON).toContain(27)
    const acted = await actedOn(second)
    expect(acted).toEqual([...new Set(acted)])

    // All of it is acknowledged in the end.
    const last = async (): Promise<boolean> => {
      const { position = '0' } = (await standing()) ?? {}
      const headers = { authorization: `Bearer ${STREAM_TOKEN}` }
      const page = await fetch(`${bridge.url}/api/v1/events?after=${position}`, { headers })
      return ((await page.json()) as { events: unknown[] }).events.length === 0
    }
    await expect.poll(last, SOON).toBe(true)

    // Somebody else reads as the same consumer: it says so and ends.
    const other = new AbortController()
    await fetch(`${bridge.url}/api/v1/consumers/test/events`, {
      headers: { authorization: `Bearer ${STREAM_TOKEN}` },
      signal: other.signal,
    })
    await expect.poll(() => second.log(), SOON).toContain("another activation reads as the consumer 'test'")
    await expect.poll(() => second.process.running, SOON).toBe(false)
    other.abort()
  })
})

/** Runs the source alone, with more arguments of what drives it; what it prints goes to `logFile`. */
async function driven(
  folder: string,
  given: object,
  logFile: string,
  ...more: readonly string[]
): Promise<ServerProcess> {
  const { bin, env } = await rulebook()
  return new ServerProcess({
    program: join(bin, 'python'),
    args: [join(ROOT, 'test/eda/drive-source.py'), SOURCE, JSON.stringify(given), ...more],
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    logFile,
    folder,
  })
}

test('an activation that takes nothing for long, while the bridge is killed and events come, gets each once and in order', async () => {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder()).path
  const [file, gate, logFile] = ['v.db', 'gate', 'log'].map(name => join(folder, name)) as [string, string, string]
  let bridge = await startStreamProcess(file)
  stack.defer(() => bridge.kill())
  const given = { url: bridge.url, consumer: 'slow', token: STREAM_TOKEN, acknowledge_after: 0 }
  stack.use(await driven(folder, given, logFile, gate))
  const consumer = async (): Promise<{ position: string; connected: boolean } | undefined> => {
    const answer = await fetch(`${bridge.url}/api/v1/consumers`, {
      headers: { authorization: `Bearer ${STREAM_TOKEN}` },
    })
    return ((await answer.json()) as { consumers: { position: string; connected: boolean }[] }).consumers[0]
  }
  await expect.poll(consumer, SOON).toMatchObject({ connected: true })
  // More than the bridge sends unacknowledged, which is more than what stands between the two.
  const many = upTo(2_400)
  await bridge.append(starts(...many.slice(0, 1_200)))
  await bridge.kill()
  bridge = await startStreamProcess(file, Number(new URL(bridge.url).port))
  await bridge.append(starts(...many.slice(1_200)))
  const taken = async (): Promise<readonly number[]> =>
    [...(await readFile(logFile, 'utf8')).matchAll(/"host": "guest-(\d+)\./g)].map(([, number]) => Number(number))
  expect(await taken()).toEqual([])
  expect(await consumer()).toMatchObject({ position: '0' })

  await writeFile(gate, '')
  await expect.poll(async () => (await taken()).length, SOON).toBeGreaterThanOrEqual(many.length)
  expect(await taken()).toEqual(many)
  const left = async (): Promise<number> => {
    const after = (await consumer())?.position ?? '0'
    const headers = { authorization: `Bearer ${STREAM_TOKEN}` }
    const page = await fetch(`${bridge.url}/api/v1/events?after=${after}`, { headers })
    return ((await page.json()) as { events: unknown[] }).events.length
  }
  await expect.poll(left, SOON).toBe(0)
})

/** As the last frame of a stream: it ends there. */
const HANG_UP = 'hangs up'

describe('the event source and a bridge that', () => {
  const stack = new AsyncDisposableStack()
  let folder: string
  const authority = createAuthority('virtbridge test')
  const answers: RequestListener[] = []
  /** What becomes of an acknowledgement. */
  let acknowledged: RequestListener
  const taken: RequestListener = (_request, response) => void response.writeHead(200).end('{}')
  let url: string

  beforeAll(async () => {
    folder = stack.use(await temporaryFolder()).path
    await fileIn(folder, 'ca.pem', authority.certificate)
    const { key, certificate } = authority.issue('localhost')
    const server = createServer({ key, cert: certificate }, (request, response) => {
      if (request.method === 'POST') return acknowledged(request, response)
      const [answer] = answers.length > 1 ? [answers.shift()] : answers
      answer?.(request, response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.defer(() => {
      server.closeAllConnections()
      server.close()
    })
    url = `https://localhost:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => stack.disposeAsync())
  beforeEach(() => {
    acknowledged = taken
  })

  const refusal =
    (status: number, code: string, headers: Record<string, string> = {}): RequestListener =>
    (_request, response) =>
      void response
        .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
        .end(JSON.stringify({ code, detail: `it is ${code}` }))
  const stream =
    (told: unknown, ...frames: readonly string[]): RequestListener =>
    (_request, response) => {
      const hangsUp = frames.at(-1) === HANG_UP
      const sent = hangsUp ? frames.slice(0, -1) : frames
      begin(response, [`event: virtbridge.consumer\ndata: ${JSON.stringify(told)}\n\n`, ...sent])
      if (hangsUp) response.end()
    }

  function begin(response: ServerResponse, frames: readonly string[]): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`retry: 2000\nid: 0\n${frames.join('')}`)
  }

  /** What stands before a bridge, and not the bridge. */
  const foreign =
    (status: number): RequestListener =>
    (_request, response) =>
      void response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Application is not available</h1>')

  /** Runs the source alone until what it printed holds one after the other of this; what is a function is done in between. */
  async function tells(args: object, ...wanted: readonly (string | (() => unknown))[]): Promise<string> {
    await using own = await temporaryFolder()
    const logFile = join(own.path, 'log')
    const given = { url, consumer: 'test', token: STREAM_TOKEN, ca_cert: join(folder, 'ca.pem'), ...args }
    await using process = await driven(own.path, given, logFile)
    const printed = (): Promise<string> => readFile(logFile, 'utf8')
    for (const next of wanted) {
      if (typeof next !== 'string') await next()
      await expect.poll(printed, SOON).toContain(typeof next === 'string' ? next : '')
    }
    const told = await printed()
    expect(told).not.toContain(STREAM_TOKEN)
    expect(process.pid).toBeGreaterThan(0)
    return told
  }

  const bytes =
    (text: string): RequestListener =>
    (_request, response) => {
      begin(response, [`event: virtbridge.consumer\ndata: ${JSON.stringify(again)}\n\n`])
      response.write(Buffer.from(text, 'latin1'))
    }

  const event = `id: 1\nevent: x\ndata: {"id":"a","n":1}\n\n`
  const again = { new: false, position: '0', gap: null }

  test.each<[string, RequestListener, string]>([
    [
      'does not know the token',
      refusal(401, 'unauthorized'),
      'answered 401 unauthorized: it is unauthorized: set token',
    ],
    ['lets it not read', refusal(403, 'out_of_view'), 'answered 403 out_of_view: it is out_of_view: ask for a token'],
    ['is older', refusal(404, 'not_found'), 'the bridge may be older than this collection'],
    ['has too many consumers', refusal(409, 'too_many_consumers'), 'answered 409 too_many_consumers'],
    ['sends it elsewhere', refusal(302, 'x', { location: 'https://example.com/' }), 'answered 302'],
    ['is not where it should be', foreign(404), 'answered 404: check url'],
    ['is of an address of something else, which wants a login', foreign(403), 'answered 403: ask for a token'],
    [
      'has another reader',
      stream(again, 'event: virtbridge.end\ndata: {"because":"replaced"}\n\n'),
      "another activation reads as the consumer 'test'",
    ],
  ])('%s: it ends, and says what to do', async (_, answer, told) => {
    answers.splice(0, answers.length, answer)
    expect(await tells({}, 'Refused: ')).toContain(told)
  })

  test('is not there yet, is busy, hangs up, or talks nonsense: it comes back until it is well', async () => {
    answers.splice(
      0,
      answers.length,
      refusal(503, 'closing', { 'retry-after': '0' }),
      refusal(429, 'too_many_requests', { 'retry-after': '0' }),
      (_request, response) => response.destroy(),
      (_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      (_request, response) => begin(response, ['event: x\ndata: {"cut\n\n']),
      stream(again, event),
    )
    const told = await tells({}, '"body": {"id": "a", "n": 1}')
    expect(told).toContain('503 closing')
    expect(told).toContain('is no stream of events')
    expect(told).toContain('an event is not JSON')
  })

  test.each<[string, RequestListener, string]>([
    ['no object for where it stands', stream([]), 'where the consumer stands is not told as an object'],
    ['a word for where it stands', stream('no'), 'where the consumer stands is not told as an object'],
    ['a word for a gap', stream({ ...again, gap: 'yes' }), 'the gap is not told as an object'],
    ['an end that is cut', stream(again, 'event: virtbridge.end\ndata: {"be\n\n'), 'the end is not JSON'],
    ['a word for an end', stream(again, 'event: virtbridge.end\ndata: 7\n\n'), 'the end is not told as an object'],
    ['an event without its place', stream(again, 'id:\nevent: x\ndata: {"id":"b"}\n\n'), 'an event has no position'],
    ['bytes that are no text', bytes('id: 1\nevent: x\ndata: "\xff"\n\n'), 'the stream is not UTF-8'],
  ])('sends %s: it is told, and read again', async (_, garbage, told) => {
    answers.splice(0, answers.length, garbage, stream(again, event))
    expect(await tells({}, '"body": {"id": "a", "n": 1}')).toContain(told)
  })

  test('was read, and is away: what stands before it is told, and not believed', async () => {
    answers.splice(
      0,
      answers.length,
      stream(again, HANG_UP),
      foreign(404),
      foreign(401),
      foreign(403),
      stream(again, event),
    )
    const told = await tells({}, '"body": {"id": "a", "n": 1}')
    for (const status of [404, 401, 403]) expect(told).toContain(`answered ${status}; trying again`)
  })

  test('was read, and does not know the token any more: it ends, unless the token is in a file, in which another may stand', async () => {
    const file = join(folder, 'token')
    const [first, second] = [`first-${STREAM_TOKEN}`, `second-${STREAM_TOKEN}`]
    let known = first
    const asked: RequestListener = (request, response) => {
      const { authorization } = request.headers
      if (authorization !== `Bearer ${known}`) return refusal(401, 'unauthorized')(request, response)
      return known === first ? stream(again, HANG_UP)(request, response) : stream(again, event)(request, response)
    }
    const replaced: RequestListener = (request, response) => {
      known = second
      return asked(request, response)
    }
    await writeFile(file, first)
    answers.splice(0, answers.length, asked, replaced)
    await tells(
      { token: '', token_file: file },
      'answered 401 unauthorized',
      // Whoever writes it does not write it all at once.
      () => writeFile(file, ''),
      'the token is empty',
      () => writeFile(file, second),
      '"body": {"id": "a", "n": 1}',
    )

    known = first
    answers.splice(0, answers.length, asked, replaced)
    const told = await tells({ token: first }, 'Refused: ')
    expect(told).toContain('answered 401 unauthorized: it is unauthorized: set token')
  })

  test('takes no acknowledgements: the log says so, and they are said when it does', async () => {
    const said: string[] = []
    let refusing = true
    acknowledged = (request, response) => {
      request.on('data', (data: Buffer) => said.push(data.toString()))
      if (refusing) return refusal(503, 'log_unavailable')(request, response)
      return taken(request, response)
    }
    answers.splice(0, answers.length, stream(again, event))
    const told = await tells(
      { acknowledge_after: 0 },
      'WARNING:virtbridge.fleet.events:virtbridge.fleet.events: events are not acknowledged yet',
      () => (refusing = false),
      async () => {
        const before = said.length
        await expect.poll(() => said.length, SOON).toBeGreaterThan(before)
      },
    )
    expect(told).toContain('answered 503 log_unavailable')
    expect(new Set(said)).toEqual(new Set(['{"position": "1"}']))
  })

  test('has another log than before: an acknowledgement that it does not know is let go of, and told', async () => {
    acknowledged = refusal(409, 'position_ahead')
    const gap = { reason: 'position', since: 1, found_at: 2 }
    answers.splice(0, answers.length, stream({ ...again, gap }, event))
    const told = await tells({ acknowledge_after: 0 }, 'an acknowledgement was not taken')
    expect(told).toContain('position_ahead')
    expect(told).toContain('events come again, from the oldest that is kept')
  })

  test('had to remove events before they were acknowledged: the rulebook is told before anything else, once', async () => {
    const gap = { reason: 'retention', since: 1, found_at: 2 }
    const end = 'event: virtbridge.end\ndata: {"because":"gap"}\n\n'
    answers.splice(0, answers.length, stream({ ...again, gap }, end), stream({ ...again, gap }, event))
    const told = await tells({}, '"body": {"id": "a", "n": 1}')
    expect(told.match(/"gap": \{"consumer": "test", "stream": "vm", "reason": "retention"/g)).toHaveLength(1)
    expect(told.indexOf('"gap"')).toBeLessThan(told.indexOf('"body"'))
    expect(told).toContain('are lost')
  })

  test('is not the one that its certificate says is not read, and told of', async () => {
    answers.splice(0, answers.length, stream(again, event))
    expect(await tells({ ca_cert: '' }, 'trying again')).toContain('CERTIFICATE_VERIFY_FAILED')
  })
})
