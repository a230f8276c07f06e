import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Asks, KubeError } from '../../src/kube/index.ts'
import { isList as lists, isWatch as watches, laterPages, onPlural } from '../../src/simulator/kube/faults.ts'
import type { KubeServerOptions } from '../../src/simulator/kube/server.ts'
import type { StoreOptions } from '../../src/simulator/kube/store.ts'
import { BRIDGE, clientOf, type Heard, hear, SOON, startScripted, startWorld, TOKEN, type World } from './world.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

async function world(options: Partial<KubeServerOptions> = {}, store: Partial<StoreOptions> = {}): Promise<World> {
  return stack.use(await startWorld(options, store))
}

function listen(at: World | { url: string }, options: Parameters<typeof hear>[1] = {}): Heard {
  const url = 'url' in at ? at.url : at.server.url
  return stack.use(hear(stack.use(clientOf(url)), options))
}

/** As a server that knows no streaming lists. */
const OLD = { watch: { streamingLists: false } }

async function watching(heard: Heard, times = 1): Promise<void> {
  await expect.poll(() => heard.words.filter(word => word === 'watching').length, SOON).toBe(times)
}

describe('a list', () => {
  test('comes in pages, where the server knows no other, and is told once, whole', async () => {
    const at = await world(OLD)
    for (const name of ['a', 'b', 'c', 'd', 'e']) at.addVm(name)
    const heard = listen(at, { pageSize: 2 })
    await watching(heard)
    expect(heard.words).toEqual(['listed a b c d e', 'watching'])
    // One was refused, and three pages.
    expect(at.server.requests.get('list virtualmachines')).toBe(4)
  })

  test('of which a later page fails is not told: the next one that is whole is', async () => {
    const at = await world(OLD)
    for (const name of ['a', 'b', 'c']) at.addVm(name)
    at.server.faults.plant({ kind: 'status', code: 500 }, laterPages, 2)
    const heard = listen(at, { pageSize: 1 })
    await watching(heard)
    expect(heard.words).toEqual(['unavailable server', 'unavailable server', 'listed a b c', 'watching'])
  })

  test('whose token expires between two pages is asked anew, from its first page', async () => {
    const at = await world(OLD)
    for (const name of ['a', 'b']) at.addVm(name)
    at.server.faults.plant({ kind: 'status', code: 410 }, laterPages, 1)
    const heard = listen(at, { pageSize: 1 })
    await watching(heard)
    expect(heard.words).toEqual(['listed a b', 'watching'])
    expect(at.server.requests.get('list virtualmachines')).toBe(5)
  })

  test.each([
    ['is no list', '{"kind":"Status","status":"Success"}'],
    ['is no JSON', '<html>Bad gateway</html>'],
  ])('whose answer %s is told as invalid, and nothing of it is believed', async (_, body) => {
    const server = stack.use(await startScripted((_path, response) => response.end(body)))
    const heard = listen(server)
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(1)
    expect(new Set(heard.words)).toEqual(new Set(['unavailable invalid']))
  })
})

