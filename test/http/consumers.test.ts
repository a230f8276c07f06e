import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadLedger } from '../../src/day2/index.ts'
import { FORGET_AFTER_MS } from '../../src/http/consumer.ts'
import { ConsumerRegister, MAX_CONSUMERS, MAX_CONSUMERS_EACH } from '../../src/http/consumer-register.ts'
import { MAX_UNACKNOWLEDGED } from '../../src/http/delivery.ts'
import type { Entry, Stored } from '../../src/log/index.ts'
import { blocksOf, page } from '../docs/documents.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'
import { startStreamProcess, STREAM_TOKEN } from './stream-process.ts'

const reader: string = TOKENS.reader
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

interface Told {
  readonly new: boolean
  readonly position: string
  readonly gap: { reason: string; since: number } | null
}

/** A consumer that is connected, with all that it was sent. */
interface Connected {
  readonly numbers: number[]
  readonly ids: string[]
  readonly keys: string[]
  /** Frames about the stream itself, by their type. */
  readonly told: Told[]
  readonly ended: { because: string }[]
  readonly answer: IncomingMessage
  leave(): void
}

async function connect(query = '', { token = reader, at = url, name = 'eda' } = {}): Promise<Connected> {
  const sent = request(`${at}/api/v1/consumers/${name}/events${query}`, { headers: bearer(token) })
  sent.on('error', () => undefined)
  open.push(sent)
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const found: Connected = {
    numbers: [],
    ids: [],
    keys: [],
    told: [],
    ended: [],
    answer,
    leave: () => void sent.destroy(),
  }
  let rest = ''
  answer.on('error', () => undefined)
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const frames = (rest + chunk).split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) take(frame, found)
  })
  return found
}

function take(frame: string, { numbers, ids, keys, told, ended }: Connected): void {
  const [, type = ''] = /^event: (.*)$/m.exec(frame) ?? []
  const [, data] = /^data: (.*)$/m.exec(frame) ?? []
  if (data === undefined) return
  if (type === 'virtbridge.consumer') told.push(JSON.parse(data) as Told)
  else if (type === 'virtbridge.end') ended.push(JSON.parse(data) as { because: string })
  if (type.startsWith('virtbridge.')) return
  const event = JSON.parse(data) as { n: number; key?: string }
  numbers.push(event.n)
  keys.push(event.key ?? '')
  ids.push(/^id: (.*)$/m.exec(frame)?.[1] ?? '')
}

/** Says that everything up to a position was dealt with, and gives the status. */
async function acknowledge(
  position: string | undefined,
  { token = reader, at = url, query = '' } = {},
): Promise<number> {
  const answer = await fetch(`${at}/api/v1/consumers/eda/position${query}`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({ position }),
  })
  await answer.arrayBuffer()
  return answer.status
}

async function consumers(token: string = TOKENS.reader): Promise<Record<string, unknown>[]> {
  const answer = await desk.get('/api/v1/consumers', bearer(token))
  return answer.json<{ consumers: Record<string, unknown>[] }>().consumers
}

/** Resolves when it was told of the connection, and so is known. */
async function begun(consumer: Connected): Promise<Connected> {
  await expect.poll(() => consumer.told.length, SOON).toBe(1)
  return consumer
}

/** What a page shows, with whatever stands where it has an ellipsis, and any position. */
function patternOf(shown: string): RegExp {
  const text = shown.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(text.replaceAll(/…,?/g, '.*').replaceAll(/(?<=position":"|^id: )\d+/gm, '\\d+'))
}

