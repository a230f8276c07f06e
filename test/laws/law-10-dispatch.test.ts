import { describe, expect, test } from 'vitest'
import { guest, hostOf } from '../day2/guest.ts'
import { startWorld } from '../day2/world.ts'

const many = (count: number, adopted: boolean) =>
  Array.from({ length: count }, (_, index) => guest(`web-${index + 1}`, { adopted }))

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

  test('a flood of news is braked: so many hosts in a window, the others after it', async () => {
    await using world = await startWorld({ policy: { brake: { hosts: 5, perMs: 600_000 }, maxHosts: 2, maxJobs: 10 } })
    world.put(...many(12, false))
    await world.sync()
    const launched = () => world.launches().reduce((sum, job) => sum + job.limit.split(',').length, 0)
    for (let minute = 0; minute < 9; minute++) {
      await world.turn()
      await world.clock.advance(60_000)
      expect(launched()).toBeLessThanOrEqual(5)
    }
    expect(launched()).toBe(5)
    expect(world.said('deferred').at(-1)).toBe('7 hosts: brake: 5 hosts in 600 s')
    await world.until(() => launched() === 10, 60_000, 20)
  })
})
