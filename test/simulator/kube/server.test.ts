import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../../../src/errors.ts'
import { Access, EVERYTHING, HUB_VIEW, VIEW } from '../../../src/simulator/kube/access.ts'
import { openDurable } from '../../../src/simulator/kube/durable.ts'
import { laterPages, onPlural } from '../../../src/simulator/kube/faults.ts'
import { clusterProxy, join as joinHub, userBehindProxy } from '../../../src/simulator/kube/hub.ts'
import { CLUSTER_RESOURCES, HUB_RESOURCES, VMS } from '../../../src/simulator/kube/resource.ts'
import type { KubeServer, KubeServerOptions } from '../../../src/simulator/kube/server.ts'
import { startKubeServer } from '../../../src/simulator/kube/server.ts'
import type { StoreOptions } from '../../../src/simulator/kube/store.ts'
import { Store } from '../../../src/simulator/kube/store.ts'
import { plainVm } from './protocol.ts'
import { Talk } from './talk.ts'

const ROOT = '/apis/kubevirt.io/v1'
const VMS_PATH = `${ROOT}/namespaces/shop/virtualmachines`
const soon = { timeout: 60_000, interval: 5 }

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

async function start(
  store: Partial<StoreOptions> = {},
  options: Partial<KubeServerOptions> = {},
): Promise<{ server: KubeServer; talk: Talk }> {
  const access = new Access()
  access.grant('token', { user: 'admin', rules: EVERYTHING })
  const made = new Store({ resources: CLUSTER_RESOURCES, seed: 'test', now: Date.now, ...store })
  made.ensureNamespace('shop')
  const server = stack.use(await startKubeServer({ store: made, access, ...options }))
  return { server, talk: stack.use(new Talk({ url: server.url, token: 'token' })) }
}

function add(server: KubeServer, name: string, labels: Record<string, string> = {}) {
  const vm = plainVm(name, labels)
  return server.store.create(VMS, { ...vm, metadata: { ...vm.metadata, namespace: 'shop' } })
}

