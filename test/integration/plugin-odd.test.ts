import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createAuthority } from '../servers/authority.ts'
import { ansible, OLDER_CORES, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run, runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, sendJson, startInventoryServer, token } from './ansible-inventory-server.ts'
import { type Outcome, type Reading, readAll } from './inventory-driver.ts'
import { DOCUMENT, WEB } from './plugin-cases.ts'

const SCRIPT = join(import.meta.dirname, '..', '..', 'inventory-plugin', 'virtbridge-inventory')
const CLOSED = { code: 'not_synced', detail: 'never read', clusters: ['prod-1'] }

const stack = new AsyncDisposableStack()
let folder: string
let bridge: InventoryServer
let secure: InventoryServer

/** What the bridge, or who answers in its place, says to who asks for a view of this name. */
const VIEWS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  // Never silent for long, and never at its end.
  trickle(response) {
    response.writeHead(503, { 'content-type': 'application/json' }).write(' ')
    const drip = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(drip))
  },
  // One header that is never at its end.
  'trickling-header': ({ socket }) => {
    socket?.write('HTTP/1.1 200 OK\r\nX-Wait: ')
    const drip = setInterval(() => socket?.write('a'), 100)
    socket?.on('close', () => clearInterval(drip))
  },
  'trickling-body': response => {
    response.writeHead(200, { 'content-type': 'application/json' }).write(' ')
    const drip = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(drip))
  },
  'packed-refusal': response =>
    response.writeHead(503, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(CLOSED))),
  echo: response => response.writeHead(200, { 'content-type': `text/${token}` }).end('{}'),
}

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path
  bridge = stack.use(await startInventoryServer(DOCUMENT))
  bridge.answer(response => {
    const view = bridge.requests.at(-1)?.path.split('/')[4] ?? ''
    const play = VIEWS[view] ?? ((one: ServerResponse) => sendJson(one, 200, DOCUMENT))
    play(response)
  })
  const authority = createAuthority('virtbridge test')
  const { key, certificate } = authority.issue('bridge')
  secure = stack.use(await startInventoryServer(DOCUMENT, { key, cert: certificate }))
  await writeFile(join(folder, 'ca.pem'), authority.certificate)
  await writeFile(join(folder, 'cert.pem'), certificate)
  await writeFile(join(folder, 'no.pem'), 'no certificate\n')
  await writeFile(join(folder, 'binary'), Buffer.from([0x76, 0xff, 0xfe]))
  const locked = ['pkcs8', '-topk8', '-in', join(folder, 'key.pem'), '-out', join(folder, 'locked.pem')]
  await writeFile(join(folder, 'key.pem'), key)
  await run('openssl', [...locked, '-passout', 'pass:x'])
})
afterAll(() => stack.disposeAsync())

interface Odd {
  readonly title: string
  readonly options?: Readonly<Record<string, unknown>>
  /** `%` is the folder. */
  readonly env?: Readonly<Record<string, string>>
  readonly secure?: true
  /** What it says when it gives nothing; none where it gives all four hosts. */
  readonly told: readonly string[]
  /** The script knows this too, and what it says where that is something else. */
  readonly script?: true | readonly string[]
}

const NO_ADDRESS = ['no address can hold']
const NO_PEM = ['ca_cert holds no certificate in PEM']
const NO_PAIR = ['client_cert and client_key are not', 'without a passphrase']
const EMPTY_VIEW = ['view (VIRTBRIDGE_VIEW) is set and empty', 'name a view, or unset it']
const EMPTY_FILTERS = ['filters (VIRTBRIDGE_FILTERS) is set and empty', 'write {} for none, or unset it']
const VALIDATES = ['validate_certs', 'neither true nor false']

