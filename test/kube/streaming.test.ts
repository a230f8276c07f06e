import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Asks } from '../../src/kube/index.ts'
import { clientOf, type Heard, hear, SOON, startScripted, startWorld } from './world.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

function listen(url: string, options: Parameters<typeof hear>[1] = {}): Heard {
  return stack.use(hear(stack.use(clientOf(url)), options))
}

/** A line of a watch. */
function line(type: string, name: string, version: number, annotations: object = {}): string {
  return `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: String(version), annotations } } })}\n`
}

const END = (version: number): string => line('BOOKMARK', '', version, { 'k8s.io/initial-events-end': 'true' })

/** A server whose streaming lists are what `stream` writes; it lists `paged` in pages, and its watches say nothing. */
async function streaming(
  stream: (response: ServerResponse, count: number) => void,
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = stack.use(
    await startScripted(
      (path, response) => {
        const query = new URLSearchParams(path.split('?')[1])
        asked.push(query.has('sendInitialEvents') ? 'stream' : query.has('watch') ? 'watch' : 'page')
        if (query.has('sendInitialEvents')) stream(response, asked.filter(word => word === 'stream').length)
        else if (query.has('watch')) response.flushHeaders()
        else response.end(`{"items":[{"metadata":{"name":"paged"}}],"metadata":{"resourceVersion":"5"}}`)
      },
      { streams: true },
    ),
  )
  return { url: server.url, asked }
}

describe('a streaming list', () => {
  test('is told when its end is marked, and goes on as the watch: there is one request', async () => {
    const server = await streaming(response => {
      response.write(line('ADDED', 'b', 3) + line('ADDED', 'a', 9) + line('ADDED', 'c', 4))
      response.write(line('MODIFIED', 'a', 10) + line('DELETED', 'c', 11) + END(12) + line('ADDED', 'd', 13))
    })
    const heard = listen(server.url)
    await expect.poll(() => heard.words, SOON).toEqual(['listed b a', 'watching', 'changed d'])
    expect(server.asked).toEqual(['stream'])
  })

  test.each([
    ['ends', (response: ServerResponse) => void response.end()],
    ['is cut', (response: ServerResponse) => void response.destroy()],
  ])('that %s before its end is marked is not told: half a list is no list', async (_, end) => {
    const server = await streaming((response, count) => {
      response.write(line('ADDED', 'a', 9), () => {
        if (count < 3) end(response)
        else response.write(line('ADDED', 'b', 9) + END(12))
      })
    })
    const heard = listen(server.url)
    await expect.poll(() => heard.words.at(-1), SOON).toBe('watching')
    expect(heard.words.slice(-2)).toEqual(['listed a b', 'watching'])
    expect(heard.words.slice(0, -2).every(word => word.startsWith('unavailable'))).toBe(true)
    expect(heard.words).toHaveLength(4)
  })

  test('does not say where to resume from before its end: its objects come in no order', async () => {
    const resumed: (string | null)[] = []
    const server = stack.use(
      await startScripted(
        (path, response) => {
          const query = new URLSearchParams(path.split('?')[1])
          if (!query.has('sendInitialEvents')) {
            resumed.push(query.get('resourceVersion'))
            response.flushHeaders()
          } else response.end(line('ADDED', 'a', 90) + line('ADDED', 'b', 3) + END(50))
        },
        { streams: true },
      ),
    )
    listen(server.url)
    await expect.poll(() => resumed, SOON).toEqual(['50'])
  })

  test.each([
    ['refuses it', (response: ServerResponse) => void response.writeHead(422).end()],
    [
      'takes it for a watch',
      (response: ServerResponse) => void response.write(line('ADDED', 'a', 3) + line('BOOKMARK', '', 4)),
    ],
    ['takes it for a watch of nothing', (response: ServerResponse) => response.flushHeaders()],
  ])('of a server that %s is no list: it is asked for pages, and never again', async (_, answer) => {
    const server = await streaming(answer)
    const asks = new Asks()
    const heard = listen(server.url, { stallMs: 200, asks, watchSeconds: { min: 9, spread: 0 } })
    await expect.poll(() => heard.words.slice(-2), SOON).toEqual(['listed paged', 'watching'])
    asks.relist()
    await expect.poll(() => heard.words.filter(word => word === 'watching').length, SOON).toBe(2)
    expect(server.asked).toEqual(['stream', 'page', 'watch', 'page', 'watch'])
  })
})

