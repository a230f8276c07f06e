import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { fileChanges, loadConfig } from '../../src/config/index.ts'
import { startService } from '../../src/service.ts'
import { isList, type Match } from '../../src/simulator/kube/faults.ts'
import type { World } from '../kube/world.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'
import { startClusters } from './clusters.ts'

const SOON = { timeout: 60_000, interval: 10 }
const TOKENS = { ADMIN: 'admin-token-of-sixteen', TEAM: 'team-token-of-sixteen-x', SAME: 'admin-token-of-sixteen' }

type Settings = Record<string, unknown>

/** A bridge on a file that `write` changes, with clusters of one VM each. */
async function startOnFile(views: readonly Settings[], names: readonly string[] = ['prod-1']) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const clusters = stack.use(await startClusters(folder.path, ...names))
  const file = join(folder.path, 'virtbridge.yaml')
  const settings = (inventory: Settings, more: Settings = {}): Settings => ({
    log: { path: 'virtbridge.db' },
    http: { listen: '127.0.0.1:0', tokens: [{ name: 'admin', token: { env: 'ADMIN' } }] },
    watch: SHORT_HOLDS,
    clusters: clusters.config,
    inventory,
    ...more,
  })
  const write = async (inventory: Settings | string, more: Settings = {}): Promise<void> => {
    await fileIn(
      folder.path,
      'virtbridge.yaml',
      typeof inventory === 'string' ? inventory : stringify(settings(inventory, more)),
    )
  }
  await write({ views })
  const logged: Record<string, unknown>[] = []
  const around = {
    env: TOKENS,
    logger: pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as never) }),
    now: () => Date.now(),
    newId: () => randomUUID(),
  }
  const source = {
    load: () => loadConfig(file, around.env),
    changes: (signal: AbortSignal) => fileChanges(file, { settleMs: 20, everyMs: 600_000, signal }),
  }
  const service = stack.use(await startService(loadConfig(file, around.env), around, source))
  const get = (path: string, token = TOKENS.ADMIN): Promise<Response> =>
    fetch(service.url + path, { headers: { authorization: `Bearer ${token}` } })
  const owned = stack.move()
  return {
    write,
    worlds: Object.values(clusters.worlds),
    world: clusters.worlds['prod-1'],
    get,
    logged,
    status: async (path: string, token?: string) => (await get(path, token)).status,
    json: async (path: string) => (await (await get(path)).json()) as Record<string, unknown>,
    check: async () => {
      const { checks } = (await (await get('/readyz')).json()) as { checks: readonly { name: string }[] }
      return checks.find(({ name }) => name === 'configuration')
    },
    metrics: async () => (await get('/metrics')).text(),
    said: () => logged.map(({ msg }) => msg),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a view that is added, changed or taken away counts without another start; the others keep their ETags', async () => {
  await using bridge = await startOnFile([{ name: 'kept' }])
  await expect.poll(() => bridge.status('/api/v1/inventory/kept'), SOON).toBe(200)
  const etag = (await bridge.get('/api/v1/inventory/kept')).headers.get('etag')
  expect(await bridge.status('/api/v1/inventory/added')).toBe(404)
  await bridge.write({ views: [{ name: 'kept' }, { name: 'added', host_name: '{namespace}-{name}' }] })
  await expect.poll(() => bridge.status('/api/v1/inventory/added'), SOON).toBe(200)
  expect((await bridge.get('/api/v1/inventory/kept')).headers.get('etag')).toBe(etag)
  const added = (await bridge.json('/api/v1/inventory/added')) as { _meta: { hostvars: object } }
  expect(Object.keys(added._meta.hostvars)).toEqual(['shop-web-1'])
  expect(bridge.logged).toContainEqual(
    expect.objectContaining({
      changed: ['inventory.views.added'],
      msg: 'the configuration was read again, and counts',
    }),
  )
  await bridge.write({ views: [{ name: 'added', namespaces: ['nowhere'] }] })
  await expect.poll(() => bridge.status('/api/v1/inventory/kept'), SOON).toBe(404)
  const none = (await bridge.json('/api/v1/inventory/added')) as typeof added
  expect(none._meta.hostvars).toEqual({})
  expect(await bridge.metrics()).toMatch(/^virtbridge_config_reloads_total\{outcome="applied"\} 2$/m)
})