const ODD: readonly Odd[] = [
  {
    title: 'a certificate is looked at where validate_certs is empty',
    secure: true,
    env: { VIRTBRIDGE_VALIDATE_CERTS: '' },
    told: ['CERTIFICATE_VERIFY_FAILED', 'set ca_cert'],
  },
  ...['ture', ' ', 'off the record', '2'].map(text => ({
    title: `validate_certs is not off because it is ${JSON.stringify(text)}`,
    secure: true as const,
    env: { VIRTBRIDGE_VALIDATE_CERTS: text },
    told: VALIDATES,
  })),
  {
    title: 'nor in the file',
    secure: true,
    options: { validate_certs: 'ture' },
    told: VALIDATES,
  },
  ...[false, 'no'].map(value => ({
    title: `a certificate is not looked at where validate_certs is ${value}`,
    secure: true as const,
    options: { validate_certs: value },
    told: [],
  })),
  {
    title: 'it is by an authority that is given',
    secure: true,
    env: { VIRTBRIDGE_VALIDATE_CERTS: 'Yes', VIRTBRIDGE_CA_CERT: '%/ca.pem' },
    told: [],
  },
  {
    title: 'variables that are set and empty count as none',
    env: {
      VIRTBRIDGE_CA_CERT: '',
      VIRTBRIDGE_CLIENT_CERT: '',
      VIRTBRIDGE_CLIENT_KEY: '',
      VIRTBRIDGE_TOKEN_FILE: '',
      VIRTBRIDGE_VALIDATE_CERTS: '',
      VIRTBRIDGE_FORMAT: '',
      VIRTBRIDGE_TIMEOUT: '',
      VIRTBRIDGE_RETRIES: '',
      VIRTBRIDGE_MAX_RESPONSE_MB: '',
      VIRTBRIDGE_MIN_HOSTS: '',
      VIRTBRIDGE_MAX_SHRINK: '',
      VIRTBRIDGE_HOSTNAMES: '',
      VIRTBRIDGE_COMPOSE: '',
      VIRTBRIDGE_GROUPS: '',
      VIRTBRIDGE_KEYED_GROUPS: '',
      VIRTBRIDGE_STRICT: '',
      VIRTBRIDGE_LEADING_SEPARATOR: '',
      ANSIBLE_INVENTORY_USE_EXTRA_VARS: '',
    },
    told: [],
    script: true,
  },
  {
    title: 'an empty address is none',
    env: { VIRTBRIDGE_URL: '' },
    told: ['url must start with https://'],
    script: true,
  },
  {
    title: 'a view that is set and empty is not the whole fleet',
    env: { VIRTBRIDGE_VIEW: '' },
    told: EMPTY_VIEW,
    script: true,
  },
  ...[null, ''].map(view => ({
    title: `nor is one that is ${JSON.stringify(view)} in the file`,
    options: { view },
    told: EMPTY_VIEW,
  })),
  {
    title: 'where the file leaves it empty the variable counts',
    options: { view: null },
    env: { VIRTBRIDGE_VIEW: 'prod' },
    told: [],
  },
  ...['', ' ', '~'].map(text => ({
    title: `filters that are set and ${JSON.stringify(text)} are not every host`,
    env: { VIRTBRIDGE_FILTERS: text },
    told: EMPTY_FILTERS,
  })),
  { title: 'nor are those that the file leaves empty', options: { filters: null }, told: EMPTY_FILTERS },
  { title: 'no filters that are written out are none', env: { VIRTBRIDGE_FILTERS: '{}' }, told: [] },
  {
    title: 'an unknown format',
    env: { VIRTBRIDGE_FORMAT: 'kubevirt' },
    told: ['kubevirt'],
  },
  {
    title: 'an empty token and an empty token_file are none',
    env: { VIRTBRIDGE_TOKEN: '', VIRTBRIDGE_TOKEN_FILE: '' },
    told: ['there is no token'],
    script: true,
  },
  {
    title: 'a token_file that is no text',
    env: { VIRTBRIDGE_TOKEN: '', VIRTBRIDGE_TOKEN_FILE: '%/binary' },
    told: ['VIRTBRIDGE_TOKEN_FILE', 'it is no text'],
    script: true,
  },
  { title: 'a folder of authorities', env: { VIRTBRIDGE_CA_CERT: '%' }, told: ['ca_cert', 'directory'] },
  { title: 'an authority that is none', env: { VIRTBRIDGE_CA_CERT: '%/no.pem' }, told: NO_PEM, script: true },
  { title: 'a certificate that is none', env: { VIRTBRIDGE_CLIENT_CERT: '%/no.pem' }, told: NO_PAIR, script: true },
  {
    title: 'a key with a passphrase, which nobody is asked for',
    env: { VIRTBRIDGE_CLIENT_CERT: '%/cert.pem', VIRTBRIDGE_CLIENT_KEY: '%/locked.pem' },
    told: NO_PAIR,
    script: true,
  },
  { title: 'no time at all', options: { timeout: 0 }, told: ['timeout must be 1 or more, and is 0'] },
  { title: 'less than no time', env: { VIRTBRIDGE_TIMEOUT: '-1' }, told: ['timeout must be 1 or more'] },
  { title: 'fewer retries than none', env: { VIRTBRIDGE_RETRIES: '-1' }, told: ['retries must be 0 or more'] },
  { title: 'an answer of no size', options: { max_response_mb: 0 }, told: ['max_response_mb must be 1 or more'] },
  ...['http://127.0.0.1/ü', 'http://127.0.0.1/a b', 'http://a..b', `http://${'a'.repeat(64)}.example`].map(url => ({
    title: `an address such as ${url.slice(0, 40)}`,
    env: { VIRTBRIDGE_URL: url },
    told: NO_ADDRESS,
    script: true as const,
  })),
  {
    title: 'a refusal that has no end, without waiting for one',
    env: { VIRTBRIDGE_VIEW: 'trickle', VIRTBRIDGE_TIMEOUT: '1' },
    told: ['it answered 503'],
  },
  {
    title: 'a refusal that somebody on the way has packed, with the clusters in it',
    env: { VIRTBRIDGE_VIEW: 'packed-refusal', VIRTBRIDGE_RETRIES: '0' },
    told: ['503 not_synced: never read (clusters: prod-1)'],
  },
  {
    title: 'an answer that repeats the token where its type stands',
    env: { VIRTBRIDGE_VIEW: 'echo' },
    told: ['text/<secret>, not JSON'],
    script: true,
  },
]

