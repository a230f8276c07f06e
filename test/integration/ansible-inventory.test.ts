import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAuthority } from '../servers/authority.ts'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run, runToEnd, type RunResult } from '../servers/run.ts'
import { hostvars, sendJson, startInventoryServer, token, type InventoryServer } from './ansible-inventory-server.ts'

const root = join(import.meta.dirname, '..', '..')
const source = join(root, 'inventory-plugin', 'examples', 'fleet.virtbridge.yml')
const script = join(root, 'inventory-plugin', 'virtbridge-inventory')

const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const desktop = 'desk-1.office.dev-1'
const off = 'off-1.shop.prod-1'
const hostile = '{{ 6*7 }}'

const fleet: Hosts = {
  [web]: hostvars('web-1'),
  [db]: hostvars('db-1', {
    ansible_host: '10.1.2.4',
    kubevirt_os_id: 'debian',
    kubevirt_os_version: '12',
    kubevirt_os: { family: 'linux', id: 'debian', name: { __ansible_unsafe: hostile }, version: '12' },
    kubevirt_labels: { note: 'a {% raw %} b', size: 'größe "1"' },
  }),
  [desktop]: hostvars('desk-1', { ansible_host: '10.2.0.9', ansible_connection: 'psrp', ansible_port: 5986 }),
  [off]: withoutAddress(hostvars('off-1', { kubevirt_status: 'Stopped', kubevirt_enabled: false })),
}

const inventory = {
  _meta: { hostvars: fleet },
  all: { children: ['cluster_dev_1', 'cluster_prod_1', 'os_linux', 'status_running'] },
  cluster_dev_1: { hosts: [desktop] },
  cluster_prod_1: { hosts: [db, off, web] },
  os_linux: { hosts: [db, web] },
  status_running: { hosts: [db, desktop, web] },
}

let environment: PythonEnvironment
let folder: string
let bridge: InventoryServer

beforeAll(async () => {
  environment = await ansible({})
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-ansible-'))
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  bridge = await startInventoryServer(inventory)
  return () => bridge[Symbol.asyncDispose]()
})