describe('a watch', () => {
  test.each([
    ['streams its lists', {}],
    ['lists in pages', OLD],
  ])('of a server that %s tells what changes, in order', async (_, options) => {
    const at = await world(options)
    at.addVm('z')
    const heard = listen(at)
    await watching(heard)
    at.addVm('a')
    at.relabel('a', { x: 'y' })
    at.removeVm('a')
    await expect.poll(() => heard.words, SOON).toEqual(['listed z', 'watching', 'changed a', 'changed a', 'gone a'])
  })

  test('that ends says that nothing is seen until it is open again', async () => {
    const at = await world()
    const heard = listen(at)
    await watching(heard)
    at.addVm('a')
    await expect.poll(() => heard.words.at(-1), SOON).toBe('changed a')
    for (const watch of at.server.watches) watch.end()
    await expect.poll(() => heard.words, SOON).toEqual(['listed', 'watching', 'changed a', 'ended', 'watching'])
  })

  test('that ends goes on where it was, without a list and without a loss', async () => {
    const at = await world()
    const heard = listen(at)
    for (const name of ['a', 'b', 'c']) {
      await watching(heard, 1 + ['a', 'b', 'c'].indexOf(name))
      for (const watch of at.server.watches) watch.end()
      at.addVm(name)
    }
    await expect
      .poll(() => heard.words.filter(word => word.startsWith('changed')), SOON)
      .toEqual(['changed a', 'changed b', 'changed c'])
    expect(at.server.requests.get('list virtualmachines')).toBe(1)
  })

  test('that is cut in the middle of a line says so, and goes on without a loss and without a repetition', async () => {
    const at = await world()
    const heard = listen(at)
    await watching(heard)
    at.addVm('a')
    await expect.poll(() => heard.words.at(-1), SOON).toBe('changed a')
    for (const watch of at.server.watches) watch.truncateNext()
    at.addVm('b')
    await expect.poll(() => heard.words.at(-1), SOON).toBe('changed b')
    expect(heard.words.filter(word => word.startsWith('changed'))).toEqual(['changed a', 'changed b'])
    expect(heard.words.filter(word => word.startsWith('unavailable'))).toHaveLength(1)
    expect(at.server.requests.get('list virtualmachines')).toBe(1)
  })

  test('that a proxy ends properly in the middle of a line says so too, and goes on where the last whole line was', async () => {
    const resumed: (string | null)[] = []
    const line = (version: number): string =>
      JSON.stringify({
        type: 'ADDED',
        object: { metadata: { name: `vm-${version}`, resourceVersion: String(version) } },
      })
    const server = stack.use(
      await startScripted((path, response) => {
        const query = new URLSearchParams(path.split('?')[1])
        if (!query.has('watch')) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
        resumed.push(query.get('resourceVersion'))
        if (resumed.length === 1) return response.end(`${line(6)}\n${line(7).slice(0, 40)}`)
        return response.write(`${line(7)}\n`)
      }),
    )
    const heard = listen(server)
    await expect.poll(() => heard.words.at(-1), SOON).toBe('changed vm-7')
    const words = ['listed', 'watching', 'changed vm-6', 'unavailable invalid', 'watching', 'changed vm-7']
    expect([heard.words, resumed]).toEqual([words, ['5', '6']])
  })

  test('is asked for over all namespaces, with bookmarks, and for a random time of 5 to 10 minutes: not all end at once', async () => {
    const asked: URLSearchParams[] = []
    const server = stack.use(
      await startScripted((path, response) => {
        const [where, query] = path.split('?')
        expect(where).toBe('/apis/kubevirt.io/v1/virtualmachines')
        if (!path.includes('watch=1')) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
        asked.push(new URLSearchParams(query))
        return response.end('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}}\n')
      }),
    )
    const dice = [0, 0, 0.5, 0.999]
    listen(server, { random: () => dice.shift() ?? 0 })
    await expect.poll(() => asked.length, SOON).toBeGreaterThan(2)
    expect(asked.slice(0, 3).map(query => query.get('timeoutSeconds'))).toEqual(['300', '450', '599'])
    expect(new Set(asked.map(query => query.get('allowWatchBookmarks')))).toEqual(new Set(['true']))
  })

  test('goes on from the last bookmark, where nothing else came', async () => {
    const resumed: string[] = []
    const server = stack.use(
      await startScripted((path, response) => {
        const from = new URLSearchParams(path.split('?')[1]).get('resourceVersion')
        if (from === null) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
        resumed.push(from)
        if (resumed.length > 2) return response.flushHeaders()
        return response.end(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${resumed.length}7"}}}\n`)
      }),
    )
    listen(server)
    await expect.poll(() => resumed, SOON).toEqual(['5', '17', '27'])
  })

  test.each([
    ['by an ERROR event', undefined],
    ['by status', { kind: 'status', code: 410 } as const],
  ])('whose place is forgotten (410 %s) begins with a new list', async (_, trouble) => {
    const at = await world()
    const heard = listen(at)
    await watching(heard)
    if (trouble !== undefined) at.server.faults.plant(trouble, watches, 1)
    await at.server.down()
    at.addVm('a')
    at.store.compact()
    await at.server.up()
    await expect.poll(() => heard.words.slice(-2), SOON).toEqual(['listed a', 'watching'])
    expect(heard.words.join(' ')).not.toContain('changed')
  })

  test('that is forgotten again and again is no endless loop of lists', async () => {
    const at = await world(OLD)
    at.server.faults.plant({ kind: 'status', code: 410 }, watches)
    const waits = waiting()
    const heard = listen(at, { sleep: waits.sleep })
    await expect.poll(() => waits.count, SOON).toBe(1)
    expect(at.server.requests.get('list virtualmachines')).toBe(3)
    expect(heard.words.at(-1)).toBe('unavailable expired')
  })

  test('that ends at once without a word is asked again after a while, and ever later', async () => {
    const server = stack.use(
      await startScripted((path, response) => {
        response.end(path.includes('watch=1') ? '' : '{"items":[],"metadata":{"resourceVersion":"5"}}')
      }),
    )
    const waits = waiting()
    listen(server, { sleep: waits.sleep, backoff: { initialMs: 100, maxMs: 10_000 } })
    for (let turn = 1; turn <= 8; turn += 1) {
      await expect.poll(() => waits.count, SOON).toBe(turn)
      expect(server.count).toBe(1 + turn)
      waits.end()
    }
    expect(Math.max(...waits.asked)).toBeGreaterThan(100)
    expect(Math.max(...waits.asked)).toBeLessThanOrEqual(10_000)
  })

  test.each([
    ['that is not JSON', 'half a line\n', 'invalid'],
    ['that is no event', 'null\n', 'invalid'],
    ['of an unknown type', '{"type":"MOVED","object":{"metadata":{"resourceVersion":"6"}}}\n', 'invalid'],
    ['without a resourceVersion', '{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n', 'invalid'],
    ['that never ends', `{"type":"ADDED","x":"${'x'.repeat(5_000_000)}`, 'invalid'],
    [
      'that says the server is in trouble',
      '{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}\n',
      'server',
    ],
    ['that asks to slow down', '{"type":"ERROR","object":{"code":429}}\n', 'throttled'],
  ])('with a line %s is unavailable, and nothing of it is skipped in silence', async (_, line, kind) => {
    const server = stack.use(
      await startScripted((path, response) => {
        if (path.includes('watch=1')) response.write(line)
        else response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
      }),
    )
    const heard = listen(server)
    await expect.poll(() => heard.words.slice(0, 3), SOON).toEqual(['listed', 'watching', `unavailable ${kind}`])
  })

  test('that never says a word and outlives its own time-out is given up: its connection died as it was opened', async () => {
    const server = stack.use(
      await startScripted((path, response) => {
        if (path.includes('watch=1')) response.flushHeaders()
        else response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
      }),
    )
    // 30 s of grace come on top, which no test waits for: so this one asks for less than nothing.
    const heard = listen(server, { watchSeconds: { min: -29.97, spread: 0 } })
    await expect
      .poll(() => heard.words.slice(0, 4), SOON)
      .toEqual(['listed', 'watching', 'unavailable unreachable', 'watching'])
    const patient = listen(server, { watchSeconds: { min: 1, spread: 0 } })
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(12)
    expect(patient.words).toEqual(['listed', 'watching'])
  })

  test('of a server that has sent bookmarks before is given up when it is silent from its beginning', async () => {
    let watches = 0
    const server = stack.use(
      await startScripted((path, response) => {
        if (!path.includes('watch=1')) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
        watches += 1
        if (watches > 1) return response.flushHeaders()
        return response.end('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}}\n')
      }),
    )
    const heard = listen(server, { stallMs: 30 })
    await expect
      .poll(() => heard.words.slice(0, 5), SOON)
      .toEqual(['listed', 'watching', 'ended', 'watching', 'unavailable unreachable'])
  })

  test('that goes silent although it had sent bookmarks is given up; one without bookmarks may be silent', async () => {
    const at = await world({ watch: { bookmarkEveryMs: 20 } })
    const silent = stack.use(
      await startScripted((path, response) => {
        if (path.includes('watch=1'))
          response.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}}\n')
        else response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
      }),
    )
    const stallMs = 1_000
    const lively = listen(at, { stallMs })
    await watching(lively)
    const began = performance.now()
    const heard = listen(silent, { stallMs: 30 })
    await expect
      .poll(() => heard.words.filter(word => word === 'unavailable unreachable').length, SOON)
      .toBeGreaterThan(2)
    await expect.poll(() => performance.now() - began, SOON).toBeGreaterThan(1.5 * stallMs)
    expect(lively.words).toEqual(['listed', 'watching'])
  })

  test('is not given up while it is its own reader that is slow', async () => {
    const open: ServerResponse[] = []
    const event = (type: string, version: number): string =>
      `${JSON.stringify({ type, object: { metadata: { name: `vm-${version}`, resourceVersion: String(version) } } })}\n`
    const server = stack.use(
      await startScripted((path, response) => {
        if (!path.includes('watch=1')) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
        open.push(response)
        return response.write(event('BOOKMARK', 6) + event('ADDED', 7))
      }),
    )
    const slow = listen(server, { stallMs: 20 })
    slow.holdAt = 'changed vm-7'
    await expect.poll(() => slow.words.at(-1), SOON).toBe('changed vm-7')
    open[0]?.write(event('ADDED', 8))
    const quick = listen(server, { stallMs: 20 })
    await expect
      .poll(() => quick.words.filter(word => word === 'unavailable unreachable').length, SOON)
      .toBeGreaterThan(3)
    slow.release()
    await expect.poll(() => slow.words.length, SOON).toBeGreaterThan(3)
    expect(slow.words.slice(0, 4)).toEqual(['listed', 'watching', 'changed vm-7', 'changed vm-8'])
  })
})

