import { describe, expect, test } from 'vitest'
import { guest, hostOf } from '../day2/guest.ts'
import { startWorld, type World } from '../day2/world.ts'

const many = (count: number, adopted: boolean) =>
  Array.from({ length: count }, (_, index) => guest(`web-${index + 1}`, { adopted }))

/** A person releases the brake that is set, or `brake`. */
async function release(world: World, brake = world.ledger.brake?.id ?? ''): Promise<void> {
  const id = crypto.randomUUID()
  const value = { schema: 1, kind: 'release_brake', id, brake, asked_by: 'ops', at: world.clock.now() } as const
  await world.log.append([{ stream: 'commands', key: id, value }])
}

describe('10. Only news starts work. VMs that existed when their cluster was adopted never trigger provisioning, patching or clean-up by themselves. Work that starts itself is rate-braked', () => {
  test('a cluster joins with 5,000 old VMs, the ledger is empty: nothing is launched, however long one waits', async () => {
    await using world = await startWorld()
    world.put(...many(5_000, true))
    for (let turn = 0; turn < 3; turn++) {
      await world.turn()
      await world.clock.advance(86_400_000)
    }
    expect(world.runs()).toEqual([])
    expect(world.updates()).toBe(0)
  })

  test('old VMs lose and find their agents, move, restart and are renumbered: nothing is launched', async () => {
    await using world = await startWorld()
    for (const wish of [
      { told: { reachable: false }, seen: { agent_connected: false } },
      {},
      { seen: { boot: 'boot-anew' }, told: { boot: 'boot-anew' } },
      { seen: { node: 'n2' } },
      { address: '10.9.9.9' },
    ]) {
      world.put(
        ...many(20, true).map((record, index) =>
          guest(record.name, { adopted: true, address: `10.8.0.${index}`, ...wish }),
        ),
      )
      await world.turn()
      await world.clock.advance(60_000)
    }
    expect(world.runs()).toEqual([])
  })

  test('the ledger is lost: what was there before stays what it was', async () => {
    await using world = await startWorld()
    world.put(...many(3, true), guest('new-9'))
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('new-9')]: 'ok' })
    for (const record of many(3, true)) expect(world.ledger.verb(record.uid, 'onboard')).toBeUndefined()
  })

  test('a flood of news is braked: so many hosts in a window, then none until a person says so, over windows and restarts', async () => {
    await using world = await startWorld({ policy: { brake: { hosts: 5, perMs: 600_000 }, maxHosts: 2, maxJobs: 10 } })
    world.put(...many(12, false))
    await world.sync()
    const launched = () => world.launches().reduce((sum, job) => sum + job.limit.split(',').length, 0)
    const wait = async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute++) {
        await world.turn()
        await world.clock.advance(60_000)
      }
    }
    await wait(25)
    expect(launched()).toBe(5)
    const told = world.said('alarm')
    expect(told).toEqual([
      expect.stringMatching(
        /^7 hosts wait, held by the brake since .*: more than 5 hosts would start by themselves within 600 s; virtbridge brake release lets it go on$/,
      ),
    ])
    await world.restart({ reopen: true })
    await wait(12)
    expect(launched()).toBe(5)
    expect(world.said('alarm')).toEqual([told[0], told[0]])
    await release(world, 'an earlier one')
    await wait(2)
    expect(launched()).toBe(5)
    await release(world)
    await wait(12)
    expect(launched()).toBe(10)
    await release(world)
    await world.restart({ reopen: true })
    await wait(2)
    expect(launched()).toBe(12)
    expect((await world.events()).map(event => event.fact).filter(fact => fact.startsWith('brake'))).toEqual([
      'brake_set',
      'brake_released',
      'brake_set',
      'brake_released',
    ])
  })

  test('what a person asks for is held by no brake', async () => {
    await using world = await startWorld({ policy: { brake: { hosts: 1, perMs: 600_000 } } })
    world.put(...many(3, false))
    await world.sync()
    await world.settle()
    expect(world.ledger.brake).toMatchObject({ hosts: 2 })
    await world.command({ hosts: [hostOf('web-2')], verb: 'onboard' })
    await world.until(() => world.runs().length === 2)
    await world.settle()
    expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-2')]: 'ok' })
  })
})
