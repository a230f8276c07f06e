import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EVERYTHING } from '../../src/fleet/index.ts'
import { MAX_FOLLOWERS } from '../../src/http/routes/events.ts'
import type { Caller } from '../../src/http/auth.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

const SOON = { timeout: 60_000, interval: 5 }
let desk: Desk
let url: string
let open: ClientRequest[]
beforeEach(async () => {
  desk = await openDesk()
  url = await desk.listen()
  open = []
})
afterEach(async () => {
  for (const one of open) one.destroy()
  await desk[Symbol.asyncDispose]()
})

/** A stream that was asked for; `read` makes it read on. */
async function ask(query: string, headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> {
  const sent = request(`${url}/api/v1/events${query}`, { method, headers: { ...bearer(TOKENS.reader), ...headers } })
  sent.on('error', () => undefined)
  open.push(sent)
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

interface Frames {
  readonly numbers: number[]
  readonly ids: string[]
}

function read(answer: IncomingMessage): Frames {
  const frames: Frames = { numbers: [], ids: [] }
  let rest = ''
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      frames.ids.push(/^id: (.*)$/m.exec(part)?.[1] ?? '')
      const data = /^data: (.*)$/m.exec(part)?.[1]
      if (data !== undefined) frames.numbers.push((JSON.parse(data) as { n: number }).n)
    }
  })
  answer.on('error', () => undefined)
  return frames
}

test.each<[how: string, query: string, headers: Record<string, string>, expected: number[]]>([
  ['from the beginning', '', {}, [1, 2, 3, 4, 5]],
  ['after a position', '?after=2', {}, [3, 4, 5]],
  ['after the last event id', '', { 'last-event-id': '3' }, [4, 5]],
  ['the id wins over the query, as a browser reconnects to the same URL', '?after=1', { 'last-event-id': '3' }, [4, 5]],
  ['an id that is none is ignored', '?after=2', { 'last-event-id': 'x' }, [3, 4, 5]],
  ['new ones alone', '?after=now', {}, [5]],
])('a stream goes on %s', async (_how, query, headers, expected) => {
  await desk.events(4)
  const answer = await ask(query, { accept: 'text/event-stream', ...headers })
  expect(answer.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const frames = read(answer)
  await desk.events(1)
  await expect.poll(() => frames.numbers, SOON).toEqual(expected)
})

test('a reader that broke off before it heard anything knows where it stood', async () => {
  const last = await desk.events(3)
  const frames = read(await ask('?follow=1&after=now'))
  await expect.poll(() => frames.ids[0], SOON).toBe(last)
  open[0]?.destroy()
  await desk.events(2)
  const again = read(await ask('?follow=1&after=now', { 'last-event-id': frames.ids[0] ?? '' }))
  await expect.poll(() => again.numbers, SOON).toEqual([4, 5])
})

test('each frame has the position to go on from, the type and the event', async () => {
  await desk.events(1)
  const answer = await ask('?follow=1')
  const chunks: string[] = []
  answer.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
  await expect.poll(() => chunks.join(''), SOON).toContain('data')
  expect(chunks.join('')).toBe(
    'retry: 2000\nid: 0\n\nid: 1\nevent: io.virtbridge.vm.started.v1\ndata: {"type":"io.virtbridge.vm.started.v1","n":1,"filler":""}\n\n',
  )
})

test('a page gives so many, and the position to go on from', async () => {
  await desk.events(5)
  const page = async (query: string): Promise<unknown> => {
    const { events, next } = (await desk.get(`/api/v1/events${query}`)).json<{
      events: { n: number }[]
      next: string
    }>()
    return [events.map(event => event.n), next]
  }
  expect(await page('?limit=2')).toEqual([[1, 2], '2'])
  expect(await page('?limit=2&after=2')).toEqual([[3, 4], '4'])
  expect(await page('?after=4')).toEqual([[5], '5'])
  expect(await page('?after=5')).toEqual([[], '5'])
  expect(await page('?after=now')).toEqual([[], '5'])
  expect(await page('?stream=day2')).toEqual([[], '0'])
})

test('a reader that does not read costs bounded memory, however much there is to read, and loses nothing', async () => {
  const filler = 'x'.repeat(10_000)
  for (let n = 0; n < 10; n += 1) await desk.events(400, filler)
  const { log } = desk
  const follow = log.follow.bind(log)
  let taken = 0
  log.follow = async function* (...args) {
    for await (const entry of follow(...args)) {
      taken += 1
      yield entry
    }
  }
  const answer = await ask('?follow=1')
  // 40 MB wait. What is taken from the log fills the sockets on both ends, a few MB, and then no more is taken.
  let before = -1
  await expect
    .poll(
      () => {
        const still = taken === before
        before = taken
        return still && taken > 0
      },
      { timeout: 60_000, interval: 50 },
    )
    .toBe(true)
  expect(taken).toBeLessThan(2_000)
  const frames = read(answer)
  await expect.poll(() => frames.numbers.length, SOON).toBe(4_000)
  expect(frames.numbers).toEqual(Array.from({ length: 4_000 }, (_, n) => n + 1))
})

test.each(['/api/v1/events?follow=1', '/api/v1/consumers/eda/events?from=earliest'])(
  'a stream of %s ends when its token is taken away, and not when that can not be read for a moment',
  async path => {
    const caller = (): Caller => ({
      name: 'reader',
      can: ['read'],
      views: undefined,
      scope: EVERYTHING,
      expired: false,
    })
    let [looks, gone] = [0, false]
    // The first is that of the request.
    const authenticate = (): Caller | null => ((looks += 1) % 3 === 0 || gone ? null : caller())
    await using own = await openDesk({ limits: { entitledMs: 5 }, authenticate })
    await own.events(1)
    const sent = request(`${await own.listen()}${path}`, { headers: { accept: 'text/event-stream' } })
    open.push(sent.on('error', () => undefined).end())
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    const frames = read(answer)
    await expect.poll(() => looks, SOON).toBeGreaterThan(10)
    await own.events(1)
    await expect.poll(() => frames.numbers, SOON).toContain(2)
    const end = once(answer, 'end')
    gone = true
    await end
  },
)

test('so many follow at once and no more; who leaves makes room', async () => {
  const answers = await Promise.all(Array.from({ length: MAX_FOLLOWERS }, () => ask('?follow=1')))
  expect(answers.every(answer => answer.statusCode === 200)).toBe(true)
  const refused = await ask('?follow=1')
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '10'])
  refused.resume()
  open[0]?.destroy()
  await expect.poll(async () => (await ask('?follow=1')).statusCode, SOON).toBe(200)
  expect((await desk.get('/api/v1/events')).statusCode).toBe(200)
})

test('HEAD of a stream is answered and holds nothing', async () => {
  for (let n = 0; n < MAX_FOLLOWERS; n += 1) {
    const head = await desk.app.inject({
      method: 'HEAD',
      url: '/api/v1/events?follow=1',
      headers: bearer(TOKENS.reader),
    })
    expect([head.statusCode, head.body]).toEqual([200, ''])
  }
  expect((await ask('?follow=1')).statusCode).toBe(200)
})

test('streams end when virtbridge closes, at once', async () => {
  const answer = await ask('?follow=1')
  read(answer)
  const ended = once(answer, 'close')
  const began = performance.now()
  await desk[Symbol.asyncDispose]()
  await ended
  expect(performance.now() - began).toBeLessThan(20_000)
})
