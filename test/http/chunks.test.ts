import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamOf } from '../../src/http/chunks.ts'

/** More than is handed over in one turn, in pieces of many sizes, of which one alone is more than that. */
const PIECES = Array.from({ length: 300 }, (_, n) =>
  Buffer.alloc(n === 150 ? 9_000_000 : (n * 7_919) % 200_000, n % 256),
)
const IN_A_TURN = 8_388_608
const LENGTH = PIECES.reduce((sum, { length }) => sum + length, 0)

let app: FastifyInstance
let url: string
beforeAll(async () => {
  app = Fastify({ forceCloseConnections: true })
  app.get('/', (_request, reply) => reply.header('content-length', LENGTH).send(streamOf(PIECES)))
  app.get('/nothing', (_request, reply) => reply.header('content-length', 0).send(streamOf([])))
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => app.close())

async function open(path: string): Promise<IncomingMessage> {
  const sent = request(url + path, { agent: false }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

async function bodyOf(answer: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('a body in pieces is the pieces in a row, for everybody who asks at once', async () => {
  const bodies = await Promise.all([1, 2, 3].map(async () => bodyOf(await open('/'))))
  for (const body of bodies) expect(body.equals(Buffer.concat(PIECES))).toBe(true)
  expect(await bodyOf(await open('/nothing'))).toHaveLength(0)
})

test('who leaves in the middle, or reads nothing for a while, holds up nobody', async () => {
  const [leaving, slow] = [await open('/'), await open('/')]
  await once(leaving, 'readable')
  leaving.destroy()
  expect(await bodyOf(await open('/'))).toHaveLength(LENGTH)
  expect(await bodyOf(slow)).toHaveLength(LENGTH)
})

test('of bodies that are read as fast as they are given, no turn of the loop is given more than eight megabytes, of all together', async () => {
  const turns: number[] = []
  let now = 0
  const given = (chunks: readonly Buffer[]): void => {
    if (now === 0)
      setImmediate(() => {
        turns.push(now)
        now = 0
      })
    for (const { length } of chunks) now += length
  }
  const readers = [1, 2, 3].map(() => readerThat(given))
  for (const reader of readers) streamOf(PIECES).pipe(reader)
  await Promise.all(readers.map(reader => finished(reader)))
  await new Promise(resolve => setImmediate(resolve))
  expect(turns.reduce((sum, turn) => sum + turn, 0)).toBe(3 * LENGTH)
  expect(Math.max(...turns)).toBeLessThanOrEqual(IN_A_TURN)
})

test('who takes nothing more is given nothing more', async () => {
  let given = 0
  const reader = new Writable({
    writev(chunks) {
      for (const { chunk } of chunks) given += (chunk as Buffer).length
    },
  })
  streamOf(PIECES).pipe(reader)
  await finished(streamOf(PIECES).pipe(readerThat(() => undefined)))
  expect(given).toBeGreaterThan(0)
  expect(reader.writableLength).toBeLessThanOrEqual(IN_A_TURN)
})

test('a small body waits for none of the large ones', async () => {
  const large = [1, 2, 3].map(() => readerThat(() => undefined))
  for (const reader of large) streamOf(PIECES).pipe(reader)
  const small: Buffer[] = []
  const reader = readerThat(chunks => small.push(...chunks))
  streamOf([Buffer.alloc(IN_A_TURN - 1), Buffer.from('x')]).pipe(reader)
  expect(Buffer.concat(small)).toHaveLength(IN_A_TURN)
  await Promise.all([...large, reader].map(each => finished(each)))
})

/** Takes all that it is given at once, as a socket does when there is room for it. */
function readerThat(takes: (chunks: readonly Buffer[]) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      takes([chunk])
      done()
    },
    writev(chunks, done) {
      takes(chunks.map(({ chunk }) => chunk as Buffer))
      done()
    },
  })
}
