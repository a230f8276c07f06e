import { describe, expect, test } from 'vitest'
import type { Run } from '../../src/day2/index.ts'
import { START } from '../../src/log/index.ts'
import { guest, hostOf, uuid } from '../day2/guest.ts'
import { LAUNCH, names, startWorld, type World } from '../day2/world.ts'

async function known(options: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld(options)
  world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
  await world.sync()
  return world
}

describe('8. One job at a time per VM; one intent per launch. The intent is durable before the POST, each intent has its own marker. An ambiguous POST is resolved by searching the marker after a quiet period, never by posting again blindly', () => {
  test('whoever asks for a VM on which a job runs is refused; whoever asks later is not', async () => {
    await using world = await known()
    await world.command({ hosts: names('web-1', 'web-2') })
    await world.turn()
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.launches()).toHaveLength(1)
    expect(world.details(world.run(1))).toEqual({ [hostOf('web-1')]: `run ${world.run().id} holds it` })
    await world.command({ hosts: names('web-1') })
    await world.settle()
    expect(world.launches()).toHaveLength(2)
  })

  test('when the POST goes out, the log already has its intent, on just these hosts', async () => {
    let durable: Run | undefined
    await using world = await known({
      controllerOf: client => ({
        ...client,
        launch: async (template, request) => {
          const id = uuid(8_001)
          for (const entry of await world.log.page('state.runs', START, 500))
            if (entry.key === `run/${id}`) durable = entry.value as Run
          return client.launch(template, request)
        },
      }),
    })
    await world.command({ id: uuid(8_001), hosts: names('web-1') })
    await world.settle()
    expect(durable).toMatchObject({ status: 'posting', attempts: 1 })
    expect(durable?.hosts.map(host => host.host)).toEqual(world.launches()[0]?.limit.split(','))
  })

  test('no two intents share a marker, and an intent keeps its own', async () => {
    await using world = await known()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
    await world.command({ id: uuid(8_002), hosts: names('web-1') })
    await world.command({ id: uuid(8_003), hosts: names('web-2') })
    await world.settle(10_000)
    expect(world.runs().reduce((sum, run) => sum + run.attempts, 0)).toBe(3)
    const markers = world.launches().map(job => job.skip_tags)
    expect(markers.sort()).toEqual([8_002, 8_003].map(number => `virtbridge-${uuid(number).replaceAll('-', '')}`))
  })

  test('after a lost answer it is searched for a quiet period long, and posted again only when nothing was found', async () => {
    for (const [fault, attempts] of [
      [{ kind: 'drop-then-commit', afterMs: 44_000 }, 1],
      [{ kind: 'drop-before-commit' }, 2],
    ] as const) {
      const posts: number[] = []
      await using world = await known({
        controllerOf: client => ({
          ...client,
          launch: (template, request) => {
            posts.push(world.clock.now())
            return client.launch(template, request)
          },
        }),
      })
      world.controller.faults.add(LAUNCH, fault)
      await world.command({ hosts: names('web-1') })
      await world.settle(2_500)
      expect(world.launches()).toHaveLength(1)
      expect(world.run()).toMatchObject({ attempts, outcome: 'ok' })
      expect(posts).toHaveLength(attempts)
      expect((posts[1] ?? Infinity) - (posts[0] ?? 0)).toBeGreaterThan(45_000)
    }
  })
})