describe('bounds', () => {
  test('history is bounded: a watch from before it is refused, one from its edge is not', async () => {
    const { server, talk } = await start({ historyLimit: 10 })
    const first = Number(add(server, 'vm-0').metadata.resourceVersion)
    for (let index = 1; index <= 10; index++) add(server, `vm-${index}`)
    using edge = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${first}`)
    await expect.poll(() => edge.seen, soon).toHaveLength(10)
    using before = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${first - 1}`)
    await expect.poll(() => before.seen, soon).toEqual(['ERROR'])
    expect((await talk.get(`${ROOT}/virtualmachines?limit=1&resourceVersion=${first - 1}`)).code).toBe(410)
  })

  test('a reader that does not read is cut off, and the others are not', async () => {
    const { server, talk } = await start({}, { watch: { maxPendingBytes: 64 * 1024, maxLagMs: 2_000 } })
    using reading = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${server.store.revision}`)
    const sleeping = httpRequest(
      `${server.url}${ROOT}/virtualmachines?watch=1&resourceVersion=${server.store.revision}`,
      {
        headers: { authorization: 'Bearer token' },
      },
    )
    sleeping.on('error', () => {})
    sleeping.end()
    await once(sleeping, 'response')
    expect(server.watches.size).toBe(2)
    let written = 0
    await expect
      .poll(() => {
        // More than sockets hold: the one that sleeps is cut off when it has lain still for so long, however slow the other is.
        for (let index = 0; index < 50 && written < 4_000; index++)
          add(server, `vm-${written++}`, { filler: 'x'.repeat(5_000) })
        return server.watches.size
      }, soon)
      .toBe(1)
    await expect.poll(() => reading.lines.length, soon).toBe(written)
    sleeping.destroy()
  })

  test('a watch from a version that is not reached yet is silent until it is, as behind a replaced server', async () => {
    const { server, talk } = await start()
    using watch = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${server.store.revision + 2}`)
    for (const name of ['a', 'b', 'c']) add(server, name)
    await expect.poll(() => watch.seen, soon).toEqual(['ADDED c'])
  })

  test('bookmarks come at the pace asked for', async () => {
    const { server, talk } = await start({}, { watch: { bookmarkEveryMs: 20 } })
    using watch = await talk.watch(
      `${ROOT}/virtualmachines?allowWatchBookmarks=true&resourceVersion=${server.store.revision}`,
    )
    await expect.poll(() => watch.lines.length, soon).toBeGreaterThan(2)
    expect(new Set(watch.lines.map(line => line.type))).toEqual(new Set(['BOOKMARK']))
    // A write to another resource moves the bookmark: the version is the server's.
    server.store.ensureNamespace('other')
    const current = String(server.store.revision)
    await expect.poll(() => watch.lines.at(-1)?.object.metadata.resourceVersion, soon).toBe(current)
    using plain = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${current}&timeoutSeconds=1`)
    expect([await plain.ended, plain.lines]).toEqual(['end', []])
  })
})

describe('a store with a file', () => {
  let file: string
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-store-'))
    stack.defer(() => rm(folder, { recursive: true }))
    file = join(folder, 'store.sqlite')
  })

  test('keeps objects, uids and identity, never goes back in versions, and refuses watches from before', async () => {
    const durable = openDurable(file)
    const one = await start({ durable })
    const vm = add(one.server, 'a')
    add(one.server, 'b')
    one.server.store.remove(VMS, { namespace: 'shop', name: 'b' })
    one.server.store.compact()
    const before = one.server.store.revision
    const { identity } = one.server.store
    await one.server.down()
    durable[Symbol.dispose]()

    const two = await start({ durable: stack.use(openDurable(file)) })
    expect(two.server.store.list(VMS)).toEqual([vm])
    expect(two.server.store.identity).toBe(identity)
    const { body } = await two.talk.get(`${ROOT}/virtualmachines`)
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(before)
    using watch = await two.talk.watch(`${ROOT}/virtualmachines?resourceVersion=${before}`)
    await expect.poll(() => watch.lines, soon).toMatchObject([{ type: 'ERROR', object: { code: 410 } }])
    expect(add(two.server, 'b').metadata.uid).not.toBe(vm.metadata.uid)
  })

  test('has every write that was answered, when the process is killed in the midst of writing', async () => {
    const program = `
      import { openDurable } from '${join(import.meta.dirname, '../../../src/simulator/kube/durable.ts')}'
      import { Store } from '${join(import.meta.dirname, '../../../src/simulator/kube/store.ts')}'
      import { CLUSTER_RESOURCES, VMS } from '${join(import.meta.dirname, '../../../src/simulator/kube/resource.ts')}'
      import { writeSync } from 'node:fs'
      const store = new Store({ resources: CLUSTER_RESOURCES, seed: 's', now: Date.now, durable: openDurable(process.argv[1]) })
      store.ensureNamespace('shop')
      for (let index = 0; ; index++) {
        const vm = store.create(VMS, { metadata: { name: 'vm-' + index, namespace: 'shop' }, spec: { template: { spec: { domain: { devices: {} } } } } })
        writeSync(1, vm.metadata.name + ' ' + vm.metadata.uid + '\\n')
      }`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program, file])
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.length > 20_000) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const answered = output.split('\n').slice(0, -1)
    expect(answered.length).toBeGreaterThan(100)
    const { server } = await start({ durable: stack.use(openDurable(file)) })
    const kept = new Set(server.store.list(VMS).map(({ metadata }) => `${metadata.name} ${metadata.uid}`))
    expect(answered.filter(line => !kept.has(line))).toEqual([])
    // At most the one write that was in the making when the process died.
    expect(kept.size - answered.length).toBeLessThanOrEqual(1)
  })

  test('belongs to one process at a time, and the second is told so', () => {
    const first = openDurable(file)
    let hint = ''
    try {
      openDurable(file)
    } catch (error) {
      hint = (error as Fault).hint
    }
    expect(hint).toMatch(/another demo/)
    first[Symbol.dispose]()
    openDurable(file)[Symbol.dispose]()
  })

  test('of a newer version is refused politely', async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()
    expect(() => openDurable(file)).toThrow(/newer version \(99\)/)
  })
})

describe('faults', () => {
  test('the next requests fail, with Retry-After when asked for, and then it works again', async () => {
    const { server, talk } = await start()
    server.faults.plant({ kind: 'status', code: 503 }, onPlural('virtualmachines'), 2)
    const path = `${ROOT}/virtualmachines`
    expect([(await talk.get('/version')).code, (await talk.get(path)).code]).toEqual([200, 503])
    expect((await talk.get(path)).body).toMatchObject({ kind: 'Status', reason: 'ServiceUnavailable', code: 503 })
    expect((await talk.get(path)).code).toBe(200)
  })

  test('a list can fail on its second page', async () => {
    const { server, talk } = await start()
    for (const name of ['a', 'b', 'c']) add(server, name)
    server.faults.plant({ kind: 'drop' }, laterPages, 1)
    const first = (await talk.get(`${ROOT}/virtualmachines?limit=1`)).body
    const next = `${ROOT}/virtualmachines?limit=1&continue=${first.metadata.continue}`
    await expect(talk.get(next)).rejects.toThrow(/socket|closed/i)
    expect((await talk.get(next)).body.items[0]?.metadata.name).toBe('b')
  })

  test('a resource can be as if not installed or not permitted, until that is taken back', async () => {
    const { server, talk } = await start()
    const path = `${ROOT}/virtualmachineinstances`
    for (const { kind, code } of [
      { kind: 'absent', code: 404 },
      { kind: 'forbidden', code: 403 },
    ] as const) {
      const takeBack = server.faults.plant({ kind }, onPlural('virtualmachineinstances'))
      expect([(await talk.get(path)).code, (await talk.get(path)).code]).toEqual([code, code])
      takeBack()
      expect((await talk.get(path)).code).toBe(200)
    }
  })

  test('a request can hang until its sender gives up', async () => {
    const { server } = await start()
    server.faults.plant({ kind: 'hang' })
    const wait = fetch(`${server.url}/version`, {
      headers: { authorization: 'Bearer token' },
      signal: AbortSignal.timeout(50),
    })
    await expect(wait).rejects.toThrow(/timeout/)
  })

  test('watches can be ended, cut, and broken in the middle of a line', async () => {
    const { server, talk } = await start()
    const open = () => talk.watch(`${ROOT}/virtualmachines?resourceVersion=${server.store.revision}`)
    for (const [act, how] of [
      ['end', 'end'],
      ['cut', 'cut'],
    ] as const) {
      using watch = await open()
      for (const served of server.watches) served[act]()
      expect(await watch.ended).toBe(how)
      await expect.poll(() => server.watches.size, soon).toBe(0)
    }
    using broken = await open()
    for (const served of server.watches) served.truncateNext()
    add(server, 'a')
    expect([await broken.ended, broken.lines]).toEqual(['cut', []])
    expect(broken.rest).toMatch(/^\{"type":"ADDED"/)
  })

  test('a server goes down and comes back on the same port, with the same history', async () => {
    const { server, talk } = await start()
    const { revision } = server.store
    using watch = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${revision}`)
    await server.down()
    expect(await watch.ended).toMatch(/end|cut/)
    await expect(talk.get('/version')).rejects.toThrow(/ECONNREFUSED|socket|closed/i)
    add(server, 'a')
    await server.up()
    using again = await talk.watch(`${ROOT}/virtualmachines?resourceVersion=${revision}`)
    await expect.poll(() => again.seen, soon).toEqual(['ADDED a'])
  })

  test('another cluster can stand behind the same address', async () => {
    const { server, talk } = await start()
    const uid = async () => (await talk.get('/api/v1/namespaces/kube-system')).body.metadata.uid
    const before = await uid()
    server.store.replaceIdentity()
    expect(await uid()).not.toBe(before)
  })

  test('a token can be revoked', async () => {
    const { server, talk } = await start()
    server.access.revoke('token')
    expect((await talk.get('/version')).code).toBe(401)
  })

  test('a port that is taken is a fault that says so', async () => {
    const { server } = await start()
    await expect(start({}, { port: server.port })).rejects.toMatchObject({ code: 'port_in_use' })
  })
})

