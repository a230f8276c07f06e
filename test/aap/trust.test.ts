import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openController } from '../../src/aap/index.ts'
import { template, MARKER, TOKEN } from './recorded.ts'

const pem = (name: string) => readFileSync(new URL(`../fixtures/controller-tls/${name}.pem`, import.meta.url), 'utf8')
const server = https.createServer({ key: pem('key'), cert: pem('certificate') }, (_, response) => {
  response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"gone"}')
})
const received: string[] = []
server.on('request', request => received.push(request.url ?? ''))

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

const options = () => ({
  url: `https://localhost:${(server.address() as AddressInfo).port}`,
  token: () => TOKEN,
  requestTimeoutMs: 5000,
})

test('a controller whose authority is given is trusted', async () => {
  await using controller = openController({ ...options(), ca: pem('certificate') })
  expect(await controller.job({ url: '/api/v2/jobs/1/' })).toBe('vanished')
})

test('a controller whose authority nobody knows is not, says so, and is told nothing', async () => {
  received.length = 0
  await using controller = openController(options())
  await expect(controller.job({ url: '/api/v2/jobs/1/' })).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringMatching(/certificate/i) as string,
    hint: expect.stringContaining('certificate') as string,
  })
  const request = { hosts: ['vm1'], marker: MARKER, extraVars: {}, inventory: 3 }
  expect(await controller.launch(template(), request)).toMatchObject({
    kind: 'not_sent',
    reason: expect.stringMatching(/certificate/i) as string,
  })
  expect(received).toEqual([])
})

test('a launch that is too late when its handshake has ended is not sent, not a byte of it', async () => {
  received.length = 0
  await using controller = openController({ ...options(), ca: pem('certificate') })
  const request = { hosts: ['vm1'], marker: MARKER, extraVars: {}, inventory: 3 }
  for (let n = 0; n < 20; n += 1) {
    const asked: number[] = []
    const late = controller.launch(template(), request, () => asked.push(received.length) === 0)
    expect(await late).toMatchObject({ kind: 'not_sent', reason: expect.stringContaining('too late') as string })
    expect(asked).toEqual([0])
  }
  expect(received).toEqual([])
  expect(await controller.launch(template(), request, () => true)).toMatchObject({ kind: 'refused', status: 404 })
  expect(received).toHaveLength(1)
})

test.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])(
  'an authority that is none (%j) is refused at once',
  ca => {
    expect(() => openController({ ...options(), ca })).toThrow(/no PEM certificate/)
  },
)
