import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { cancel } from '../../src/aap/cancel.ts'
import { openSession } from '../../src/aap/session.ts'
import { BURST } from '../../src/aap/pace.ts'

/** A controller that answers as it is told, and writes down when it was asked. */
async function asked(answer: (response: ServerResponse, nth: number) => void) {
  const at: number[] = []
  const server = createServer((_request, response) => {
    at.push(performance.now())
    answer(response, at.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    at,
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function ok(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
}

function sessionTo(url: string, requestsPerSecond?: number) {
  return openSession({
    url,
    token: () => 'a-token',
    requestTimeoutMs: 5_000,
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  })
}

test('a session sends a burst at once, and then no more a second than it may, whoever asks', async () => {
  using server = await asked(ok)
  const began = performance.now()
  await using session = sessionTo(server.url, 20)
  const gets = Array.from({ length: BURST + 10 }, () => session.get('/api/'))
  const posts = Array.from({ length: 5 }, () => session.post('/api/', {}))
  await Promise.all([...gets, ...posts])
  const took = (server.at.at(-1) ?? 0) - began
  // Fifteen beyond the burst at twenty a second; later never counts against it.
  expect(server.at).toHaveLength(BURST + 15)
  expect(took).toBeGreaterThanOrEqual(745)
})

test('a cancel is urgent: it overtakes what waits, and who stops waiting sends nothing', async () => {
  using server = await asked(ok)
  // So slow that no turn comes while the burst is sent, however long that takes.
  const session = sessionTo(server.url, 0.001)
  await Promise.all(Array.from({ length: BURST }, () => session.get('/api/')))
  const waiting = session.post('/api/never/', {})
  const urgent = cancel(session, { url: '/api/v2/jobs/9/' })
  await expect.poll(() => server.at.length).toBe(BURST + 1)
  expect(await urgent).toBe('cancelled')
  await session[Symbol.asyncDispose]()
  expect(await waiting).toMatchObject({ kind: 'lost', sent: false, code: 'ABORTED' })
  expect(server.at).toHaveLength(BURST + 1)
})

test('a controller that asks to be left alone is, for as long as it says', async () => {
  using server = await asked((response, nth) => {
    if (nth === 1) response.writeHead(429, { 'retry-after': '1' }).end()
    else ok(response)
  })
  await using session = sessionTo(server.url, 100)
  await expect(session.get('/api/')).rejects.toMatchObject({ kind: 'unavailable' })
  await session.get('/api/')
  expect((server.at[1] ?? 0) - (server.at[0] ?? 0)).toBeGreaterThanOrEqual(950)
})
