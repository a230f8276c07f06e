import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createSecureServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KubeClient, withToken } from '../../src/kube/index.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { clientOf, SOON, startScripted } from './world.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

const never = new AbortController().signal

/** Made for these tests alone. */
function pem(name: 'key' | 'certificate'): string {
  return readFileSync(new URL(`../fixtures/kubernetes/tls/${name}.pem`, import.meta.url), 'utf8')
}

/** An API server over HTTP/2 that answers each stream as it is told; and a client of it. */
async function overHttp2(
  answer: (stream: ServerHttp2Stream, path: string) => void,
  options: { readonly pingMs?: number; readonly requestTimeoutMs?: number } = {},
): Promise<{ client: KubeClient; sessions: Set<ServerHttp2Session>; proxy: TcpProxy }> {
  const sessions = new Set<ServerHttp2Session>()
  const server: Http2Server = createSecureServer({ key: pem('key'), cert: pem('certificate') })
  server.on('session', session => sessions.add(session))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined)
    answer(stream, String(headers[':path']))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => void server.close())
  stack.defer(() => sessions.forEach(session => session.destroy()))
  const proxy = stack.use(await TcpProxy.before((server.address() as AddressInfo).port))
  const url = `https://127.0.0.1:${proxy.port}`
  const connection = withToken({ url, ca: pem('certificate'), token: () => Promise.resolve('token') })
  return {
    client: stack.use(new KubeClient({ connection, userAgent: 'test', ...options })),
    sessions,
    proxy,
  }
}

/** Reads a body to its end: `ended`, or how it broke. */
async function end(body: AsyncIterable<Uint8Array>): Promise<string> {
  try {
    for await (const chunk of body) expect(chunk.length).toBeGreaterThan(0)
    return 'ended'
  } catch {
    return 'broken'
  }
}

describe('one cluster over HTTP/2', () => {
  test('shares one connection between its watches and all else', async () => {
    const { client, sessions } = await overHttp2((stream, path) => {
      stream.respond({ ':status': 200 })
      if (path === '/get') stream.end('{}')
      else stream.write('x')
    })
    const bodies = await Promise.all(Array.from({ length: 20 }, () => client.stream('/watch', never)))
    await Promise.all(Array.from({ length: 20 }, () => client.get('/get', never)))
    expect([bodies.length, sessions.size]).toEqual([20, 1])
  })

  test('a watch that nobody reads holds so many bytes, and holds up no other', async () => {
    let sent = 0
    const chunk = Buffer.alloc(65_536, 'x')
    const { client } = await overHttp2((stream, path) => {
      stream.respond({ ':status': 200 })
      if (path !== '/flood') return void stream.end('{}')
      const write = (): void => {
        if (stream.destroyed || sent > 100 * 1024 * 1024) return
        sent += chunk.length
        if (stream.write(chunk)) setImmediate(write)
        else stream.once('drain', write)
      }
      return write()
    })
    const bodies = await Promise.all(Array.from({ length: 12 }, () => client.stream('/flood', never)))
    let before = -1
    await expect.poll(() => before === (before = sent), { timeout: 60_000, interval: 50 }).toBe(true)
    // Its window and what two programs buffer on the way, for each of twelve.
    expect(sent / bodies.length).toBeLessThan(1.5 * 1024 * 1024)
    expect(await client.get('/get', never)).toEqual({})
  })

  test('a watch that is given up takes no other with it', async () => {
    const streams: ServerHttp2Stream[] = []
    const { client } = await overHttp2(stream => {
      streams.push(stream)
      stream.respond({ ':status': 200 })
      stream.write('x')
    })
    const stop = new AbortController()
    const [first, second] = [await client.stream('/a', stop.signal), await client.stream('/b', never)]
    stop.abort()
    expect(await end(first)).toBe('broken')
    await expect.poll(() => streams[0]?.destroyed, SOON).toBe(true)
    const rest = end(second)
    streams[1]?.end('y')
    expect(await rest).toBe('ended')
  })

  test('a connection that is dead is found out by its pings, when nobody asks for anything; a quiet one goes on', async () => {
    const { client, proxy, sessions } = await overHttp2(
      (stream, path) => {
        stream.respond({ ':status': 200 })
        if (path === '/get') stream.end('{}')
        else stream.write('x')
      },
      { pingMs: 240 },
    )
    let over = ''
    void end(await client.stream('/watch', never)).then(how => (over = how))
    const unread = await client.stream('/watch', never)
    // Quiet for many times as long as it takes a dead one to be found out.
    const [session] = sessions
    let pings = 0
    session?.on('ping', () => (pings += 1))
    await expect.poll(() => pings, { timeout: 60_000 }).toBeGreaterThan(8)
    expect(over).toBe('')
    proxy.freeze()
    await expect.poll(() => over, { timeout: 60_000, interval: 5 }).toBe('broken')
    expect(await end(unread)).toBe('broken')
    expect(await client.get('/get', never)).toEqual({})
    expect(sessions.size).toBe(2)
  })

  test('a connection that is dead is found out by one request, and takes its watches with it', async () => {
    const { client, proxy } = await overHttp2(
      (stream, path) => {
        stream.respond({ ':status': 200 })
        if (path === '/get') stream.end('{}')
        else stream.write('x')
      },
      { requestTimeoutMs: 3_000 },
    )
    const watch = end(await client.stream('/watch', never))
    // As when a firewall forgot it: it is open on both sides, and nothing comes through.
    proxy.freeze()
    await expect(client.get('/get', never)).rejects.toMatchObject({ kind: 'unreachable' })
    await expect.poll(() => client.get('/get', never).catch(() => null), { timeout: 60_000 }).toEqual({})
    expect(await watch).toBe('broken')
  })
})

test('one cluster over HTTP/1.1 has so many connections and no more: what comes then waits', async () => {
  const server = stack.use(await startScripted((_path, response) => response.flushHeaders()))
  const client = stack.use(clientOf(server.url, undefined, 5_000))
  const bodies = await Promise.all(Array.from({ length: 32 }, () => client.stream('/watch', never)))
  expect(bodies).toHaveLength(32)
  await expect(client.get('/get', never)).rejects.toMatchObject({ kind: 'unreachable' })
  const stop = new AbortController()
  const waiting = client.stream('/watch', stop.signal)
  stop.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'unreachable' })
  expect(server.count).toBe(32)
})

test('an answer that comes when nobody waits for it any more, or breaks when nobody reads it, takes nothing with it', async () => {
  const open: Record<string, ServerResponse[]> = { '/late': [], '/watch': [] }
  const server = stack.use(
    await startScripted((path, response) => {
      open[path]?.push(response)
      if (path === '/watch') response.write('x')
    }),
  )
  const client = stack.use(clientOf(server.url, undefined, 50))
  // On a busy machine a watch too may take longer than that to be open.
  const watch = async (signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> => {
    for (;;) {
      const body = await client.stream('/watch', signal).catch(() => null)
      if (body !== null) return body
    }
  }
  await expect(client.get('/late', never)).rejects.toMatchObject({ kind: 'unreachable' })
  await expect.poll(() => open['/late']?.length, SOON).toBe(1)
  open['/late']?.[0]?.end('{}')
  const stop = new AbortController()
  const unread = await watch(stop.signal)
  stop.abort()
  const broken = await watch(never)
  for (const response of open['/watch'] ?? []) response.destroy()
  await expect.poll(() => end(broken), SOON).toBe('broken')
  expect(await end(unread)).toBe('broken')
})
