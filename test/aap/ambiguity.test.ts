import { expect, describe, test } from 'vitest'
import { openController, type Controller, type LaunchRequest } from '../../src/aap/index.ts'
import { closedPort, faultyServer, speaking, type Answer } from './faulty-server.ts'
import { bodyOf, MARKER, template, TOKEN } from './recorded.ts'

const request: LaunchRequest = { hosts: ['vm1'], marker: MARKER, extraVars: {}, inventory: 3 }
const launchable = template()
const job = JSON.stringify({
  ...bodyOf('028-launch-prompted'),
  limit: 'vm1',
  skip_tags: MARKER,
  inventory: 3,
  job_template: 12,
})

function controllerAt(url: string, requestTimeoutMs = 5000): Controller {
  return openController({ url, token: () => TOKEN, requestTimeoutMs })
}

const created = (body: string, length = Buffer.byteLength(body)): Answer => {
  return (_, response) => {
    response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': length })
    response.write(body)
    if (length > Buffer.byteLength(body)) response.once('finish', () => undefined).destroy()
    else response.end()
  }
}

describe('a launch whose answer was lost is ambiguous, and was posted once', () => {
  const cases: [string, Answer, RegExp][] = [
    ['the connection is reset', (_, response) => response.socket?.resetAndDestroy(), /./],
    ['the connection is closed', (_, response) => response.socket?.destroy(), /./],
    ['nothing is ever answered', () => undefined, /no answer within 3000 ms/],
    [
      'headers come and the body never',
      (_, response) => response.writeHead(201, { 'Content-Length': 100 }).flushHeaders(),
      /no answer within 3000 ms/,
    ],
    ['the body is cut by the network', created(job.slice(0, 200), job.length), /./],
    ['the body is cut and says so not', created(job.slice(0, 200)), /no JSON/],
    ['the body is empty', created(''), /no JSON but: nothing/],
    ['the body is a list', created('[]'), /no JSON object/],
    ['the body names no job', created('{"ignored_fields":{}}'), /"status" is missing/],
    [
      'a proxy answers 502 in HTML',
      (_, response) =>
        response
          .writeHead(502, { 'Content-Type': 'text/html' })
          .end('<html><head><title>502 Bad Gateway</title></head></html>'),
      /502: 502 Bad Gateway/,
    ],
    ['a proxy answers 503', (_, response) => response.writeHead(503).end(), /answered 503/],
    [
      'a proxy answers 504',
      (_, response) => response.writeHead(504).end('upstream request timeout'),
      /upstream request timeout/,
    ],
    [
      'the controller crashes',
      (_, response) => response.writeHead(500, { 'Content-Type': 'text/html' }).end('<h1>Server Error (500)</h1>'),
      /Server Error/,
    ],
  ]

  test.each(cases)('when %s', async (_, answer, reason) => {
    await using server = await faultyServer(answer)
    // Only where nothing comes is it waited for in vain: long enough that the request itself has left by then.
    await using controller = controllerAt(server.url, String(reason).includes('no answer') ? 3_000 : 60_000)
    const launched = await controller.launch(launchable, request)
    expect(launched).toMatchObject({ kind: 'ambiguous', reason: expect.stringMatching(reason) as string })
    expect(server.received).toEqual([`POST ${launchable.launchUrl}`])
  })

  test('when virtbridge itself stops waiting', async () => {
    await using server = await faultyServer(() => undefined)
    const controller = controllerAt(server.url)
    const launching = controller.launch(launchable, request)
    await expect.poll(() => server.received.length).toBe(1)
    await controller[Symbol.asyncDispose]()
    expect(await launching).toMatchObject({
      kind: 'ambiguous',
      reason: expect.stringContaining('stopped waiting') as string,
    })
  })

  test('but not when the answer is whole', async () => {
    await using server = await faultyServer(created(job))
    await using controller = controllerAt(server.url)
    expect(await controller.launch(launchable, request)).toMatchObject({ kind: 'launched', job: { id: 9 } })
  })
})