describe('ansible-core with the plugin virtbridge.fleet.vms', () => {
  test('shows the groups and hosts of the fleet', async () => {
    const { status, stdout } = await ansibleInventory(source, '--graph')
    expect(status).toBe(0)
    for (const [group, hosts] of Object.entries(inventory).slice(2)) {
      expect(stdout).toContain(`@${group}:`)
      for (const host of (hosts as { hosts: string[] }).hosts) expect(stdout).toContain(`|--${host}`)
    }
    expect(bridge.requests.map(request => request.path)).toEqual(['/api/v1/inventory'])
  })

  test('lists inert text as plain strings and text with delimiters as marked', async () => {
    const hosts = await listHosts(source)
    expect(hosts[web]).toEqual(fleet[web])
    expect(hosts[db]).toEqual({
      ...fleet[db],
      kubevirt_labels: { note: { __ansible_unsafe: 'a {% raw %} b' }, size: 'größe "1"' },
    })
    expect(hosts[off]).not.toHaveProperty('ansible_host')
  })

  test('gives a playbook plain addresses, and text of a guest that stays as it is', async () => {
    const play = await file(
      'debug.yml',
      `---
- name: Tell what the inventory says
  hosts: os_linux
  connection: local
  gather_facts: false
  tasks:
    - name: Tell the address and the system
      ansible.builtin.debug:
        msg: "<{{ inventory_hostname }}|{{ ansible_host }}|{{ kubevirt_os.name }}|{{ kubevirt_labels.note | default('none') }}>"
    - name: Use the system in an expression
      ansible.builtin.assert:
        that:
          - ansible_host is string
          - kubevirt_os.name != '42'
          - kubevirt_enabled
`,
    )
    const { status, stdout } = await start('ansible-playbook', ['-i', source, play])
    expect(stdout).toContain(`<${web}|10.1.2.3|Red Hat Enterprise Linux|none>`)
    expect(stdout).toContain(`<${db}|10.1.2.4|{{ 6*7 }}|a {% raw %} b>`)
    expect(status).toBe(0)
  })

  test('makes groups and variables of its own when it is told to', async () => {
    const constructed = await file(
      'constructed.virtbridge.yml',
      `---
plugin: virtbridge.fleet.vms
strict: true
keyed_groups:
  - key: kubevirt_instancetype
    prefix: size
groups:
  debians: kubevirt_os.id == 'debian'
compose:
  ansible_user: "'cloud-user' if kubevirt_os.id == 'rhel' else 'debian'"
`,
    )
    const { stdout } = await ansibleInventory(constructed, '--list')
    const listed = JSON.parse(stdout) as Record<string, { hosts: string[] }>
    expect(listed['size_u1_medium']?.hosts).toHaveLength(4)
    expect(listed['debians']?.hosts).toEqual([db])
    expect(hostsOf(stdout)[web]?.['ansible_user']).toBe('cloud-user')
    expect(hostsOf(stdout)[db]?.['kubevirt_os']).toMatchObject({ name: { __ansible_unsafe: hostile } })
  })

  test('reads the cache of the bridge it belongs to, and trusts nothing more for it', async () => {
    const cached = await file(
      'cached.virtbridge.yml',
      `---
plugin: virtbridge.fleet.vms
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ${folder}/cache
`,
    )
    const first = await listHosts(cached)
    bridge.answer(response => response.destroy())
    expect(await listHosts(cached)).toEqual(first)
    expect(bridge.requests).toEqual([])

    const stranger = await ansibleInventory(cached, '--list', { VIRTBRIDGE_TOKEN: 'another', VIRTBRIDGE_RETRIES: '0' })
    expect(flat(stranger)).toContain('hung up')
    expect(bridge.requests).toHaveLength(1)

    await using other = await startInventoryServer({ _meta: { hostvars: {} }, all: {} })
    expect(await listHosts(cached, { VIRTBRIDGE_URL: other.url, VIRTBRIDGE_MIN_HOSTS: '0' })).toEqual({})
  })

  test('asks for all of it when what the bridge says still holds is not there any more', async () => {
    const [cached, kept] = [
      await file(
        'spoilt.virtbridge.yml',
        `---\nplugin: virtbridge.fleet.vms\ncache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: ${folder}/spoilt\n`,
      ),
      join(folder, 'spoilt'),
    ]
    const asked = () => bridge.requests.map(({ headers }) => headers['if-none-match'])
    bridge.answer((response, call) => {
      if (asked()[call] === '"one"') response.writeHead(304).end()
      else sendJson(response, 200, inventory, { etag: '"one"' })
    })
    const expired = { ANSIBLE_INVENTORY_CACHE_TIMEOUT: '-1' }
    const first = await listHosts(cached, expired)
    const [name = ''] = await readdir(kept)
    const document = gzipSync(whole.slice(0, 900)).toString('base64')
    const spoilt = JSON.stringify({ etag: '"one"', document })
    await writeFile(join(kept, name), JSON.stringify({ __payload__: spoilt }))
    expect(await listHosts(cached, expired)).toEqual(first)
    expect(asked()).toEqual([undefined, '"one"', undefined])
    expect(await listHosts(cached)).toEqual(first)
    expect(asked()).toHaveLength(3)
    expect(name + (await readFile(join(kept, name), 'utf8'))).not.toContain(token)
  })

  test('is found beside its source without any path, and installed from requirements.yml without a network', async () => {
    const listed = await start(
      'ansible-inventory',
      ['-i', source, '--list', '--export', '--playbook-dir', join(source, '..')],
      { ANSIBLE_COLLECTIONS_PATH: join(folder, 'empty') },
    )
    expect(listed).toMatchObject({ status: 0 })
    const install = ['collection', 'install', '-r', 'collections/requirements.yml', '-p', join(folder, 'installed')]
    const installed = await start('ansible-galaxy', install, { ANSIBLE_COLLECTIONS_PATH: join(folder, 'empty') })
    expect(installed.stdout).toContain('virtbridge.fleet:0.1.0 was installed successfully')
    const copy = await file('copy.virtbridge.yml', 'plugin: virtbridge.fleet.vms\n')
    const hosts = await listHosts(copy, { ANSIBLE_COLLECTIONS_PATH: join(folder, 'installed') })
    expect(Object.keys(hosts)).toHaveLength(4)
  })

  test('believes only the authority it is given, and takes the token from a file', async () => {
    const tls = await makeCertificate()
    await using secure = await startInventoryServer(inventory, tls)
    const given = {
      VIRTBRIDGE_URL: secure.url,
      VIRTBRIDGE_TOKEN: '',
      VIRTBRIDGE_TOKEN_FILE: await file('token', `${token}\n`),
      VIRTBRIDGE_RETRIES: '0',
    }
    const known = { ...given, VIRTBRIDGE_CA_CERT: await file('ca.pem', tls.cert) }
    expect(Object.keys(await listHosts(source, known))).toHaveLength(4)
    expect(Object.keys(await listHosts(script, known))).toHaveLength(4)
    expect(secure.requests).toHaveLength(2)

    const unknown = await ansibleInventory(source, '--list', { ...given, VIRTBRIDGE_CA_CERT: await file('no.pem', '') })
    expect(unknown.status).not.toBe(0)
    expect(flat(unknown)).toContain('CERTIFICATE_VERIFY_FAILED')
    expect(secure.requests).toHaveLength(2)
  })
})