describe('what can not be had', () => {
  test.each([
    ['not permitted', { kind: 'forbidden' } as const, 'forbidden'],
    ['not installed', { kind: 'absent' } as const, 'absent'],
    ['in trouble', { kind: 'status', code: 503 } as const, 'server'],
    ['asked too often', { kind: 'status', code: 429 } as const, 'throttled'],
    ['cutting connections', { kind: 'drop' } as const, 'unreachable'],
  ])('a resource that is %s is unavailable, and comes back by itself', async (_, trouble, kind) => {
    const at = await world()
    at.addVm('a')
    const mend = at.server.faults.plant(trouble, onPlural('virtualmachines'))
    const heard = listen(at)
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(1)
    expect(new Set(heard.words)).toEqual(new Set([`unavailable ${kind}`]))
    mend()
    await expect.poll(() => heard.words.slice(-2), SOON).toEqual(['listed a', 'watching'])
  })

  test('a request that is never answered is given up', async () => {
    const at = await world()
    at.server.faults.plant({ kind: 'hang' }, lists, 1)
    const client = stack.use(clientOf(at.server.url, undefined, 300))
    const heard = stack.use(hear(client))
    await watching(heard)
    // On a busy machine more than one may come too late.
    expect(new Set(heard.words.slice(0, -2))).toEqual(new Set(['unavailable unreachable']))
    expect(heard.words.slice(-2)).toEqual(['listed', 'watching'])
  })

  test('a server that asks for time is given it, and a little more, so that not all come back at once', async () => {
    const at = await world()
    at.server.faults.plant({ kind: 'status', code: 429, retryAfterSeconds: 7 }, lists, 1)
    const waits = waiting()
    listen(at, { sleep: waits.sleep })
    await expect.poll(() => waits.count, SOON).toBe(1)
    expect(waits.asked[0]).toBeGreaterThan(7_000)
    expect(waits.asked[0]).toBeLessThan(7_100)
  })

  test('another cluster that answers is told as replaced before anything of it is read', async () => {
    const at = await world()
    at.addVm('a')
    let replaced = true
    const verify = (): Promise<void> =>
      replaced ? Promise.reject(new KubeError('replaced', 'another cluster')) : Promise.resolve()
    const heard = listen(at, { verify })
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(1)
    expect(new Set(heard.words)).toEqual(new Set(['unavailable replaced']))
    expect(at.server.requests.get('list virtualmachines')).toBeUndefined()
    replaced = false
    await watching(heard)
    expect(heard.words.slice(-2)).toEqual(['listed a', 'watching'])
  })

  test('nor is a list of it read in pages, where lists are not streamed', async () => {
    const at = await world(OLD)
    let replaced = false
    const verify = (): Promise<void> =>
      replaced ? Promise.reject(new KubeError('replaced', 'another cluster')) : Promise.resolve()
    const asks = new Asks()
    const heard = listen(at, { verify, asks })
    await watching(heard)
    const before = at.server.requests.get('list virtualmachines')
    replaced = true
    asks.relist()
    await expect.poll(() => heard.words.length, SOON).toBeGreaterThan(3)
    expect(new Set(heard.words.slice(2))).toEqual(new Set(['unavailable replaced']))
    expect(at.server.requests.get('list virtualmachines')).toBe(before)
  })
})