describe('a launch that surely never left was not sent', () => {
  test('when nobody listens', async () => {
    await using controller = controllerAt(`http://127.0.0.1:${await closedPort()}`)
    expect(await controller.launch(launchable, request)).toMatchObject({
      kind: 'not_sent',
      reason: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  test('when the name is unknown', async () => {
    await using controller = controllerAt('http://controller.invalid')
    expect(await controller.launch(launchable, request)).toMatchObject({ kind: 'not_sent' })
  })

  test('when the other end speaks no TLS', async () => {
    await using server = await speaking('HTTP/1.1 400 Bad Request\r\n\r\n')
    await using controller = controllerAt(`https://127.0.0.1:${server.port}`)
    expect(await controller.launch(launchable, request)).toMatchObject({ kind: 'not_sent' })
  })

  test('when the TLS handshake never ends', async () => {
    await using server = await speaking('')
    await using controller = controllerAt(`https://127.0.0.1:${server.port}`, 200)
    expect(await controller.launch(launchable, request)).toMatchObject({
      kind: 'not_sent',
      reason: expect.stringContaining('within 200 ms') as string,
    })
  })

  test('when the token can not be read', async () => {
    await using server = await faultyServer(created(job))
    const token = () => {
      throw new Error('ENOENT: no such file, open /run/secrets/token')
    }
    await using controller = openController({ url: server.url, token, requestTimeoutMs: 1000 })
    expect(await controller.launch(launchable, request)).toMatchObject({
      kind: 'not_sent',
      reason: expect.stringContaining('ENOENT') as string,
    })
    expect(server.received).toEqual([])
  })

  test('when it is too late for it by the time there is a connection', async () => {
    await using server = await faultyServer(created(job))
    await using controller = controllerAt(server.url)
    expect(await controller.launch(launchable, request, () => false)).toMatchObject({
      kind: 'not_sent',
      reason: expect.stringContaining('too late') as string,
    })
    expect(server.received).toEqual([])
  })

  test('when the controller was closed before', async () => {
    await using server = await faultyServer(created(job))
    const controller = controllerAt(server.url)
    await controller[Symbol.asyncDispose]()
    expect(await controller.launch(launchable, request)).toMatchObject({ kind: 'not_sent' })
    expect(server.received).toEqual([])
  })
})

describe('connections', () => {
  test('are kept for questions, but a launch goes over its own: a kept one that was just closed looks like a lost answer', async () => {
    await using server = await faultyServer((incoming, response, body) => {
      if (incoming.method === 'POST') return created(job)(incoming, response, body)
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"gone"}')
    })
    await using controller = controllerAt(server.url)
    for (let i = 0; i < 3; i++) expect(await controller.job({ url: '/api/v2/jobs/1/' })).toBe('vanished')
    expect(server.connections()).toBe(1)
    expect(await controller.launch(launchable, request)).toMatchObject({ kind: 'launched' })
    expect(server.connections()).toBe(2)
  })

  test('that are reset cost a question no more than a second try', async () => {
    let asked = 0
    await using server = await faultyServer((_, response) => {
      if (asked++ === 0) response.socket?.resetAndDestroy()
      else response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}')
    })
    await using controller = controllerAt(server.url)
    expect(await controller.job({ url: '/api/v2/jobs/1/' })).toBe('vanished')
    expect(asked).toBe(2)
  })

  test('are at most eight, however many questions there are', async () => {
    const waiting: (() => void)[] = []
    await using server = await faultyServer((_, response) => {
      waiting.push(() => response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}'))
    })
    await using controller = controllerAt(server.url)
    const asked = Promise.all(Array.from({ length: 20 }, (_, id) => controller.job({ url: `/api/v2/jobs/${id}/` })))
    for (let served = 0; served < 20; served++) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0)
      waiting.shift()?.()
    }
    expect(await asked).toEqual(Array.from({ length: 20 }, () => 'vanished'))
    expect(server.connections()).toBeLessThanOrEqual(8)
  })
})

describe('a question that is not answered', () => {
  test.each<[string, Answer, string, RegExp]>([
    ['in time', () => undefined, 'unreachable', /no answer within 150 ms/],
    [
      'but in HTML with 503',
      (_, response) =>
        response.writeHead(503, { 'Content-Type': 'text/html' }).end('<title>Service Unavailable</title>'),
      'unavailable',
      /503: Service Unavailable/,
    ],
    [
      'but by a redirect',
      (_, response) => response.writeHead(302, { Location: 'https://login.test/' }).end(),
      'protocol',
      /redirect \(302\)/,
    ],
    [
      'but by a login page',
      (_, response) =>
        response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html><title>Log in</title></html>'),
      'protocol',
      /no JSON but: Log in/,
    ],
    [
      'with a link to another host',
      (_, response) => response.writeHead(200).end('{"current_version":"https://evil.test/api/v2/"}'),
      'protocol',
      /leads elsewhere/,
    ],
    ['with an answer beyond all bounds', (_, response) => endless(response), 'unreachable', /maxContentLength/],
  ])('%s is a clear error', async (_, answer, kind, message) => {
    await using server = await faultyServer(answer)
    await using controller = controllerAt(server.url, message.source.includes('150 ms') ? 150 : 15_000)
    await expect(controller.discover()).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message) as string,
    })
  })
})

/** Blanks until nobody listens any more. */
function endless(response: import('node:http').ServerResponse): void {
  const megabyte = Buffer.alloc(1024 * 1024, ' ')
  const more = () => {
    while (!response.destroyed && response.write(megabyte));
  }
  response.on('drain', more)
  response.writeHead(200, { 'Content-Type': 'application/json' })
  more()
}
