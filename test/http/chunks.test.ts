import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamOf } from '../../src/http/chunks.ts'

/** More than is handed over at once, in pieces of many sizes. */
const PIECES = Array.from({ length: 300 }, (_, n) => Buffer.alloc((n * 7_919) % 200_000, n % 256))
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