function placed(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('%', folder)]))
}

/** What of an end is not as it has to be. */
function amiss({ told }: Odd, said: string, hosts: number): readonly string[] {
  const text = said.replaceAll(/\s+/g, ' ')
  return [
    ...told.filter(words => !text.includes(words)).map(words => `${words}: not in ${text}`),
    ...(text.includes(token) ? ['it tells the token'] : []),
    ...(hosts === (told.length === 0 ? 4 : 0) ? [] : [`${hosts} hosts: ${text}`]),
  ]
}

const VERSIONS: readonly [string, () => Promise<PythonEnvironment>][] = [
  ...OLDER_CORES.map((version): [string, () => Promise<PythonEnvironment>] => [version, () => olderAnsible(version)]),
  ['2.19', () => ansible()],
]

describe.each(VERSIONS)('the plugin on ansible-core %s, with an option that is odd', (_, environmentOf) => {
  let outcomes: readonly Outcome[]

  beforeAll(async () => {
    const readings = ODD.map(({ options, env = {}, secure: tls }): Reading => {
      const url = tls === undefined ? {} : { VIRTBRIDGE_URL: secure.url }
      return { ...(options && { options }), env: { ...url, ...placed(env) } }
    })
    outcomes = await readAll(await environmentOf(), bridge, folder, readings)
  })

  test.each(ODD.map((odd, at) => [odd.title, odd, at] as const))('%s', (_title, odd, at) => {
    const { error, hosts } = outcomes[at] ?? { error: null, hosts: {} }
    expect(amiss(odd, error ?? '', Object.keys(hosts).length)).toEqual([])
  })
})

/** What each version of Ansible makes of a host whose owner another source, read before, has written as a template. */
test.each(VERSIONS)(
  'a template of another source is one for ansible-core %s, however plain the expression',
  async (version, environmentOf) => {
    const sources = join(folder, `sources-${version}`)
    await mkdir(sources)
    const compose = { plain: 'owner', engine: '(owner)' }
    await writeFile(join(sources, '1.yml'), stringify({ all: { hosts: { [WEB]: { owner: 'team {{ 6*7 }}' } } } }))
    await writeFile(join(sources, '2.virtbridge.yml'), stringify({ plugin: 'virtbridge.fleet.vms', compose }))
    const { env } = await environmentOf()
    const given = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: token, ANSIBLE_COLLECTIONS_PATH: join(SCRIPT, '..') }
    const args = ['-i', sources, '--host', WEB]
    const { status, stdout, stderr } = await runToEnd('ansible-inventory', args, { env: { ...env, ...given } })
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ plain: 'team 42', engine: 'team 42' })
  },
)