test('a client certificate is shown to who asks for one', async () => {
  const authority = createAuthority('virtbridge test')
  const [server, client] = [authority.issue('bridge'), authority.issue('controller')]
  const ca = authority.certificate
  await using strict = await startInventoryServer(inventory, {
    key: server.key,
    cert: server.certificate,
    ca,
    requestCert: true,
  })
  const given = {
    VIRTBRIDGE_URL: strict.url,
    VIRTBRIDGE_CA_CERT: await file('strict-ca.pem', ca),
    VIRTBRIDGE_CLIENT_KEY: await file('client-key.pem', client.key),
    VIRTBRIDGE_RETRIES: '0',
  }
  const certificate = await file('client.pem', client.certificate)
  for (const from of [source, script])
    expect(Object.keys(await listHosts(from, { ...given, VIRTBRIDGE_CLIENT_CERT: certificate }))).toHaveLength(4)
  const without = await ansibleInventory(source, '--list', { ...given, VIRTBRIDGE_CLIENT_CERT: '' })
  expect(without.status).not.toBe(0)
  expect(strict.requests).toHaveLength(2)
})

test('every option can come from the environment', async () => {
  const { stdout } = await start('ansible-doc', ['-t', 'inventory', '--json', 'virtbridge.fleet.vms'])
  const documented = JSON.parse(stdout) as Record<string, { doc: { options: Record<string, { env?: unknown[] }> } }>
  const options = Object.entries(documented['virtbridge.fleet.vms']?.doc.options ?? {})
  expect(options.length).toBeGreaterThan(20)
  expect(options.filter(([, { env = [] }]) => env.length === 0).map(([name]) => name)).toEqual(['plugin'])
})

describe('the script virtbridge-inventory', () => {
  test('gives the same hosts, variables and groups as the plugin', async () => {
    const plugin = await ansibleInventory(source, '--list')
    const other = await ansibleInventory(script, '--list')
    expect(sorted(JSON.parse(other.stdout))).toEqual(sorted(JSON.parse(plugin.stdout)))
  })

  test('prints the variables of one host, marked where Ansible would take them for a template', async () => {
    const { stdout } = await start(script, ['--host', db])
    expect(JSON.parse(stdout)).toMatchObject({
      ansible_host: '10.1.2.4',
      kubevirt_os: { name: { __ansible_unsafe: hostile } },
      kubevirt_labels: { note: { __ansible_unsafe: 'a {% raw %} b' } },
    })
    expect((await start(script, ['--host', 'nobody'])).stdout.trim()).toBe('{}')
  })

  test('ends without a word, and not well, where nobody reads on, as a pipe to head does', async () => {
    const { stdout, stderr } = await start('bash', ['-c', `"$0" --list | true; echo "\${PIPESTATUS[0]}"`, script])
    expect([stdout.trim(), stderr]).toEqual(['1', ''])
  })
})