describe('credentials', () => {
  test('that were rotated are asked for again, once, and nothing is told of it', async () => {
    const at = await world()
    at.server.access.revoke(TOKEN)
    at.server.access.grant('rotated', BRIDGE)
    const tokens = [TOKEN]
    const client = stack.use(clientOf(at.server.url, () => Promise.resolve(tokens.shift() ?? 'rotated')))
    const heard = stack.use(hear(client))
    await watching(heard)
    expect(heard.words).toEqual(['listed', 'watching'])
    expect(at.server.requests.get('list virtualmachines')).toBe(2)
  })

  test('that stay wrong are tried twice a turn and told as unauthorized', async () => {
    const at = await world()
    at.server.access.revoke(TOKEN)
    const waits = waiting()
    const heard = listen(at, { sleep: waits.sleep })
    await expect.poll(() => waits.count, SOON).toBe(1)
    expect(heard.words).toEqual(['unavailable unauthorized'])
    expect(at.server.requests.get('list virtualmachines')).toBe(2)
  })
})

test('a reader that takes nothing leaves the socket unread: the server is the one that waits, and nothing is lost', async () => {
  const at = await world({ watch: { maxPendingBytes: 256 * 1024, maxLagMs: 60_000 } })
  const heard = listen(at)
  await watching(heard)
  heard.holdAt = 'changed first'
  at.addVm('first')
  await expect.poll(() => heard.words.at(-1), SOON).toBe('changed first')
  const before = heard.all.length
  for (let index = 0; index < 150; index += 1) at.addVm(`vm-${index}`, { filler: 'x'.repeat(20_000) })
  const [watch] = at.server.watches
  expect(watch).toBeDefined()
  // 3 MB are on their way: not in our memory, but in sockets and the server's own buffer.
  await expect.poll(() => heard.all.length, SOON).toBe(before)
  heard.release()
  await expect.poll(() => heard.words.at(-1), SOON).toBe('changed vm-149')
  expect(heard.words).toHaveLength(before + 150)
})

