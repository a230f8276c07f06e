import { describe, expect, test } from 'vitest'
import { baselineEntry, explain } from '../../src/day2/index.ts'
import type { EventLog, Loss } from '../../src/log/index.ts'
import { guest, hostOf, POLICY, uuid } from './guest.ts'
import { LAUNCH, names, ONBOARD, PATCH, startWorld, type World } from './world.ts'

/** A log that lost its ledger, until that is confirmed. */
function losing(at = Date.now()): { readonly logOf: (log: EventLog) => EventLog; readonly losses: Loss[] } {
  const losses: Loss[] = [
    { id: 'l1', stream: 'state.runs', reason: 'v.state.runs lost records: it was made anew or emptied', at },
  ]
  return {
    losses,
    logOf: log => ({
      append: entries => log.append(entries),
      follow: (stream, from, signal) => log.follow(stream, from, signal),
      page: (stream, from, limit) => log.page(stream, from, limit),
      latest: stream => log.latest(stream),
      end: stream => log.end(stream),
      health: () => log.health(),
      losses: () => losses,
      confirmLoss: async id => void losses.splice(0, losses[0]?.id === id ? 1 : 0),
      [Symbol.asyncDispose]: async () => undefined,
    }),
  }
}

/** The same world, its ledger lost while nobody looked. */
async function lose(world: World): Promise<ReturnType<typeof losing>> {
  const lost = losing()
  await world.log.append(lost.losses.map(baselineEntry))
  await world.restart({ logOf: lost.logOf })
  const at = Date.now()
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(at)
  return lost
}

const TOLD = 'the ledger of what was launched is lost (v.state.runs lost records: it was made anew or emptied)'
const COMMAND = 'virtbridge loss confirm state.runs'

describe('while the ledger is lost, nothing is launched', () => {
  test('not what starts by itself, and whoever asks why is told what happened and what to do', async () => {
    await using world = await startWorld()
    await lose(world)
    const news = guest('web-1')
    const later = { ...news, known_since: Date.now() + 60_000 }
    world.put(later)
    await world.sync()
    for (let turn = 0; turn < 3; turn += 1) await world.turn()
    expect(world.jobs().filter(job => job.launch_type === 'manual')).toEqual([])
    const around = {
      host: hostOf('web-1'),
      fleet: world.fleet,
      ledger: world.ledger,
      policy: POLICY,
      staleness: 'fresh' as const,
    }
    const told = explain(later, around, Date.now())
    for (const because of [told.onboard.because, told.launch.because]) {
      expect(because).toContain(TOLD)
      expect(because).toContain(COMMAND)
    }
    expect([told.onboard.due, told.launch.possible]).toEqual([false, false])
  })

  test('not what a person asks for: the run ends refused, host by host', async () => {
    await using world = await startWorld()
    world.put(guest('web-1', { adopted: true }))
    await world.sync()
    await lose(world)
    await world.command({ id: uuid(4_301), hosts: names('web-1') })
    await world.turn()
    expect(world.run()).toMatchObject({ id: uuid(4_301), outcome: 'refused' })
    expect(world.details()[hostOf('web-1')]).toContain(COMMAND)
    expect(world.launches()).toEqual([])
  })

  test('not what is tried again: the part of the ledger that was left is searched for its job, and then refused', async () => {
    await using world = await startWorld()
    world.put(guest('web-1', { adopted: true }))
    await world.sync()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
    await world.command({ id: uuid(4_302), hosts: names('web-1') })
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    await lose(world)
    await world.settle()
    expect(world.run()).toMatchObject({ outcome: 'refused' })
    expect(world.details()[hostOf('web-1')]).toContain(COMMAND)
    expect(world.launches()).toEqual([])
  })

  test('but a job that is known to run is followed to its end', async () => {
    await using world = await startWorld()
    world.put(guest('web-1', { adopted: true }))
    await world.sync()
    await world.command({ id: uuid(4_303), hosts: names('web-1') })
    await world.until(() => world.runs()[0]?.status === 'following', 10)
    await lose(world)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })
})

describe('when a person has confirmed that the ledger is gone', () => {
  test('what may have been done is not done again: neither to VMs that were known, nor for commands that were given', async () => {
    await using world = await startWorld()
    await world.command({ id: uuid(4_304), hosts: names('web-1') })
    const lost = await lose(world)
    const before = guest('web-1')
    const after = { ...guest('web-2'), known_since: Date.now() + 60_000 }
    world.put(before, after)
    await world.sync()
    lost.losses.splice(0)
    await world.turn()
    await world.settle()
    expect(world.launches()).toMatchObject([{ name: ONBOARD, limit: hostOf('web-2') }])
    expect(world.said('alarm')).toEqual(['1 command of before the ledger was lost is not carried out'])
    await world.command({ id: uuid(4_305), hosts: names('web-1') })
    await world.settle()
    expect(world.launches().map(job => job.name)).toEqual([ONBOARD, PATCH])
    // Also in the next life, in which no loss is told any more.
    await world.restart({ reopen: true })
    await world.turn()
    expect(world.ledger.baseline).toBeGreaterThan(0)
    expect(world.launches()).toHaveLength(2)
  })
})
