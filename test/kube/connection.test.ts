import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { type Connection, KubeClient, mayI, type Tls } from '../../src/kube/index.ts'
import { fromKubeconfig, fromKubeconfigText, inCluster } from '../../src/kube/kubeconfig.ts'
import { VIEW } from '../../src/simulator/kube/access.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { BRIDGE, hear, kubeconfigIn, SOON, startWorld, TOKEN } from './world.ts'

let stack: AsyncDisposableStack
let folder: string
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
})
afterEach(() => stack.disposeAsync())

const { signal } = new AbortController()
const VMS_OF = { group: 'kubevirt.io', resource: 'virtualmachines' }
const SERVER = { server: 'https://127.0.0.1:1' }

function open(file: string, options: { context?: string; allowExec?: boolean } = {}): Connection {
  return fromKubeconfig({ file, context: '', allowExec: false, ...options })
}

function client(connection: Connection): KubeClient {
  return stack.use(new KubeClient({ connection, userAgent: 'test', requestTimeoutMs: 60_000 }))
}

describe('a kubeconfig', () => {
  test.each([
    ['is not there', null],
    ['is broken YAML', 'apiVersion: [v1'],
    ['is empty', ''],
    ['is something else', 'hello'],
    ['has a cluster without a server', 'clusters: [{name: prod, cluster: {}}]'],
  ])('that %s is a fault that names the file and what to do', async (_, content) => {
    const file = content === null ? join(folder, 'kubeconfig') : await fileIn(folder, 'kubeconfig', content)
    expect(() => open(file)).toThrow(
      expect.objectContaining({
        code: 'kubeconfig',
        message: expect.stringContaining(file) as string,
        hint: expect.stringMatching(/./) as string,
      }) as Error,
    )
  })

  test('without the context that was asked for says which it has', async () => {
    const file = await kubeconfigIn(folder, SERVER, { token: 'x' })
    expect(() => open(file, { context: 'staging' })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('"staging"') as string,
        hint: 'it has: prod',
      }) as Error,
    )
  })

  test('whose context names a user that is not there says so', async () => {
    const text = readFileSync(await kubeconfigIn(folder, SERVER, { token: 'x' }), 'utf8').replace(
      'user: bridge',
      'user: nobody',
    )
    const file = await fileIn(folder, 'other', text)
    expect(() => open(file)).toThrow(/user "nobody", which is not there/)
  })

  test.each([
    ['a CA', { ...SERVER, 'certificate-authority': 'missing.pem' }, { token: 'x' }],
    ['a client certificate', SERVER, { 'client-certificate': 'missing.pem', 'client-key': 'missing.pem' }],
  ])('that names %s which can not be read is a fault, and no crash', async (_, cluster, user) => {
    const file = await kubeconfigIn(folder, cluster, user)
    expect(() => open(file)).toThrow(
      expect.objectContaining({
        code: 'kubeconfig',
        message: expect.stringContaining('missing.pem') as string,
      }) as Error,
    )
  })

  test.each(['prod.example.com:6443', 'ftp://prod', 'https://:6443'])(
    'whose server is "%s" is a fault',
    async server => {
      const file = await kubeconfigIn(folder, { server }, { token: 'x' })
      expect(() => open(file)).toThrow(
        expect.objectContaining({ code: 'kubeconfig', message: expect.stringContaining(server) as string }) as Error,
      )
    },
  )

  test.each([
    ['exec', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: ['/tmp/ran'] } }],
    ['auth-provider', { 'auth-provider': { name: 'gcp', config: { 'cmd-path': 'touch' } } }],
  ])('that runs a program (%s) is refused unless it is allowed', async (_, user) => {
    const file = await kubeconfigIn(folder, SERVER, user)
    expect(() => open(file)).toThrow(
      expect.objectContaining({
        code: 'kubeconfig_exec',
        hint: expect.stringContaining('allow_exec') as string,
      }) as Error,
    )
    expect(open(file, { allowExec: true }).url).toBe(SERVER.server)
  })

  test('whose server speaks plain http must say that this is meant: its token could be read on the way', async () => {
    const file = await kubeconfigIn(folder, { server: 'http://prod:6443' }, { token: 'x' })
    expect(() => open(file)).toThrow(
      expect.objectContaining({
        code: 'kubeconfig',
        hint: expect.stringContaining('insecure-skip-tls-verify') as string,
      }) as Error,
    )
  })

  test('is not told in an error with its token', async () => {
    const file = await fileIn(folder, 'kubeconfig', 'users: [{name: u, user: {token: very-secret-token}}\nclusters: {{')
    expect(() => open(file)).not.toThrow(/very-secret-token/)
  })
})