describe('the script, with a variable that is odd', () => {
  test.each(ODD.filter(({ script }) => script !== undefined).map(odd => [odd.title, odd] as const))(
    '%s',
    async (_title, odd) => {
      const { env } = await ansible()
      const given = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: token, ...placed(odd.env ?? {}) }
      const { status, stdout, stderr } = await runToEnd(SCRIPT, ['--list'], { env: { ...env, ...given } })
      expect(stderr).not.toContain('Traceback')
      expect(status).toBe(odd.told.length === 0 ? 0 : 1)
      const { _meta: meta } = JSON.parse(stdout || '{"_meta":{"hostvars":{}}}') as typeof DOCUMENT
      expect(amiss(odd, stderr, Object.keys(meta.hostvars).length)).toEqual([])
    },
  )

  test.each([
    ['a number of hosts that is none', { VIRTBRIDGE_MIN_HOSTS: '²' }, 'VIRTBRIDGE_MIN_HOSTS is no number'],
    ['no time at all', { VIRTBRIDGE_TIMEOUT: '0' }, 'VIRTBRIDGE_TIMEOUT must be 1 or more'],
    ['less than no time', { VIRTBRIDGE_TIMEOUT: '-1' }, 'VIRTBRIDGE_TIMEOUT is no number'],
    ['a number of retries that is none', { VIRTBRIDGE_RETRIES: 'x' }, 'VIRTBRIDGE_RETRIES is no number'],
    ['an answer of no size', { VIRTBRIDGE_MAX_RESPONSE_MB: '0' }, 'VIRTBRIDGE_MAX_RESPONSE_MB must be 1 or more'],
    ...['{clusters: [prod-1]}', '', '{}'].map((text): [string, Record<string, string>, string] => [
      `filters (${JSON.stringify(text)}), which it does not know`,
      { VIRTBRIDGE_FILTERS: text },
      'VIRTBRIDGE_FILTERS is of the plugin alone',
    ]),
  ])('%s', async (_, variables, told) => {
    const { env } = await ansible()
    const given = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: token, ...variables }
    const { status, stderr } = await runToEnd(SCRIPT, ['--list'], { env: { ...env, ...given } })
    expect([status, stderr]).toEqual([1, expect.stringContaining(told)])
  })
})

describe.concurrent(
  'an answer that comes bit by bit and never ends is given up when ten times the timeout is over',
  () => {
    const cases = ['trickling-header', 'trickling-body'].flatMap(view => [
      ...VERSIONS.map(([version, environmentOf]) => [view, version, 'odd.virtbridge.yml', environmentOf] as const),
      [view, 'the script', SCRIPT, ansible] as const,
    ])

    test.each(cases)('%s: %s', async (view, who, from, environmentOf) => {
      const { env } = await environmentOf()
      const given = {
        VIRTBRIDGE_URL: bridge.url,
        VIRTBRIDGE_TOKEN: token,
        VIRTBRIDGE_VIEW: view,
        // A busy machine may well be silent for a second.
        VIRTBRIDGE_TIMEOUT: '2',
        ANSIBLE_COLLECTIONS_PATH: join(SCRIPT, '..'),
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      }
      // One for each: a file that is written while another test reads it is empty for a moment.
      const source = join(folder, `${view}-${who}.virtbridge.yml`)
      await writeFile(source, stringify({ plugin: 'virtbridge.fleet.vms' }))
      const [program, args] = from === SCRIPT ? [SCRIPT, []] : ['ansible-inventory', ['-i', source]]
      const { status, stderr } = await runToEnd(program, [...args, '--list'], { env: { ...env, ...given } })
      expect(status).not.toBe(0)
      expect(stderr.replaceAll(/\s+/g, ' ')).toContain('the answer was not there after 20 s: raise timeout')
    })
  },
)
