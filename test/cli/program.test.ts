import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { virtbridge } from './console.ts'

const TOKEN = { VIRTBRIDGE_TOKEN: 'a-token-of-sixteen' }

test('help lists every command, the exit codes and the environment', async () => {
  const { code, out } = await virtbridge(['--help'])
  expect(code).toBe(0)
  for (const command of [
    'serve',
    'check',
    'vms',
    'clusters',
    'inventory',
    'explain',
    'events',
    'confirm-deletions',
    'run',
    'runs',
    'demo',
  ]) {
    expect(out).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'))
  }
  expect(out).toMatch(/Exit codes: 0 well, 1 a fault.*2 wrong usage/s)
  expect(out).toContain('VIRTBRIDGE_URL and VIRTBRIDGE_TOKEN')
  expect((await virtbridge(['run', '--help'])).out).toContain('--limit <hosts>')
  expect((await virtbridge(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/)
})

test('no help is wider than 80 columns, so that no terminal breaks its lines', async () => {
  const commands = [[], ['demo'], ['confirm-deletions'], ['run'], ['runs'], ['runs', 'export'], ['loss'], ['brake']]
  for (const command of commands) {
    const { out } = await virtbridge([...command, '--help'])
    expect(out.split('\n').filter(line => line.length > 80)).toEqual([])
  }
})

test.each([
  [[]],
  [['srve']],
  [['serve', '--fast']],
  [['run', 'patch']],
  [['events', '--stream', 'commands']],
  [['explain']],
  [['demo', '--kafka']],
  [['demo', '--port', 'abc']],
  [['demo', '--speed', '0']],
  [['events', '--after', 'yesterday']],
  [['events', '--limit', 'all']],
  // A variable that is not set would widen what was meant to be narrow.
  [['inventory', '--view', '']],
  [['inventory', '--host', ' ']],
  [['inventory', '--why', '']],
  ...['--host', '--verb', '--outcome', '--since', '--until'].map(option => [['runs', 'export', option, '']]),
  ...['--limit', '--view', '--profile', '--selector', '--cluster', '--namespace'].map(option => [
    ['run', 'patch', '--cluster', 'prod-1', option, ''],
  ]),
])('wrong usage (%j) ends with 2 and says where help is', async args => {
  const { code, out, err } = await virtbridge(args, TOKEN)
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(/error: |Usage: /)
  expect(err).toMatch(/--help/)
})

test('who used a command wrongly is led to the help of that command, which has no word about what is not given', async () => {
  expect((await virtbridge(['explain'])).err).toContain('(virtbridge explain --help says how)')
  expect((await virtbridge(['runs', 'show'])).err).toContain('(virtbridge runs show --help says how)')
  expect((await virtbridge(['run', '--help'])).out).not.toMatch(/default: *(""|\[\])/)
})

describe('what the bridge says to programs is told as commands', () => {
  test.each([
    [401, 'send Authorization: Bearer <token>', /VIRTBRIDGE_TOKEN, or the file of --token-file/],
    [404, 'host names are {name}; GET /api/v1/vms lists them', /virtbridge vms lists them/],
    [503, 'GET /readyz says why; the inventory opens', /virtbridge clusters says why; the inventory opens/],
    [404, 'GET /api/v1/inventory/web; http.tokens says', /GET \/api\/v1\/inventory\/web; http/],
  ])('%i %s', async (status, hint, told) => {
    await using server = await answering(status, JSON.stringify({ code: 'some', detail: 'no', hint }))
    const { code, err } = await virtbridge(['vms', '--url', server.url], TOKEN)
    expect([code, err]).toEqual([1, expect.stringMatching(told)])
  })

  test('a fleet of which nothing is known is no table without a word', async () => {
    await using server = await answering(200, '{"vms":[],"next":""}')
    const { code, err } = await virtbridge(['vms', '--url', server.url], TOKEN)
    expect([code, err]).toEqual([0, expect.stringContaining('virtbridge clusters says')])
  })
})

describe('a fault is one sentence and a next step, and ends with 1', () => {
  test.each([
    ['no token', ['vms'], {}, /no token is given/, /VIRTBRIDGE_TOKEN/],
    ['a token that is none', ['vms'], { VIRTBRIDGE_TOKEN: 'se\ncret' }, /characters that none has/, /on one line/],
    [
      'a token file that is not there',
      ['vms', '--token-file', '/nowhere'],
      {},
      /\/nowhere can not be read/,
      /create it/,
    ],
    [
      'nobody there',
      ['vms', '--url', 'http://127.0.0.1:9'],
      TOKEN,
      /does not answer at http:\/\/127\.0\.0\.1:9/,
      /virtbridge serve/,
    ],
    ['no URL', ['vms', '--url', 'nowhere'], TOKEN, /does not answer at nowhere/, /begins with http:\/\//],
    ['a URL without a scheme', ['vms', '--url', 'vb:8080'], TOKEN, /does not answer at vb:8080/, /begins with http/],
    [
      'nobody to follow',
      ['events', '--follow', '--url', 'http://127.0.0.1:9'],
      TOKEN,
      /does not answer/,
      /virtbridge serve/,
    ],
    [
      'no configuration',
      ['serve', '-c', '/nowhere.yaml'],
      {},
      /\/nowhere\.yaml can not be read/,
      /virtbridge\.example\.yaml.*--config/,
    ],
    [
      'no configuration to check',
      ['check', '-c', '/nowhere.yaml'],
      {},
      /\/nowhere\.yaml can not be read/,
      /virtbridge\.example\.yaml/,
    ],
    ['no host', ['run', 'patch', '--limit', ' , '], TOKEN, /names no host/, /--limit web-1/],
  ] as const)('%s', async (_what, args, env, message, hint) => {
    const { code, out, err } = await virtbridge(args, { ...env })
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(message)
    expect(err).toMatch(hint)
    expect(err).not.toMatch(/ at .*\.ts|se\ncret|a-token-of-sixteen/)
  })

  test('every fault of a configuration, each on a line', async () => {
    await using folder = await temporaryFolder()
    const file = await fileIn(folder.path, 'v.yaml', 'clusters: [{name: A}]\nhtpp: {}\n')
    const { code, err } = await virtbridge(['serve', '-c', file])
    expect(code).toBe(1)
    expect(err).toContain(`${file} has 2 faults:`)
    expect(err).toMatch(/^ {2}clusters\.0\.name: is not well formed/m)
    expect(err).toMatch(/^ {2}htpp: unknown key/m)
  })

  test.each(['serve', 'check'])('two tokens that are one: %s says which, and not what they are', async command => {
    await using folder = await temporaryFolder()
    const tokens = '[{ name: aap, token: { env: AAP } }, { name: team, token: { env: TEAM } }]'
    const yaml = `clusters: [{ name: a, in_cluster: true }]\nhttp: { tokens: ${tokens} }\n`
    const file = await fileIn(folder.path, 'v.yaml', yaml)
    const both = 'a-token-of-sixteen'
    const { code, out, err } = await virtbridge([command, '-c', file], { AAP: both, TEAM: both })
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('http.tokens.1.token: "team" and "aap" are one token')
    expect(err).not.toContain(both)
  })

  test.each([
    ['HTTP 404', '{}'],
    ['there is nothing here', JSON.stringify({ code: 'not_found', detail: 'there is nothing here', hint: 'go away' })],
  ])('a place of which nothing answers that is ours: %s', async (said, body) => {
    await using server = await answering(404, body)
    const { code, err } = await virtbridge(['vms', '--url', `${server.url}/foo`], TOKEN)
    expect(code).toBe(1)
    expect(err).toContain(`${said} at ${server.url}/foo`)
    expect(err).toContain('--url or VIRTBRIDGE_URL is where `virtbridge serve` listens')
  })

  test('something else that answers there', async () => {
    await using server = await answering(200, '<html>hello</html>')
    const { code, err } = await virtbridge(['inventory', '--url', server.url], TOKEN)
    expect([code, err]).toEqual([1, expect.stringContaining('is not virtbridge')])
  })
})

/** Something that says the same to whoever asks. */
async function answering(status: number, body: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((_, response) => void response.writeHead(status).end(body))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