test('what a reader does not take stays with the server and is not gathered here, while another one takes all of it', async () => {
  const watches: ServerResponse[] = []
  const line = (version: number, filler = ''): string => {
    const metadata = { name: `vm-${version}`, resourceVersion: String(version) }
    return `${JSON.stringify({ type: 'ADDED', object: { metadata, filler } })}\n`
  }
  const server = stack.use(
    await startScripted((path, response) => {
      if (!path.includes('watch=1')) return response.end('{"items":[],"metadata":{"resourceVersion":"5"}}')
      watches.push(response)
      return response.write(line(6))
    }),
  )
  const held = listen(server)
  held.holdAt = 'changed vm-6'
  await expect.poll(() => held.words.at(-1), SOON).toBe('changed vm-6')
  const free = listen(server)
  await expect.poll(() => free.words.at(-1), SOON).toBe('changed vm-6')
  // 30 MB: more than sockets hold.
  const filler = 'x'.repeat(100_000)
  for (let version = 7; version <= 306; version += 1) for (const watch of watches) watch.write(line(version, filler))
  await expect.poll(() => free.words.at(-1), SOON).toBe('changed vm-306')
  expect(watches.map(({ writableLength }) => writableLength > 0)).toEqual([true, false])
  held.release()
  await expect.poll(() => held.words.at(-1), SOON).toBe('changed vm-306')
  expect(held.words).toEqual(free.words)
})

test('a reader that is so slow that the server drops it goes on where it was: nothing is lost, and nothing comes twice', async () => {
  const at = await world({ watch: { maxPendingBytes: 512 * 1024, maxLagMs: 100 } })
  const heard = listen(at)
  await watching(heard)
  heard.holdAt = 'changed first'
  at.addVm('first')
  await expect.poll(() => heard.words.at(-1), SOON).toBe('changed first')
  const [watch] = at.server.watches
  for (let index = 0; index < 350; index += 1) at.addVm(`vm-${index}`, { filler: 'x'.repeat(20_000) })
  // Nobody reads, and the server has waited long enough.
  await expect.poll(() => watch !== undefined && at.server.watches.has(watch), SOON).toBe(false)
  const [, before] = [heard.release(), heard.words.length]
  await expect.poll(() => heard.words.at(-1), { timeout: 60_000, interval: 5 }).toBe('changed vm-349')
  const after = heard.words.slice(before)
  expect(after.filter(word => word.startsWith('changed'))).toEqual(
    Array.from({ length: 350 }, (_, index) => `changed vm-${index}`),
  )
  // It was told that it was dropped, and did not list again: where it was is known.
  expect(after.filter(word => !word.startsWith('changed'))).toContain('watching')
  expect(after.filter(word => word.startsWith('listed'))).toEqual([])
})

test('ends when it is told to, in the middle of a wait too', async () => {
  const at = await world()
  at.server.faults.plant({ kind: 'drop' })
  const heard = hear(stack.use(clientOf(at.server.url)), { backoff: { initialMs: 60_000, maxMs: 60_000 } })
  await expect.poll(() => heard.words.length, SOON).toBe(1)
  await heard[Symbol.asyncDispose]()
})

interface Waits {
  readonly asked: number[]
  readonly count: number
  end(): void
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Waits that end when the test says so, and what was asked for. */
function waiting(): Waits {
  const asked: number[] = []
  let end = (): void => {}
  return {
    asked,
    get count() {
      return asked.length
    },
    end: () => end(),
    sleep: (ms, signal) => {
      asked.push(ms)
      return new Promise(resolve => {
        end = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    },
  }
}
