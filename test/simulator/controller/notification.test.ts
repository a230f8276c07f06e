import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { DAY2, launch, startWorld, type World } from './worlds.ts'

const RECORDED = JSON.parse(
  readFileSync(new URL('../../fixtures/awx-notifications.json', import.meta.url), 'utf8'),
) as { body: Body }[]

type Body = { id: number; status: string; hosts: Record<string, object> } & Record<string, unknown>

/** A receiver that writes down what comes, and a controller whose one template tells it of everything. */
async function told(status = 200) {
  const came: { authorization: string; body: Body }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    request.on('end', () => {
      came.push({ authorization: request.headers.authorization ?? '', body: JSON.parse(text) as Body })
      response.writeHead(status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const names = ['to-us']
  const feed: string[] = []
  const world = await startWorld({
    onFeed: entry => void feed.push(entry.text),
    objects: {
      ...DAY2,
      inventories: [{ name: 'fleet', hosts: [{ name: 'vm1' }, { name: 'vm2' }] }],
      notifications: [
        {
          name: 'to-us',
          notification_configuration: { url: '{{ us }}/hook', headers: { Authorization: 'Bearer {{ token }}' } },
        },
      ],
      templates: DAY2.templates.map(template => ({
        ...template,
        notification_templates_started: names,
        notification_templates_success: names,
        notification_templates_error: names,
      })),
    },
  })
  world.setVariable('us', `http://127.0.0.1:${port}`)
  world.setVariable('token', 'secret')
  return {
    world,
    came,
    feed,
    said: () => came.map(({ body }) => `${body.id} ${body.status}`),
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

async function launched(world: World, limit: string): Promise<number> {
  return launch(world, { limit, skip_tags: 'x' })
}

/** Key sets and types of values, as JSON has them. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]))
}

test('a job tells as it begins and as its results are in, in the shape that was recorded', async () => {
  await using one = await told()
  const id = await launched(one.world, 'vm1')
  await one.world.clock.advance(60_000)
  expect(one.said()).toEqual([`${id} running`, `${id} successful`])
  expect(one.came.map(({ authorization }) => authorization)).toEqual(['Bearer secret', 'Bearer secret'])
  for (const [at, status] of ['running', 'successful'].entries()) {
    const recorded = RECORDED.find(({ body }) => body.status === status)?.body
    expect(shapeOf(one.came[at]?.body)).toEqual(shapeOf(recorded))
  }
})

test('a job that is cancelled before it begins tells nothing, one that is cancelled later tells both', async () => {
  await using one = await told()
  const [early, late] = [await launched(one.world, 'vm1'), await launched(one.world, 'vm2')]
  await one.world.ask('POST', `${one.world.base}jobs/${early}/cancel/`)
  await one.world.clock.advance(1_000)
  await one.world.ask('POST', `${one.world.base}jobs/${late}/cancel/`)
  await one.world.clock.advance(60_000)
  expect(one.said()).toEqual([`${late} running`, `${late} canceled`])
})

describe('a fault of a notification', () => {
  test.each([
    ['lost', (id: number) => [`${id} successful`]],
    ['doubled', (id: number) => [`${id} running`, `${id} running`, `${id} successful`]],
    ['late', (id: number) => [`${id} successful`, `${id} running`]],
  ] as const)('%s', async (fault, expected) => {
    await using one = await told()
    one.world.faults.addNotification(fault)
    const id = await launched(one.world, 'vm1')
    await one.world.clock.advance(60_000)
    expect(one.said().sort()).toEqual([...expected(id)].sort())
    expect(one.said().at(-1)).toBe(expected(id).at(-1))
  })

  test('one that is refused is not sent again, and the job goes on', async () => {
    await using one = await told(401)
    const id = await launched(one.world, 'vm1')
    await one.world.clock.advance(60_000)
    expect(one.said()).toEqual([`${id} running`, `${id} successful`])
    expect(one.feed.filter(text => text.startsWith('notification'))).toEqual([
      'notification "to-us" was refused: 401',
      'notification "to-us" was refused: 401',
    ])
  })
})
