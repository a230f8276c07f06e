import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { quiet, socketFactory } from '../../../src/log/kafka/driver.ts'
import { ask, isOpen, type Line, readWhole, requestOf } from '../../../src/log/kafka/line.ts'
import { mendTimers } from '../../../src/log/kafka/timers.ts'

const require = createRequire(import.meta.url)
const Connection = require('kafkajs/src/network/connection') as new (options: object) => Line & {
  authHandlers: object | null
  readonly bytesBuffered: number
  connect(): Promise<boolean>
  disconnect(): Promise<boolean>
  send(request: object): Promise<Buffer>
}
const theirs = require('kafkajs/src/protocol/request') as (what: object) => Promise<{ readonly buffer: Buffer }>

const API = { apiKey: 26, apiVersion: 1, apiName: 'EndTxn' }
const REQUEST_TIMEOUT_MS = 5_000

mendTimers()
readWhole()

/** A connection of kafkajs to a server that says nothing by itself, and what came in there. */
async function connected(): Promise<AsyncDisposable & { line: InstanceType<typeof Connection>; server: Server }> {
  const stack = new AsyncDisposableStack()
  const listening = createServer().listen(0, '127.0.0.1')
  stack.defer(() => void listening.close())
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const line = new Connection({
    host: '127.0.0.1',
    port,
    logger: quiet,
    clientId: 'virtbridge',
    socketFactory: (options: object) => socketFactory()(options).setNoDelay(true),
    connectionTimeout: 5_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
  })
  const [[socket]] = await Promise.all([once(listening, 'connection') as Promise<[Socket]>, line.connect()])
  stack.defer(() => void socket.destroy())
  return { line, server: new Server(socket), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The other end: takes requests apart, and answers them as it is told. */
class Server {
  readonly socket: Socket
  #bytes = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true)
  }

  /** The numbers of the next requests, in the order they came. */
  async requests(count: number): Promise<readonly number[]> {
    const numbers: number[] = []
    while (numbers.length < count) {
      const size = this.#bytes.length < 4 ? Infinity : this.#bytes.readInt32BE(0) + 4
      if (this.#bytes.length < size) {
        const [more] = (await once(this.socket, 'data')) as [Buffer]
        this.#bytes = Buffer.concat([this.#bytes, more])
        continue
      }
      numbers.push(this.#bytes.readInt32BE(8))
      this.#bytes = this.#bytes.subarray(size)
    }
    return numbers
  }
}

function answerTo(correlationId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(payload.length + 4, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, payload])
}

test('what is sent is what kafkajs would send, byte for byte', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 100 })
  const api = fc.record({ apiKey: fc.nat(100), apiVersion: fc.nat(20), apiName: text })
  await fc.assert(
    fc.asyncProperty(api, fc.nat(), text, fc.uint8Array({ maxLength: 3_000 }), async (api, number, name, bytes) => {
      const body = Buffer.from(bytes)
      const encode = (): Promise<object> => Promise.resolve({ buf: body, buffer: body })
      const { buffer } = await theirs({ correlationId: number, clientId: name, request: { ...api, encode } })
      expect(requestOf(api, number, name, body).equals(buffer)).toBe(true)
    }),
  )
})

test('everybody gets his own answer, in whatever order and pieces answers come, with requests of kafkajs between', async () => {
  const payload = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  const request = fc.record({ payload, ours: fc.boolean(), turn: fc.nat() })
  const rounds = fc.array(fc.array(request, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })
  await using there = await connected()
  const { line, server } = there
  const raw = { decode: (raw: Buffer) => Promise.resolve(raw), parse: (raw: Buffer) => Promise.resolve(raw) }
  const encode = (): Promise<object> => Promise.resolve({ buf: Buffer.alloc(3), buffer: Buffer.alloc(3) })
  await fc.assert(
    fc.asyncProperty(rounds, fc.array(fc.integer({ min: 1, max: 40 })), async (rounds, cuts) => {
      for (const round of rounds) {
        const answers: Promise<Buffer>[] = []
        const sent: { number: number; payload: Buffer; turn: number }[] = []
        for (const { ours, payload, turn } of round) {
          answers.push(
            ours ? ask(line, API, Buffer.alloc(2)) : line.send({ request: { ...API, encode }, response: raw }),
          )
          const [number = -1] = await server.requests(1)
          sent.push({ number, payload, turn })
        }
        sent.sort((a, b) => a.turn - b.turn)
        let bytes = Buffer.concat(sent.map(({ number, payload }) => answerTo(number, payload)))
        for (const cut of cuts) {
          server.socket.write(bytes.subarray(0, cut))
          bytes = bytes.subarray(cut)
          await new Promise(setImmediate)
        }
        server.socket.write(bytes)
        expect(await Promise.all(answers)).toEqual(round.map(({ payload }) => payload))
        expect(line.requestQueue.inflight.size).toBe(0)
      }
    }),
    { numRuns: 50 },
  )
})