test('a file with a fault changes nothing and is told of: in the log, on /readyz and by a metric; the next good one counts', async () => {
  await using bridge = await startOnFile([{ name: 'one' }])
  await expect.poll(() => bridge.status('/api/v1/inventory/one'), SOON).toBe(200)
  await bridge.write({ views: [{ name: 'two', selector: 'a b', host_name: '{nam}' }] })
  await expect.poll(() => bridge.check(), SOON).toMatchObject({ ok: false })
  expect(await bridge.check()).toMatchObject({
    reason: expect.stringMatching(
      /what was read before counts, as [^]*has 2 faults:[^]*views\.0\.selector: "a b" is no condition[^]*views\.0\.host_name: there is no \{nam\}/,
    ),
    hint: expect.stringContaining('virtbridge check'),
  })
  expect(await bridge.status('/api/v1/inventory/one')).toBe(200)
  expect(await bridge.metrics()).toMatch(/^virtbridge_config_valid 0$/m)
  expect(bridge.said()).toContain('the configuration has a fault: what was read before counts')
  await bridge.write('a: [')
  await expect.poll(async () => JSON.stringify(await bridge.check()), SOON).toContain('line 1')
  await bridge.write({ views: [{ name: 'three' }] })
  await expect.poll(() => bridge.status('/api/v1/inventory/three'), SOON).toBe(200)
  expect(await bridge.check()).toBeUndefined()
  expect(await bridge.metrics()).toMatch(/^virtbridge_config_valid 1$/m)
})

test('a fault that is mended without anything new is told as mended', async () => {
  await using bridge = await startOnFile([{ name: 'one' }])
  await bridge.write('clusters: []')
  await expect.poll(() => bridge.check(), SOON).toMatchObject({ ok: false })
  await bridge.write({ views: [{ name: 'one' }] })
  await expect.poll(() => bridge.said(), SOON).toContain('the configuration is right again')
})

test('tokens count at once, those that are gone too; what needs another start is named and waits', async () => {
  await using bridge = await startOnFile([{ name: 'one' }])
  await expect.poll(() => bridge.status('/api/v1/inventory/one'), SOON).toBe(200)
  expect(await bridge.status('/api/v1/inventory/one', TOKENS.TEAM)).toBe(401)
  const tokens = [
    { name: 'admin', token: { env: 'ADMIN' }, views: ['one'] },
    { name: 'team', token: { env: 'TEAM' } },
  ]
  await bridge.write({ views: [{ name: 'one' }], stale_after_seconds: 99 }, { http: { listen: '127.0.0.1:1', tokens } })
  await expect.poll(() => bridge.status('/api/v1/inventory', TOKENS.TEAM), SOON).toBe(200)
  expect(await bridge.status('/api/v1/inventory')).toBe(403)
  const waiting = 'changed, and counts after the next start: http.listen, inventory.stale_after_seconds'
  expect(bridge.said()).toContain(waiting)
  expect(await bridge.check()).toMatchObject({ ok: true, reason: waiting })
  // As it was at the start: nothing waits any more.
  await bridge.write({ views: [{ name: 'one' }] })
  await expect.poll(() => bridge.check(), SOON).toBeUndefined()
  expect(await bridge.status('/api/v1/inventory', TOKENS.TEAM)).toBe(401)
})