describe('a consumer', () => {
  test('that is new begins after what there is, or with the oldest', async () => {
    await desk.events(2)
    const latest = await begun(await connect())
    const earliest = await begun(await connect('?from=earliest', { name: 'other' }))
    await desk.events(1)
    await expect.poll(() => latest.numbers, SOON).toEqual([3])
    await expect.poll(() => earliest.numbers, SOON).toEqual([1, 2, 3])
    expect(latest.told).toMatchObject([{ new: true, position: '2', gap: null }])
    expect(earliest.told).toMatchObject([{ new: true, position: '0', gap: null }])
  })

  test('is read, acknowledged and listed by a program as docs/eda.md shows', async () => {
    const [block = ''] = blocksOf(page('docs/eda.md')).filter(each => each.startsWith('$ curl -sN'))
    const [, stream = '', position = '', list = ''] = block.split(/^\$ curl .*\n/m)
    expect([stream, position, list].map(shown => shown.split('…').length)).toEqual([3, 2, 2])
    await desk.log.append([
      {
        stream: 'events.vm',
        key: 'prod-1/shop/web',
        value: { specversion: '1.0', type: 'io.virtbridge.vm.discovered.v1' },
      },
    ])
    const headers = bearer(reader)
    const sent = request(`${url}/api/v1/consumers/mine/events?from=earliest`, { headers })
    open.push(sent)
    sent.on('error', () => undefined).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    let told = ''
    answer.on('error', () => undefined)
    answer.setEncoding('utf8').on('data', chunk => (told += String(chunk)))
    await expect.poll(() => told, SOON).toMatch(patternOf(stream))
    const [, id = ''] = /^id: (\d+)\nevent: io/m.exec(told) ?? []
    const moved = await fetch(`${url}/api/v1/consumers/mine/position`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ position: id }),
    })
    expect(await moved.text()).toMatch(patternOf(position))
    expect((await desk.get('/api/v1/consumers', headers)).body).toMatch(patternOf(list))
  })

  test('that comes back goes on after what it acknowledged, and gets the rest again', async () => {
    const first = await begun(await connect())
    await desk.events(5)
    await expect.poll(() => first.numbers, SOON).toEqual([1, 2, 3, 4, 5])
    expect(await acknowledge(first.ids[2])).toBe(200)
    first.leave()
    await desk.events(1)
    const again = await begun(await connect('?from=latest'))
    await expect.poll(() => again.numbers, SOON).toEqual([4, 5, 6])
    expect(again.told).toMatchObject([{ new: false, position: first.ids[2] }])
  })

  test('never goes back, and is never ahead of the log', async () => {
    const one = await begun(await connect())
    await desk.events(3)
    await expect.poll(() => one.ids.length, SOON).toBe(3)
    expect(await acknowledge(one.ids[1])).toBe(200)
    expect(await acknowledge(one.ids[0])).toBe(200)
    expect(await consumers()).toMatchObject([{ name: 'eda', stream: 'vm', position: one.ids[1], connected: true }])
    expect(await acknowledge('999')).toBe(409)
    expect(await acknowledge('nonsense')).toBe(400)
    expect(await consumers()).toMatchObject([{ position: one.ids[1] }])
  })

  test('has a position in each stream, and is forgotten when it is asked for', async () => {
    await begun(await connect())
    await begun(await connect('?stream=cluster'))
    expect((await consumers()).map(({ stream }) => stream)).toEqual(['cluster', 'vm'])
    const forget = (stream: string): Promise<{ statusCode: number }> =>
      desk.app.inject({
        method: 'DELETE',
        url: `/api/v1/consumers/eda?stream=${stream}`,
        headers: bearer(TOKENS.reader),
      })
    expect((await forget('vm')).statusCode).toBe(204)
    expect((await forget('vm')).statusCode).toBe(404)
    expect((await consumers()).map(({ stream }) => stream)).toEqual(['cluster'])
    expect(await acknowledge('0')).toBe(404)
  })

  test('that connects twice has one connection, the newer, and the older is told why it ends', async () => {
    const first = await begun(await connect())
    const second = await begun(await connect())
    await expect.poll(() => first.ended, SOON).toEqual([{ because: 'replaced' }])
    await desk.events(1)
    await expect.poll(() => second.numbers, SOON).toEqual([1])
    expect(first.numbers).toEqual([])
  })

  test('that never acknowledges is sent so many and no more, until it does', async () => {
    const one = await begun(await connect())
    for (let n = 0; n < 5; n += 1) await desk.events(MAX_UNACKNOWLEDGED / 4)
    await expect.poll(() => one.numbers.length, SOON).toBe(MAX_UNACKNOWLEDGED)
    await desk.events(1)
    expect(one.numbers).toHaveLength(MAX_UNACKNOWLEDGED)
    await acknowledge(one.ids[9])
    await expect.poll(() => one.numbers.length, SOON).toBe(MAX_UNACKNOWLEDGED + 10)
    await acknowledge(one.ids.at(-1))
    await expect.poll(() => one.numbers.length, SOON).toBe((MAX_UNACKNOWLEDGED / 4) * 5 + 1)
    expect(one.numbers).toEqual(one.numbers.map((_, index) => index + 1))
  })

  test('of another token is another one, and what a token may not know of is not sent', async () => {
    const key = (place: string): Entry => ({
      stream: 'events.vm',
      key: place,
      value: { type: 'io.virtbridge.vm.started.v1', key: place },
    })
    const all = await begun(await connect())
    const shop = await begun(await connect('', { token: TOKENS.shop }))
    await desk.log.append([key('prod-1/shop/web'), key('prod-1/data/db'), key('dev-1/shop/web')])
    await expect.poll(() => all.keys.length, SOON).toBe(3)
    await expect.poll(() => shop.keys, SOON).toEqual(['prod-1/shop/web'])
    expect(await acknowledge(all.ids[2])).toBe(200)
    expect(await consumers(TOKENS.shop)).toMatchObject([{ name: 'eda', position: '0' }])
    expect((await connect('?stream=day2', { token: TOKENS.shop })).answer.statusCode).toBe(403)
    expect((await connect('', { token: TOKENS.scoped })).answer.statusCode).toBe(403)
    expect(await acknowledge('1', { token: TOKENS.scoped })).toBe(403)
  })

  test('for whom nothing comes moves on past what it may not know of', async () => {
    const shop = await begun(await connect('', { token: TOKENS.shop }))
    const last = await desk.events(3)
    const looked = async (): Promise<object[]> => {
      await desk.consumers.look()
      return consumers(TOKENS.shop)
    }
    await expect.poll(looked, SOON).toMatchObject([{ position: last, pending_since: 0 }])
    shop.leave()
    await expect.poll(async () => (await consumers(TOKENS.shop))[0]?.['connected'], SOON).toBe(false)
    const later = await desk.events(3)
    expect(await looked()).toMatchObject([{ position: later }])
  })
})