/** The simulated API server speaks plain http, which has to be asked for. */
function plain(url: string): object {
  return { server: url, 'insecure-skip-tls-verify': true }
}

describe('a connection', () => {
  test('over http asks as its token says', async () => {
    const at = stack.use(await startWorld())
    const kube = client(open(await kubeconfigIn(folder, plain(`${at.server.url}/`), { token: TOKEN })))
    expect(await kube.identity(signal)).toBe(at.store.identity)
  })

  test('whose token was rotated in the file uses the new one without a word', async () => {
    const at = stack.use(await startWorld())
    const server = plain(at.server.url)
    const kube = client(open(await kubeconfigIn(folder, server, { token: TOKEN })))
    await kube.identity(signal)
    at.server.access.revoke(TOKEN)
    at.server.access.grant('rotated', BRIDGE)
    await expect(kube.identity(signal)).rejects.toMatchObject({ kind: 'unauthorized' })
    await kubeconfigIn(folder, server, { token: 'rotated' })
    expect(await kube.identity(signal)).toBe(at.store.identity)
  })

  test('whose file turns bad meanwhile is unauthorized, and says why', async () => {
    const at = stack.use(await startWorld())
    const file = await kubeconfigIn(folder, plain(at.server.url), { token: TOKEN })
    const kube = client(open(file))
    at.server.access.revoke(TOKEN)
    writeFileSync(file, 'half: [')
    await expect(kube.identity(signal)).rejects.toMatchObject({
      kind: 'unauthorized',
      message: expect.stringContaining(file) as string,
    })
  })

  test('asks whether it may', async () => {
    const at = stack.use(await startWorld())
    at.server.access.grant('viewer', { user: 'viewer', rules: VIEW })
    const kube = client(open(await kubeconfigIn(folder, plain(at.server.url), { token: 'viewer' })))
    expect(await mayI(kube, 'watch', VMS_OF, signal)).toBe(true)
    expect(await mayI(kube, 'delete', VMS_OF, signal)).toBe(false)
  })

  test('to nobody is unreachable', async () => {
    const at = await startWorld()
    const kube = client(open(await kubeconfigIn(folder, plain(at.server.url), { token: TOKEN })))
    await at[Symbol.asyncDispose]()
    await expect(kube.identity(signal)).rejects.toMatchObject({ kind: 'unreachable' })
  })
})

describe('over https', () => {
  test('a certificate of the right CA is trusted, any other is untrusted, unless nobody is to look', async () => {
    const cert = pem('certificate')
    const url = await listening(() => undefined)
    const ask = async (cluster: object): Promise<string> =>
      client(open(await kubeconfigIn(folder, { server: url, ...cluster }, { token: 'x' }))).identity(signal)
    expect(await ask(trusting(cert))).toBe('u')
    expect(await ask({ 'insecure-skip-tls-verify': true })).toBe('u')
    await expect(ask({})).rejects.toMatchObject({ kind: 'untrusted' })
    await expect(ask(trusting(pem('other')))).rejects.toMatchObject({ kind: 'untrusted' })
    await expect(ask({ ...trusting(cert), 'tls-server-name': 'other.example.com' })).rejects.toMatchObject({
      kind: 'untrusted',
    })
  })

  test('another CA or address in its file counts at once, and a pod reads its token and CA again where they are mounted', async () => {
    const seen: (string | undefined)[] = []
    const url = await listening(({ authorization }) => seen.push(authorization))
    const at = (name: string): string => join(folder, 'var/run/secrets/kubernetes.io/serviceaccount', name)
    mkdirSync(at(''), { recursive: true })
    const mount = (ca: string, token: string): void => {
      writeFileSync(at('ca.crt'), ca)
      writeFileSync(at('token'), token)
    }
    mount(pem('other'), 'first')
    const kube = client(inPod(url))
    await expect(kube.identity(signal)).rejects.toMatchObject({ kind: 'untrusted' })
    mount(pem('certificate'), 'second')
    expect(await kube.identity(signal)).toBe('u')
    expect(seen).toEqual(['Bearer second'])

    const moved = client(open(await kubeconfigIn(folder, { ...SERVER, ...trusting(pem('other')) }, { token: 'x' })))
    await expect(moved.identity(signal)).rejects.toMatchObject({ kind: 'unreachable' })
    await kubeconfigIn(folder, { server: url, ...trusting(pem('certificate')) }, { token: 'y' })
    expect(await moved.identity(signal)).toBe('u')
    expect(seen.at(-1)).toBe('Bearer y')
  })

  test('a watch that is open goes on when the CA becomes another', async () => {
    const at = stack.use(await startWorld())
    let tls: Tls = {}
    const connection: Connection = {
      url: at.server.url,
      get tls() {
        return tls
      },
      authorize: () => Promise.resolve({ authorization: `Bearer ${TOKEN}` }),
    }
    const kube = client(connection)
    const heard = stack.use(hear(kube))
    await expect.poll(() => heard.words, SOON).toEqual(['listed', 'watching'])
    tls = { ca: pem('other') }
    await kube.identity(signal)
    at.addVm('web')
    await expect.poll(() => heard.words, SOON).toEqual(['listed', 'watching', 'changed web'])
  })
})