test('what a view needs to know of VMs beyond what was kept of them is read at once, and the view is closed until then', async () => {
  await using bridge = await startOnFile([{ name: 'one' }])
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`k${100 + n}`, 'v']))
  bridge.world?.addVm('web-2', { ...many, zone: 'a' })
  bridge.world?.boot('web-2', { address: '10.0.0.2' })
  const host = '/api/v1/inventory/hosts/web-2.shop.prod-1'
  await expect.poll(() => bridge.status(host), SOON).toBe(200)
  const lists = (): number => bridge.world?.server.requests.get('list virtualmachines') ?? 0
  const before = lists()
  await bridge.write({ views: [{ name: 'one' }, { name: 'guarded', exclude: 'zone=a' }] })
  // Never as if it had no such label.
  await expect.poll(() => bridge.status(`${host}?view=guarded`), SOON).toBe(200)
  expect(await bridge.json(`${host}?view=guarded`)).toMatchObject({
    kubevirt_enabled: false,
    kubevirt_reachable_reason: 'excluded by label',
  })
  expect(lists()).toBe(before + 1)
  await bridge.write({
    annotations: ['example.com/note'],
    formats: ['kubevirt.core'],
    views: [{ name: 'core', format: 'kubevirt.core', kubevirt_core: { use_service: false } }],
  })
  for (const path of ['/api/v1/inventory/core', '/api/v1/inventory?format=kubevirt.core'])
    await expect.poll(() => bridge.status(path), SOON).toBe(200)
  expect(await bridge.json(host)).toMatchObject({ kubevirt_annotations: { 'example.com/note': '' } })
  expect(await bridge.check()).toBeUndefined()
})

test('when more is to be kept of VMs, four clusters are listed anew at once: nobody watches one until its list is there', async () => {
  await using bridge = await startOnFile([{ name: 'one' }], ['a', 'b', 'c', 'd', 'e', 'f'])
  await expect.poll(() => bridge.status('/api/v1/inventory/one'), SOON).toBe(200)
  // Whoever waits too long asks again: so clusters are counted, not requests.
  const waiting = new Map<World, PromiseWithResolvers<void>>()
  let [most, answered] = [0, 0]
  for (const world of bridge.worlds) {
    const turn = Promise.withResolvers<void>()
    const until = async (): Promise<void> => {
      waiting.set(world, turn)
      most = Math.max(most, waiting.size)
      await turn.promise
    }
    const isRelist: Match = request => isList(request) && request?.plural === 'virtualmachines'
    world.server.faults.plant({ kind: 'wait', until }, isRelist)
  }
  await bridge.write({ annotations: ['example.com/note'], views: [{ name: 'one' }] })
  await expect.poll(() => waiting.size, SOON).toBe(4)
  // One is answered at a time, so that whoever may come has come.
  const all = (): number => {
    for (const [world, turn] of [...waiting].slice(0, 1)) {
      world.server.faults.clear()
      waiting.delete(world)
      answered += 1
      turn.resolve()
    }
    return answered
  }
  await expect.poll(all, SOON).toBe(6)
  expect(most).toBe(4)
})

test('a token that would be another one too changes nothing: who had it goes on, with the rights of before', async () => {
  await using bridge = await startOnFile([{ name: 'one' }])
  await expect.poll(() => bridge.status('/api/v1/inventory/one'), SOON).toBe(200)
  const http = (...more: readonly object[]) => ({
    http: { listen: '127.0.0.1:0', tokens: [{ name: 'admin', token: { env: 'ADMIN' } }, ...more] },
  })
  await bridge.write({ views: [{ name: 'two' }] }, http({ name: 'team', token: { env: 'SAME' }, views: ['two'] }))
  await expect
    .poll(() => bridge.check(), SOON)
    .toMatchObject({
      ok: false,
      reason: expect.stringContaining('http.tokens.1.token: "team" and "admin" are one token') as string,
    })
  expect([await bridge.status('/api/v1/inventory/one'), await bridge.status('/api/v1/inventory')]).toEqual([200, 200])
  expect(JSON.stringify(bridge.logged)).not.toContain(TOKENS.ADMIN)
  await bridge.write({ views: [{ name: 'two' }] }, http({ name: 'team', token: { env: 'TEAM' }, views: ['two'] }))
  await expect.poll(() => bridge.status('/api/v1/inventory/two', TOKENS.TEAM), SOON).toBe(200)
  expect(await bridge.status('/api/v1/inventory')).toBe(200)
})