test('a list comes in pages of 250, so that none is parsed for long', async () => {
  const limits: (string | null)[] = []
  const server = stack.use(
    await startScripted((path, response) => {
      const query = new URLSearchParams(path.split('?')[1])
      if (query.has('watch')) return response.flushHeaders()
      limits.push(query.get('limit'))
      return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
    }),
  )
  const heard = listen(server.url)
  await expect.poll(() => heard.words.at(-1), SOON).toBe('watching')
  expect(limits).toEqual(['250'])
})

describe('what is asked of a reflector', () => {
  test('a new list comes in order: after all that the watch said before', async () => {
    const at = stack.use(await startWorld())
    const asks = new Asks()
    const heard = listen(at.server.url, { asks })
    await expect.poll(() => heard.words.at(-1), SOON).toBe('watching')
    at.addVm('a')
    await expect.poll(() => heard.words.at(-1), SOON).toBe('changed a')
    asks.relist()
    await expect.poll(() => heard.words.slice(3), SOON).toEqual(['listed a', 'watching'])
    at.addVm('b')
    await expect.poll(() => heard.words.slice(5), SOON).toEqual(['changed b'])
  })

  test('is done when it was asked in the middle of a wait, once', async () => {
    const at = stack.use(await startWorld())
    const asks = new Asks()
    const mend = at.server.faults.plant({ kind: 'drop' })
    const heard = listen(at.server.url, { asks })
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(1)
    asks.relist()
    asks.relist()
    mend()
    await expect.poll(() => heard.words.at(-1), SOON).toBe('watching')
    expect(heard.words.filter(word => word === 'listed').length).toBeLessThanOrEqual(2)
  })
})

describe('what is odd and yet true', () => {
  test('an object of 3 MB is told, in a list and in a watch', async () => {
    const filler = 'x'.repeat(3_000_000)
    const big = (type: string, name: string, version: number): string => line(type, name, version, { filler })
    const server = await streaming(response => {
      response.write(big('ADDED', 'a', 3) + END(12) + big('ADDED', 'b', 13))
    })
    const heard = listen(server.url)
    await expect.poll(() => heard.words, SOON).toEqual(['listed a', 'watching', 'changed b'])
  })

  test('bytes that are no UTF-8 take the object they are in from nobody, nor those after it', async () => {
    const server = await streaming(response => {
      const bad = Buffer.from(line('ADDED', 'a', 3, { note: 'XX' }))
      bad.fill(0xff, bad.indexOf('XX'), bad.indexOf('XX') + 2)
      response.write(Buffer.concat([bad, Buffer.from(END(12)), bad, Buffer.from(line('ADDED', 'b', 14))]))
    })
    const heard = listen(server.url)
    await expect.poll(() => heard.words, SOON).toEqual(['listed a', 'watching', 'changed a', 'changed b'])
  })

  test('a page that is too large to be read is asked for in smaller ones', async () => {
    const limits: number[] = []
    const server = stack.use(
      await startScripted((path, response) => {
        const query = new URLSearchParams(path.split('?')[1])
        if (query.has('watch')) return response.flushHeaders()
        limits.push(Number(query.get('limit')))
        const begin = Number(query.get('continue') ?? 0)
        const end = Math.min(40, begin + Number(query.get('limit')))
        const filler = 'x'.repeat(end - begin > 5 ? 68_000_000 : 10)
        const items = Array.from({ length: end - begin }, (_, n) => ({ metadata: { name: `vm-${begin + n}` } }))
        const metadata = { resourceVersion: '5', filler, ...(end < 40 ? { continue: String(end) } : {}) }
        return response.end(JSON.stringify({ metadata, items }))
      }),
    )
    const heard = stack.use(hear(stack.use(clientOf(server.url, undefined, 20_000)), { pageSize: 40 }))
    await expect.poll(() => heard.words.at(-1), { timeout: 60_000 }).toBe('watching')
    expect(heard.words[0]?.split(' ')).toHaveLength(41)
    expect(limits).toEqual([40, ...Array.from({ length: 8 }, () => 5)])
  })
})