describe('what nobody acknowledges', () => {
  /** The log after the retention has removed everything up to a position. */
  function retain(after: number): void {
    const { log } = desk
    const [page, follow] = [log.page.bind(log), log.follow.bind(log)]
    const from = (position: string): string => String(Math.max(Number(position), after))
    log.page = (stream, position, limit) => page(stream, from(position), limit)
    log.follow = (stream, position, signal) => follow(stream, from(position), signal)
  }

  test('is told of: since when the oldest waits', async () => {
    const one = await begun(await connect())
    await desk.events(2)
    await desk.consumers.look()
    const [{ pending_since } = {}] = await consumers()
    expect(pending_since).toBeGreaterThan(0)
    await expect.poll(() => one.ids.length, SOON).toBe(2)
    await acknowledge(one.ids[1])
    await desk.consumers.look()
    expect(await consumers()).toMatchObject([{ pending_since: 0, gap: null }])
  })

  test('and is removed by the retention is said, in the log, in the list and to the consumer, until it has heard', async () => {
    const away = await begun(await connect())
    away.leave()
    await expect.poll(async () => (await consumers())[0]?.['connected'], SOON).toBe(false)
    const last = await desk.events(5)
    await desk.consumers.look()
    retain(Number(last) - 2)
    await desk.consumers.look()
    expect(await consumers()).toMatchObject([{ gap: { reason: 'retention', found_at: NOW } }])
    expect(desk.logged.join('')).toContain('past their retention, and gone')
    expect(desk.gaps).toEqual(['eda'])

    const back = await begun(await connect())
    expect(back.told).toMatchObject([{ new: false, gap: { reason: 'retention' } }])
    await expect.poll(() => back.numbers, SOON).toEqual([4, 5])
    await acknowledge(back.ids[1])
    expect(await consumers()).toMatchObject([{ gap: null }])
    expect((await begun(await connect())).told).toMatchObject([{ gap: null }])
  })

  test('is said to one that is connected, too: its connection ends, and it hears when it comes back', async () => {
    const one = await begun(await connect())
    const last = await desk.events(5)
    await desk.consumers.look()
    retain(Number(last) - 2)
    await desk.consumers.look()
    await expect.poll(() => one.ended, SOON).toEqual([{ because: 'gap' }])
    expect((await begun(await connect())).told).toMatchObject([{ gap: { reason: 'retention' } }])
  })

  test('what was acknowledged and then removed is no gap', async () => {
    const one = await begun(await connect())
    await desk.events(5)
    await expect.poll(() => one.ids.length, SOON).toBe(5)
    await acknowledge(one.ids[3])
    await desk.consumers.look()
    retain(Number(one.ids[3]))
    await desk.consumers.look()
    expect(await consumers()).toMatchObject([{ gap: null }])
  })

  test('a position that the log does not know begins anew with the oldest, and says so', async () => {
    const one = await begun(await connect())
    await desk.events(3)
    await expect.poll(() => one.ids.length, SOON).toBe(3)
    await acknowledge(one.ids[2])
    const end = desk.log.end.bind(desk.log)
    desk.log.end = stream => (stream === 'events.vm' ? '2' : end(stream))
    const back = await begun(await connect())
    expect(back.told).toMatchObject([{ position: '0', gap: { reason: 'position' } }])
    await expect.poll(() => back.numbers, SOON).toEqual([1, 2, 3])
  })
})

