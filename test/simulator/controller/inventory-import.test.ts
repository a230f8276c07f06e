import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, test } from 'vitest'
import { DAY2, document, startWorld } from './worlds.ts'
import type { World } from './worlds.ts'

const on = { kubevirt_enabled: true }

async function fleetWorld(answer: () => unknown): Promise<World> {
  return startWorld({ objects: DAY2, origins: { virtbridge: answer } })
}

async function update(world: World): Promise<{ [key: string]: unknown }> {
  const { status, body } = await world.ask('POST', '/api/v2/inventory_sources/2/update/')
  expect(status).toBe(202)
  await world.clock.advance(30_000)
  return (await world.ask('GET', `/api/v2/inventory_updates/${(body as { id: number }).id}/`)).body as {
    [key: string]: unknown
  }
}

function hosts(world: World): { [name: string]: { id: number; enabled: boolean; variables: unknown } } {
  return Object.fromEntries(
    world.store.hosts.all().map(({ name, id, enabled, variables }) => [name, { id, enabled, variables }]),
  )
}

describe('an update brings what the source says', () => {
  test('absent hosts are deleted, and one that returns is another host', async () => {
    let answer: unknown = document({ a: on, b: on })
    await using world = await fleetWorld(() => answer)
    expect(await update(world)).toMatchObject({ status: 'successful' })
    const before = hosts(world)['a']?.id
    answer = document({ b: on })
    await update(world)
    expect(Object.keys(hosts(world))).toEqual(['b'])
    expect((await world.ask('GET', `/api/v2/hosts/${before}/`)).status).toBe(404)
    answer = document({ a: on, b: on })
    await update(world)
    expect(hosts(world)['a']?.id).not.toBe(before)
  })

  test('an empty object deletes everything and is a success', async () => {
    let answer: unknown = document({ a: on })
    await using world = await fleetWorld(() => answer)
    await update(world)
    answer = {}
    expect(await update(world)).toMatchObject({ status: 'successful', failed: false })
    expect([hosts(world), world.store.groups.size]).toEqual([{}, 0])
  })

  test('hosts made by hand stay', async () => {
    await using world = await startWorld({
      objects: { ...DAY2, inventories: [{ name: 'fleet', hosts: [{ name: 'hand' }] }] },
      origins: { virtbridge: () => ({}) },
    })
    await update(world)
    expect(Object.keys(hosts(world))).toEqual(['hand'])
  })

  test('without overwrite_vars, variables that are gone stay', async () => {
    let answer: unknown = document({ a: { ...on, old: 1, both: 1 } })
    await using world = await fleetWorld(() => answer)
    await update(world)
    world.store.sources.must(2).overwrite_vars = false
    answer = document({ a: { ...on, both: 2 } })
    await update(world)
    expect(hosts(world)['a']?.variables).toEqual({ kubevirt_enabled: true, old: 1, both: 2 })
  })

  test.each([
    { value: true, setting: 'TRUE', enabled: true },
    { value: true, setting: 'True', enabled: true },
    { value: 'true', setting: 'true', enabled: true },
    { value: true, setting: '1', enabled: false },
    { value: true, setting: 'yes', enabled: false },
    { value: false, setting: 'true', enabled: false },
    { value: { __ansible_unsafe: 'true' }, setting: 'true', enabled: false },
  ])('enabled_var $value under enabled_value $setting: enabled is $enabled', async ({ value, setting, enabled }) => {
    await using world = await fleetWorld(() => document({ a: { kubevirt_enabled: value } }))
    world.store.sources.must(2).enabled_value = setting
    await update(world)
    expect(hosts(world)['a']?.enabled).toBe(enabled)
  })

  test('a host without the variable is left as it is; marked text is stored as it came', async () => {
    const variables = { motd: { __ansible_unsafe: '{{ 6*7 }}' } }
    await using world = await fleetWorld(() => document({ a: variables }))
    await update(world)
    expect(hosts(world)['a']).toMatchObject({ enabled: true, variables })
  })

  test('names are cut at a colon', async () => {
    await using world = await fleetWorld(() => ({ g: { hosts: ['a:22', 'b[1:3]'] } }))
    await update(world)
    expect(Object.keys(hosts(world))).toEqual(['a', 'b[1'])
  })

  test('old values are seen until the update ends', async () => {
    await using world = await fleetWorld(() => document({ a: on }))
    await world.ask('POST', '/api/v2/inventory_sources/2/update/')
    await world.clock.advance(1000)
    expect(hosts(world)).toEqual({})
  })
})

describe('an update that fails leaves everything as it was, and says why in its output alone', () => {
  test.each([
    {
      title: 'the source throws',
      answer: () => raise('bridge answered 503: not synced'),
      says: 'bridge answered 503: not synced',
    },
    { title: 'it is no object', answer: () => [], says: 'did not answer with a JSON object' },
    { title: 'a name has template delimiters', answer: () => document({ '{{ x }}': on }), says: 'template delimiters' },
  ])('$title', async ({ answer, says }) => {
    let answers: () => unknown = () => document({ a: on })
    await using world = await fleetWorld(() => answers())
    await update(world)
    const before = hosts(world)
    answers = answer
    const failed = await update(world)
    expect(failed).toMatchObject({ status: 'failed', failed: true, job_explanation: '' })
    expect(hosts(world)).toEqual(before)
    expect(
      (await world.ask('GET', `/api/v2/inventory_updates/${String(failed['id'])}/stdout/?format=txt`)).text,
    ).toContain(says)
  })

  test('it goes to the endpoint with its token, and an answer that is no success is a failure', async () => {
    const seen: (string | null)[] = []
    await using bridge = await startBridge(authorization => {
      seen.push(authorization)
      return seen.length === 1 ? [200, document({ a: on })] : [503, { error: { code: 'not_synced' } }]
    })
    await using world = await startWorld({
      objects: DAY2,
      origins: { virtbridge: { url: bridge.url, token: 'secret' } },
    })
    expect(await update(world)).toMatchObject({ status: 'successful' })
    expect(await update(world)).toMatchObject({ status: 'failed' })
    expect([seen, Object.keys(hosts(world))]).toEqual([['Bearer secret', 'Bearer secret'], ['a']])
  })
})

test('updates are never merged: three that are asked for at once run one after the other', async () => {
  let reads = 0
  await using world = await fleetWorld(() => {
    reads += 1
    return document({ a: on })
  })
  for (let time = 0; time < 3; time += 1) await world.ask('POST', '/api/v2/inventory_sources/2/update/')
  await world.clock.advance(10_000)
  expect(reads).toBe(1)
  await world.clock.advance(60_000)
  expect(reads).toBe(3)
})

function raise(message: string): never {
  throw new Error(message)
}

async function startBridge(
  answer: (authorization: string | null) => [number, unknown],
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    const [status, body] = answer(request.headers.authorization ?? null)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/api/v1/inventory`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