test('an answer in two pieces whose second looks like an answer itself is one', async () => {
  await using there = await connected()
  const { line, server } = there
  const answers = [ask(line, API, Buffer.alloc(0)), ask(line, API, Buffer.alloc(0))]
  const [first = -1, second = -1] = await server.requests(2)
  const looks = answerTo(second, Buffer.from('not its own'))
  const whole = answerTo(first, looks)
  server.socket.write(whole.subarray(0, -looks.length))
  await expect.poll(() => line.bytesBuffered).toBe(whole.length - looks.length)
  server.socket.write(looks)
  expect(await answers[0]).toEqual(looks)
  server.socket.write(answerTo(second, Buffer.from('its own')))
  expect((await answers[1])?.toString()).toBe('its own')
})

test('requests go out in the order of the calls', async () => {
  await using there = await connected()
  const { line, server } = there
  const answers = Array.from({ length: 20 }, () => ask(line, API, Buffer.alloc(0)))
  const numbers = await server.requests(20)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  for (const number of numbers) server.socket.write(answerTo(number, Buffer.from([number])))
  expect((await Promise.all(answers)).map(answer => answer[0])).toEqual(numbers)
})

test.each([
  ['is closed', (socket: Socket) => void socket.end(), 'Closed connection'],
  ['breaks', (socket: Socket) => void socket.resetAndDestroy(), 'Connection error'],
])('when the connection %s, everybody who waits hears it', async (_, end, said) => {
  await using there = await connected()
  const { line, server } = there
  const answers = [ask(line, API, Buffer.alloc(1)), ask(line, API, Buffer.alloc(1))]
  await server.requests(2)
  end(server.socket)
  for (const answer of answers) await expect(answer).rejects.toThrow(said)
  expect(line.requestQueue.inflight.size).toBe(0)
  expect(isOpen(line)).toBe(false)
})

/** Time that only the test moves: of the timers, and of both clocks. */
const FAKED = ['setInterval', 'clearInterval', 'Date', 'performance'] as const

test.each([
  ['put back', -3_600_000],
  ['set forward', 3_600_000],
])('a request whose answer stays out is given up in its time, also when the clock is %s', async (_, jump) => {
  vi.useFakeTimers({ toFake: [...FAKED] })
  try {
    await using there = await connected()
    const lost = ask(there.line, API, Buffer.alloc(1))
    await there.server.requests(1)
    vi.advanceTimersByTime(1_000)
    vi.setSystemTime(Date.now() + jump)
    vi.advanceTimersByTime(REQUEST_TIMEOUT_MS - 1_000)
    expect(there.line.requestQueue.inflight.size).toBe(1)
    vi.advanceTimersByTime(2_000)
    await expect(lost).rejects.toThrow('EndTxn was not answered within 5 s')
  } finally {
    vi.useRealTimers()
  }
})

test('a request whose answer stays out is given up, and an answer that comes later reaches nobody', async () => {
  vi.useFakeTimers({ toFake: [...FAKED] })
  try {
    await using there = await connected()
    const { line, server } = there
    const lost = ask(line, API, Buffer.alloc(1))
    const [number = -1] = await server.requests(1)
    vi.advanceTimersByTime(REQUEST_TIMEOUT_MS)
    expect(line.requestQueue.inflight.size).toBe(1)
    vi.advanceTimersByTime(2_000)
    await expect(lost).rejects.toThrow('EndTxn was not answered within 5 s')
    expect(line.requestQueue.inflight.size).toBe(0)
    const next = ask(line, API, Buffer.alloc(1))
    const [after = -1] = await server.requests(1)
    server.socket.write(answerTo(number, Buffer.from('late')))
    server.socket.write(answerTo(after, Buffer.from('its own')))
    expect((await next).toString()).toBe('its own')
    const last = ask(line, API, Buffer.alloc(1))
    await server.requests(1)
    const ended = line.disconnect()
    vi.advanceTimersByTime(REQUEST_TIMEOUT_MS + 2_000)
    await expect(last).rejects.toThrow('EndTxn was not answered within 5 s')
    expect(await ended).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('only a connection that is there, let in and not held back is asked past the queue', () => {
  const line = (more: Partial<Line>, free = true): Line => {
    const queue = { requestTimeout: 1, inflight: new Map(), emit: () => true, fulfillRequest: () => undefined }
    return {
      clientId: '',
      sasl: null,
      socket: { write: () => true },
      requestQueue: { ...queue, canSendSocketRequestImmediately: () => free },
      isConnected: () => true,
      isAuthenticated: () => false,
      nextCorrelationId: () => 0,
      ...more,
    }
  }
  expect(isOpen(undefined)).toBe(false)
  expect(isOpen(line({}))).toBe(true)
  expect(isOpen(line({}, false))).toBe(false)
  expect(isOpen(line({ isConnected: () => false }))).toBe(false)
  // Its login has run out, or was never.
  expect(isOpen(line({ sasl: {} }))).toBe(false)
  expect(isOpen(line({ sasl: {}, isAuthenticated: () => true }))).toBe(true)
})

test('what answers a login is left to kafkajs', async () => {
  await using there = await connected()
  const { line, server } = there
  const came = Promise.withResolvers<Buffer>()
  line.authHandlers = { onSuccess: came.resolve, onError: came.reject }
  const bytes = answerTo(0, Buffer.from('welcome'))
  server.socket.write(bytes)
  expect(await came.promise).toEqual(bytes)
})