const whole = JSON.stringify(inventory)
const notSynced = { error: { code: 'not_synced', message: 'clusters were never read', clusters: ['prod-1'] } }

describe.each([
  ['the plugin', source],
  ['the script', script],
])('%s gives no inventory at all', (_, from) => {
  const later = { 'retry-after': '0' }
  test.each<[string, string, Parameters<InventoryServer['answer']>[0]]>([
    ['503, however often it asks', 'not_synced', response => sendJson(response, 503, notSynced, later)],
    ['401', 'VIRTBRIDGE_TOKEN', response => sendJson(response, 401, { error: { code: 'unauthorized', message: '' } })],
    ['404', 'check url and view', response => sendJson(response, 404, {})],
    ['403', 'scope', response => sendJson(response, 403, { error: { code: 'forbidden', message: `not ${token}` } })],
    [
      'no host at all',
      'VIRTBRIDGE_MIN_HOSTS',
      response => sendJson(response, 200, { _meta: { hostvars: {} }, all: {} }),
    ],
    ['204', 'it answered 204', response => response.writeHead(204).end()],
    ['an empty 200', 'the answer is empty', response => response.writeHead(200).end()],
    ['an empty object', 'no _meta.hostvars', response => sendJson(response, 200, {})],
    ['an error with 200', 'no _meta.hostvars', response => sendJson(response, 200, notSynced)],
    ['a page for people', 'not complete JSON', response => response.writeHead(200).end('<html>Log in</html>')],
    ['half a document', 'not complete JSON', response => response.writeHead(200).end(whole.slice(0, 900))],
    [
      'a document of the wrong length',
      'not complete JSON',
      response => response.writeHead(200, { 'content-length': whole.length + 99 }).end(whole.slice(0, 900)),
    ],
    [
      'a host name that Ansible would split',
      'host name',
      response => sendJson(response, 200, { ...inventory, _meta: { hostvars: { 'a:22': {} } } }),
    ],
    [
      'an address that is an option of ssh',
      'is no value for ansible_host',
      response =>
        sendJson(response, 200, {
          ...inventory,
          _meta: { hostvars: { [web]: { ansible_host: '-oProxyCommand=id' } } },
        }),
    ],
  ])('for %s', async (_, message, how) => {
    bridge.answer(how)
    const ended = await ansibleInventory(from, '--list')
    expect(ended.status).not.toBe(0)
    expect(flat(ended)).toContain(message)
    expect(flat(ended)).not.toContain(token)
    expect(ended.stdout).not.toContain(web)
    expect(bridge.requests.length).toBeLessThanOrEqual(4)
  })

  test('for a redirect, and takes its token nowhere else', async () => {
    await using elsewhere = await startInventoryServer(inventory)
    bridge.answer(response => response.writeHead(302, { location: `${elsewhere.url}/api/v1/inventory` }).end())
    const ended = await ansibleInventory(from, '--list')
    expect(ended.status).not.toBe(0)
    expect(flat(ended)).toContain('redirects are not followed')
    expect(elsewhere.requests).toEqual([])
  })

  test('without a token, and does not ask', async () => {
    const ended = await ansibleInventory(from, '--list', { VIRTBRIDGE_TOKEN: '' })
    expect(ended.status).not.toBe(0)
    expect(flat(ended)).toContain('VIRTBRIDGE_TOKEN_FILE')
    expect(bridge.requests).toEqual([])
  })
})

