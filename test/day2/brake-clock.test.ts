import { describe, expect, test } from 'vitest'
import { guest, uuid } from './guest.ts'
import { startWorld, type World } from './world.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
/** So many in an hour. */
const BRAKE = { hosts: 2, perMs: HOUR }

/** A bridge that has onboarded two guests by itself, which is as many as it may in an hour. */
async function busy(ahead: number): Promise<World> {
  const world = await startWorld({ policy: { coalesceMs: 0, brake: BRAKE } })
  world.ahead = ahead
  await news(world, 'web-1', 'web-2')
  return world
}

/** Guests come that nobody knew, and there is time to onboard them. */
async function news(world: World, ...short: readonly string[]): Promise<void> {
  world.put(...short.map(name => guest(name)))
  await world.sync()
  await world.settle()
}

async function release(world: World): Promise<void> {
  const { brake } = world.ledger
  if (brake === undefined) throw new Error('no brake is set')
  await world.clock.advance(1)
  const value = { schema: 1, kind: 'release_brake', id: uuid(77), brake: brake.id, asked_by: 'ops', at: 0 } as const
  await world.log.append([{ stream: 'commands', key: value.id, value }])
  await world.settle()
}

const onboarded = (world: World): number => world.runs().flatMap(run => run.hosts).length

describe('whoever sets the clock', () => {
  test('a day forward lets no more start by themselves than in an hour of the clock that nobody sets', async () => {
    await using world = await busy(0)
    world.ahead = DAY
    await news(world, 'web-3')
    expect([onboarded(world), world.ledger.brake?.hosts]).toEqual([2, 1])
  })

  test('a day back does neither, and what a person lets go on goes on', async () => {
    await using world = await busy(DAY)
    world.ahead = 0
    await news(world, 'web-3')
    expect([onboarded(world), world.ledger.brake?.hosts]).toEqual([2, 1])
    await release(world)
    expect([onboarded(world), world.ledger.brake]).toEqual([3, undefined])
  })

  test('a day back keeps nobody waiting who comes when the hour is over', async () => {
    await using world = await busy(DAY)
    world.ahead = 0
    await world.clock.advance(HOUR + 1)
    await news(world, 'web-3', 'web-4')
    expect([onboarded(world), world.ledger.brake]).toEqual([4, undefined])
  })

  test('a day back after a release lets no more start than after any other', async () => {
    await using world = await busy(DAY)
    await news(world, 'web-3')
    await release(world)
    expect(onboarded(world)).toBe(3)
    world.ahead = 0
    await news(world, 'web-4', 'web-5')
    expect([onboarded(world), world.ledger.brake?.hosts]).toEqual([4, 1])
  })

  test('a day back, and starts another process: what started then counts from that moment on, and a release is one', async () => {
    await using world = await busy(DAY)
    world.ahead = 0
    await world.restart()
    await news(world, 'web-3')
    expect([onboarded(world), world.ledger.brake?.hosts]).toEqual([2, 1])
    await release(world)
    expect([onboarded(world), world.ledger.brake]).toEqual([3, undefined])
    await world.restart()
    await world.turn()
    await world.clock.advance(HOUR + 1)
    await news(world, 'web-4', 'web-5')
    expect([onboarded(world), world.ledger.brake]).toEqual([5, undefined])
  })

  test('a day back keeps a guest that was refused waiting no longer than any other', async () => {
    await using world = await startWorld({ policy: { coalesceMs: 0, brake: BRAKE } })
    world.ahead = DAY
    world.controller.renameTemplate('Day2 | Onboard', 'Renamed')
    await news(world, 'web-1')
    expect(world.ledger.verb('uid-web-1', 'onboard')).toMatchObject({ status: 'refused' })
    world.controller.renameTemplate('Renamed', 'Day2 | Onboard')
    world.ahead = 0
    await world.clock.advance(HOUR)
    await world.settle()
    expect(world.ledger.verb('uid-web-1', 'onboard')).toMatchObject({ status: 'ok' })
  })
})