describe('the number of consumers', () => {
  const made = async (token: string, from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1)
      await desk.consumers.open(
        { token, name: `c-${n}`, stream: 'events.vm' },
        { from: 'latest', scope: { clusters: [], namespaces: [] } },
      )
  }

  test('is a stream: who takes none is told where pages are, and makes none', async () => {
    const url = '/api/v1/consumers/pages/events'
    const answer = await desk.get(url, { ...bearer(reader), accept: 'application/json' })
    expect([answer.statusCode, answer.json()]).toMatchObject([406, { code: 'stream_only' }])
    expect((await desk.get('/api/v1/consumers', bearer(reader))).json()).toEqual({ consumers: [] })
  })

  test('is bounded for each token and in all', async () => {
    await made('reader', 0, MAX_CONSUMERS_EACH)
    const refused = await connect()
    expect(refused.answer.statusCode).toBe(409)
    for (let token = 1; token < MAX_CONSUMERS / MAX_CONSUMERS_EACH; token += 1)
      await made(`t-${token}`, 0, MAX_CONSUMERS_EACH)
    expect((await connect('', { token: TOKENS.admin })).answer.statusCode).toBe(409)
    await desk.consumers.forget({ token: 'reader', name: 'c-0', stream: 'events.vm' })
    expect((await connect('', { token: TOKENS.admin })).answer.statusCode).toBe(200)
  })

  test('has one that vanished for thirty days, and then forgets it, which is told; not one that is connected', async () => {
    const vanished = await begun(await connect())
    await begun(await connect('', { name: 'stays' }))
    vanished.leave()
    await expect.poll(async () => (await consumers()).filter(each => each['connected']).length, SOON).toBe(1)
    desk.clock = NOW + FORGET_AFTER_MS - 1
    await desk.consumers.look()
    expect(await consumers()).toHaveLength(2)
    desk.clock += 1
    await desk.consumers.look()
    expect((await consumers()).map(({ name }) => name)).toEqual(['stays'])
    expect(desk.logged.join('')).toContain('nobody has used it for 30 days')
    expect((await begun(await connect())).told).toMatchObject([{ new: true }])
  })
})

test('what a consumer acknowledged is known after a restart, and a record of a later version is refused', async () => {
  const one = await begun(await connect())
  await desk.events(3)
  await expect.poll(() => one.ids.length, SOON).toBe(3)
  await acknowledge(one.ids[1])
  const { log, logged } = desk
  const parts = { log, now: () => NOW, logger: { warn: () => logged.length } as never }
  const restarted = new ConsumerRegister(parts)
  await loadLedger(log, entry => restarted.restore(entry))
  expect(restarted.of('reader')).toMatchObject([{ name: 'eda', position: one.ids[1], connected: false }])
  const value = { schema: 99, kind: 'consumer' }
  const newer = { stream: 'state.runs', key: 'consumer/a/events.vm/b', value, position: '1', at: NOW } as Stored
  const older = new ConsumerRegister(parts)
  expect(() => older.restore(newer)).toThrow(expect.objectContaining({ code: 'log_newer' }))
})

test('a bridge that is killed between an event and the next acknowledgement loses no event and no acknowledgement', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'v.db')
  const seen: number[] = []
  let [told, port] = [0, 0]
  for (let life = 0; life < 3; life += 1) {
    await using bridge = await startStreamProcess(file, port)
    port = Number(new URL(bridge.url).port)
    const one = await begun(await connect('', { token: STREAM_TOKEN, at: bridge.url }))
    const batch = Array.from({ length: 20 }, (): Entry => {
      return {
        stream: 'events.vm',
        key: 'prod-1/shop/web',
        value: { type: 'io.virtbridge.vm.started.v1', n: (told += 1) },
      }
    })
    await bridge.append(batch)
    await expect.poll(() => one.numbers.at(-1), SOON).toBe(told)
    // Half of what came is dealt with; the other half comes again in the next life.
    const half = one.numbers.indexOf(told - 10)
    expect(await acknowledge(one.ids[half], { token: STREAM_TOKEN, at: bridge.url })).toBe(200)
    seen.push(...one.numbers.slice(0, half + 1))
    await bridge.kill()
  }
  expect(seen).toEqual(Array.from({ length: told - 10 }, (_, index) => index + 1))
})
