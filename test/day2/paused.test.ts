import { describe, expect, test } from 'vitest'
import type { Controller } from '../../src/aap/index.ts'
import { freshFor, Proof } from '../../src/day2/proof.ts'
import { type EventLog, LogError } from '../../src/log/index.ts'
import { appending } from '../support/appending.ts'
import { guest, hostOf } from './guest.ts'
import { LAUNCH, startWorld, type World, type WorldOptions } from './world.ts'

const PAUSE = 60_000

/** Told of each intent: before it is appended, and when it is durable. */
interface Pauses {
  readonly before?: (intent: number) => Promise<void>
  readonly after?: (intent: number) => Promise<void>
}

function pausing(pauses: Pauses): { readonly logOf: (log: EventLog) => EventLog; readonly intents: () => number } {
  let intents = 0
  return {
    intents: () => intents,
    logOf: log =>
      appending(log, async entries => {
        const posting = entries.some(({ value }) => value !== null && 'status' in value && value.status === 'posting')
        if (posting) intents += 1
        if (posting) await pauses.before?.(intents)
        const position = await log.append(entries)
        if (posting) await pauses.after?.(intents)
        return position
      }),
  }
}

async function known(options: WorldOptions): Promise<World> {
  const world = await startWorld(options)
  world.put(guest('web-1'))
  await world.sync()
  return world
}

describe('a proof that this process still writes the ledger', () => {
  const cases: readonly (readonly [string, number, number, boolean])[] = [
    ['is fresh at once', 0, 0, true],
    ['and for a while', 5_000, 5_000, true],
    ['but not for long', 5_001, 5_001, false],
    ['although the steady clock stood still while the machine slept', 60_000, 3, false],
    ['although the wall clock was put back', -3_600_000, 5_001, false],
    ['and a wall clock that is put forward makes it old, to be sure', 3_600_000, 3, false],
  ]
  test.each(cases)('%s', (_, wall, steady, holds) => {
    const clocks = { wall: 1_000_000, steady: 500 }
    const proof = new Proof({ now: () => clocks.wall, steady: () => clocks.steady }, freshFor(45_000))
    clocks.wall += wall
    clocks.steady += steady
    expect(proof.holds()).toBe(holds)
    expect(proof.expired).toBe(!holds)
  })

  test('is good for a small part of a quiet period only, however short that is', () => {
    expect([100, 8_000, 45_000, 3_600_000].map(freshFor)).toEqual([12.5, 1_000, 5_000, 5_000])
  })
})

describe('between the intent and its POST', () => {
  test('time passed: the intent is made durable again, and then launched once', async () => {
    const holder: World[] = []
    const pauses = pausing({ after: async intent => void (intent === 1 && (await holder[0]?.clock.advance(PAUSE))) })
    await using world = await known({ logOf: pauses.logOf })
    holder.push(world)
    await world.settle()
    expect(pauses.intents()).toBe(2)
    expect(world.launches().map(job => job.limit)).toEqual([hostOf('web-1')])
    expect(world.run()).toMatchObject({ outcome: 'ok', attempts: 1 })
  })

  test('time passes each time: after three tries nothing was sent, and it is planned again; when it does no more, it is launched', async () => {
    const holder: World[] = []
    const slow = { on: true }
    const pauses = pausing({ before: async () => void (slow.on && (await holder[0]?.clock.advance(PAUSE))) })
    await using world = await known({ logOf: pauses.logOf })
    holder.push(world)
    await world.turn()
    expect(pauses.intents()).toBe(3)
    expect(world.run()).toMatchObject({
      status: 'planned',
      attempts: 0,
      message: expect.stringContaining('not sent') as string,
    })
    expect(world.said('deferred')).toContain(world.run().message)
    expect(world.launches()).toEqual([])
    slow.on = false
    await world.settle()
    expect(world.launches()).toHaveLength(1)
    expect(world.run()).toMatchObject({ outcome: 'ok' })
  })

  test('and it never ends: it is refused when its patience is over', async () => {
    const holder: World[] = []
    const pauses = pausing({ before: async () => holder[0]?.clock.advance(PAUSE) })
    await using world = await known({ logOf: pauses.logOf, patience: { preflight: 10 * PAUSE } })
    holder.push(world)
    await world.settle()
    expect(world.run()).toMatchObject({ outcome: 'refused' })
    expect(world.launches()).toEqual([])
  })

  test('somebody took over meanwhile: nothing is sent, and it ends', async () => {
    const holder: World[] = []
    const pauses = pausing({
      after: async intent => void (intent === 1 && (await holder[0]?.clock.advance(PAUSE))),
      before: intent =>
        intent === 1
          ? Promise.resolve()
          : Promise.reject(new LogError('fenced', 'process 2 on b took over the log of process 1 on a')),
    })
    await using world = await known({ logOf: pauses.logOf })
    holder.push(world)
    await expect(world.turn()).rejects.toMatchObject({ reaction: 'fenced' })
    expect(world.launches()).toEqual([])
    // Who took over finds the intent, waits for a job of it for a whole quiet period, and only then launches.
    await world.restart({ logOf: log => log })
    const taken = world.clock.now()
    await world.until(() => world.launches().length > 0)
    expect(world.clock.now() - taken).toBeGreaterThan(45_000)
    await world.settle()
    expect(world.launches()).toHaveLength(1)
  })

  test('the connection took long: it is looked at again when it is there, and nothing is written on it', async () => {
    const holder: World[] = []
    const tries: string[] = []
    const controllerOf = (client: Controller): Controller => ({
      ...client,
      launch: async (template, request, still) => {
        if (tries.length === 0) await holder[0]?.clock.advance(PAUSE)
        const launched = await client.launch(template, request, still)
        tries.push(launched.kind)
        return launched
      },
    })
    await using world = await known({ controllerOf })
    holder.push(world)
    let received = 0
    world.controller.faults.afterwards(LAUNCH, () => (received += 1))
    await world.settle()
    expect(tries).toEqual(['not_sent', 'launched'])
    expect(received).toBe(1)
    expect(world.launches()).toHaveLength(1)
  })
})