/** An API server over https that knows one namespace. */
async function listening(heard: (headers: IncomingHttpHeaders) => void): Promise<string> {
  const server = createServer({ key: pem('key'), cert: pem('certificate') }, (request, response) => {
    heard(request.headers)
    response.end('{"metadata":{"uid":"u"}}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => void server.close())
  stack.defer(() => server.closeAllConnections())
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function trusting(pem: string): object {
  return { 'certificate-authority-data': Buffer.from(pem).toString('base64') }
}

/** The connection that a pod whose files lie in `folder` has. */
function inPod(url: string): Connection {
  const { hostname, port } = new URL(url)
  vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname)
  vi.stubEnv('KUBERNETES_SERVICE_PORT', port)
  onTestFinished(() => void vi.unstubAllEnvs())
  return inCluster(folder)
}

describe('a kubeconfig that a Secret holds', () => {
  const where = 'the Secret dev-1/kubeconfig'
  const config = (cluster: object, user: object): string =>
    stringify({
      'current-context': 'c',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    })

  test('is read when it is needed, and again when it is refused', async () => {
    const at = stack.use(await startWorld())
    let text = config(plain(at.server.url), { token: 'old' })
    let reads = 0
    const kube = client(
      fromKubeconfigText(where, () => {
        reads += 1
        return Promise.resolve(text)
      }),
    )
    expect(reads).toBe(0)
    await expect(kube.identity(signal)).rejects.toMatchObject({ kind: 'unauthorized' })
    text = config(plain(at.server.url), { token: TOKEN })
    expect(await kube.identity(signal)).toBe(at.store.identity)
    expect([await kube.identity(signal), reads]).toEqual([at.store.identity, 3])
  })

  test.each([
    ['runs a program', config(SERVER, { exec: { command: 'touch' } }), /runs a program/],
    ['names a token file', config(SERVER, { tokenFile: '/etc/passwd' }), /names files of this machine \(tokenFile\)/],
    ['names a CA file', config({ ...SERVER, 'certificate-authority': '/x' }, {}), /\(certificate-authority\)/],
    ['names a key file', config(SERVER, { 'client-certificate': '/x', 'client-key': '/y' }), /client-key/],
    ['is no YAML', 'a: [secret-token', /can not be read/],
    ['has an alias that is none', 'token: *secret-token', /can not be read/],
    ['is a bomb', 'a: &a [b]\nc: *a', /can not be read/],
  ])('and %s is refused, and is not told', async (_, text, message) => {
    const kube = client(fromKubeconfigText(where, () => Promise.resolve(text)))
    const error = await kube.identity(signal).catch((error: unknown) => error)
    expect(error).toMatchObject({ kind: 'unauthorized', message: expect.stringMatching(message) as string })
    expect(String(error)).not.toContain('secret-token')
  })
})

/** Certificates made for these tests alone: one for 127.0.0.1 with its key, and one of somebody else. */
function pem(name: 'key' | 'certificate' | 'other'): string {
  return readFileSync(new URL(`../fixtures/kubernetes/tls/${name}.pem`, import.meta.url), 'utf8')
}