describe('a hub', () => {
  async function fleet() {
    const managed = await start()
    managed.server.access.grant('proxy-token', { user: 'cluster-proxy', rules: [], impersonates: true })
    managed.server.access.admit({ user: userBehindProxy('bridge'), rules: VIEW })
    const access = new Access()
    access.grant('hub-token', { user: 'bridge', rules: HUB_VIEW })
    access.grant('other-token', { user: 'other', rules: HUB_VIEW })
    const targets = new Map([['dev-1', { url: managed.server.url, proxyToken: 'proxy-token' }]])
    const store = new Store({ resources: HUB_RESOURCES, seed: 'hub', now: Date.now })
    const hub = stack.use(await startKubeServer({ store, access, forward: clusterProxy(access, targets) }))
    const { url } = managed.server
    joinHub(
      store,
      { name: 'dev-1', url, identity: managed.server.store.identity, clusterSet: 'dev' },
      '2026-01-01T00:00:00Z',
    )
    return { managed, hub, talk: stack.use(new Talk({ url: hub.url, token: 'hub-token' })) }
  }

  test('lists its managed clusters, available and with the identity of each', async () => {
    const { managed, talk } = await fleet()
    const { body } = await talk.get('/apis/cluster.open-cluster-management.io/v1/managedclusters')
    expect(body.items).toMatchObject([{ metadata: { name: 'dev-1' }, spec: { hubAcceptsClient: true } }])
    expect(JSON.stringify(body.items[0]?.status)).toContain(managed.server.store.identity)
  })

  test('passes lists, watches and refusals of a managed cluster through its proxy, as the impersonated user', async () => {
    const { managed, talk } = await fleet()
    const path = `/cluster-proxy/dev-1${ROOT}/virtualmachines`
    using watch = await talk.watch(`${path}?resourceVersion=${managed.server.store.revision}`)
    add(managed.server, 'a')
    await expect.poll(() => watch.seen, soon).toEqual(['ADDED a'])
    expect((await talk.get(path)).body.items).toHaveLength(1)
    const refused = await talk.send('POST', `/cluster-proxy/dev-1${VMS_PATH}`, plainVm('b'))
    expect([refused.code, refused.body.message]).toEqual([403, expect.stringContaining('User "cluster:hub:bridge"')])
    expect((await talk.send('GET', path, undefined, { token: 'other-token' })).code).toBe(403)
    expect((await talk.send('GET', path, undefined, { token: 'token' })).code).toBe(200)
    expect((await talk.send('GET', path, undefined, { token: 'wrong' })).code).toBe(401)
  })

  test('answers 502 for a cluster that is unknown or down, and breaks watches that break behind it', async () => {
    const { managed, talk } = await fleet()
    expect((await talk.get('/cluster-proxy/nobody/version')).code).toBe(502)
    using watch = await talk.watch(`/cluster-proxy/dev-1${ROOT}/virtualmachines?resourceVersion=1000`)
    for (const served of managed.server.watches) served.cut()
    expect(await watch.ended).toBe('cut')
    await managed.server.down()
    expect((await talk.get('/cluster-proxy/dev-1/version')).code).toBe(502)
  })

  test('nobody but a proxy may impersonate', async () => {
    const { managed } = await fleet()
    const response = await fetch(`${managed.server.url}${VMS_PATH}`, {
      headers: { authorization: 'Bearer token', 'impersonate-user': 'root' },
    })
    expect(response.status).toBe(403)
  })
})