test('a bridge that is not ready yet is asked again, as often as it was told to', async () => {
  bridge.answer((response, call) => {
    if (call < 2) sendJson(response, 503, notSynced, { 'retry-after': '0' })
    else sendJson(response, 200, inventory)
  })
  expect(Object.keys(await listHosts(source, { VIRTBRIDGE_RETRIES: '2' }))).toHaveLength(4)
  expect(bridge.requests).toHaveLength(3)

  bridge.answer(response => sendJson(response, 503, notSynced, { 'retry-after': '0' }))
  const ended = await ansibleInventory(source, '--list', { VIRTBRIDGE_RETRIES: '2' })
  expect(ended.status).not.toBe(0)
  expect(flat(ended)).toContain('clusters were never read (clusters: prod-1)')
  expect(flat(ended)).toContain('(asked 3 times)')
  expect(bridge.requests).toHaveLength(3)
})

test('an answer larger than allowed is not read to its end', async () => {
  bridge.answer(response => sendJson(response, 200, { ...inventory, padding: { x: 'x'.repeat(3_000_000) } }))
  const ended = await ansibleInventory(source, '--list', { VIRTBRIDGE_MAX_RESPONSE_MB: '2' })
  expect(ended.status).not.toBe(0)
  expect(flat(ended)).toContain('larger than 2 MB')
})

test('the unit tests of the collection pass', async () => {
  const tests = 'ansible_collections/virtbridge/fleet/tests/unit'
  const ended = await runToEnd('python', ['-m', 'unittest', 'discover', '-t', '.', '-s', tests], {
    cwd: join(root, 'inventory-plugin'),
    env: env(),
  })
  expect(ended.stderr).toMatch(/Ran \d+ tests[^]*OK/)
  expect(ended.status).toBe(0)
})

type Hosts = Record<string, Record<string, unknown>>

async function listHosts(from: string, more: Record<string, string> = {}): Promise<Hosts> {
  const ended = await ansibleInventory(from, '--list', more)
  expect(ended).toMatchObject({ status: 0 })
  return hostsOf(ended.stdout)
}

function hostsOf(listed: string): Hosts {
  const { _meta: meta } = JSON.parse(listed) as { _meta: { hostvars?: Hosts } }
  return meta.hostvars ?? {}
}

function ansibleInventory(from: string, what: string, more: Record<string, string> = {}): Promise<RunResult> {
  return start('ansible-inventory', ['-i', from, what], more)
}

function start(program: string, args: readonly string[], more: Record<string, string> = {}): Promise<RunResult> {
  return runToEnd(program, args, { cwd: root, env: env(more) })
}

function env(more: Record<string, string> = {}): Record<string, string> {
  return {
    ...environment.env,
    ANSIBLE_COLLECTIONS_PATH: join(root, 'inventory-plugin'),
    ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
    ANSIBLE_RETRY_FILES_ENABLED: '0',
    PYTHONDONTWRITEBYTECODE: '1',
    VIRTBRIDGE_URL: bridge.url,
    VIRTBRIDGE_TOKEN: token,
    ...more,
  }
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** Ansible folds its messages to the width of a terminal. */
function flat(ended: RunResult): string {
  return `${ended.stdout} ${ended.stderr}`.replaceAll(/\s+/g, ' ')
}

/** Ansible orders groups and hosts as it met them, which differs between its two ways of reading. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sorted(item)]))
}

function withoutAddress(given: Record<string, unknown>): Record<string, unknown> {
  const { ansible_host: _, ...rest } = given
  return rest
}

/** A key and a certificate of its own for 127.0.0.1, made by the library that ansible-core brings along. */
async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const program = `
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "virtbridge test")])
start = datetime.datetime(2020, 1, 1)
made = x509.CertificateBuilder(name, name, key.public_key(), 1, start, datetime.datetime(2099, 1, 1))
made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
made = made.add_extension(x509.BasicConstraints(True, None), True)
pem = serialization.Encoding.PEM
with open(sys.argv[1], "wb") as out:
    out.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
with open(sys.argv[2], "wb") as out:
    out.write(made.sign(key, hashes.SHA256()).public_bytes(pem))
`
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await run('python', ['-c', program, key, cert], { env: env() })
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
}
