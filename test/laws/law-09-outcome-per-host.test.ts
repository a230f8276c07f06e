import { describe, expect, test } from 'vitest'
import { guest, hostOf } from '../day2/guest.ts'
import { LAUNCH, names, startWorld, type World } from '../day2/world.ts'

const short = ['fine-1', 'broken-2', 'dark-3', 'gone-4'] as const

async function running(): Promise<World> {
  const world = await startWorld({
    outcome: host => (host.startsWith('broken') ? 'failed' : host.startsWith('dark') ? 'unreachable' : 'changed'),
  })
  world.put(...short.map(name => guest(name, { adopted: true })))
  await world.sync()
  // It leaves the controller's inventory after the preflight: the job does not mention it again.
  world.controller.faults.afterwards(LAUNCH, () => {
    const { hosts } = world.controller.store
    hosts.delete(hosts.find(host => host.name === hostOf('gone-4'))?.id ?? 0)
  })
  return world
}

describe('9. A job’s success is not a VM’s success. Outcomes are per host, reconciled against the hosts that were asked for: ok, failed, unreachable, missing, unknown', () => {
  test('each host that was asked for has its own outcome, recorded, told, and kept of its VM', async () => {
    await using world = await running()
    await world.command({ hosts: [...names(...short), 'ghost'] })
    await world.settle()
    const outcomes = {
      [hostOf('fine-1')]: 'ok',
      [hostOf('broken-2')]: 'failed',
      [hostOf('dark-3')]: 'unreachable',
      [hostOf('gone-4')]: 'missing',
      ghost: 'refused',
    }
    expect(world.outcomes()).toEqual(outcomes)
    const told = (await world.events()).filter(event => event.host !== '').map(event => [event.host, event.fact])
    expect(Object.fromEntries(told)).toEqual({
      [hostOf('fine-1')]: 'host_succeeded',
      [hostOf('broken-2')]: 'host_failed',
      [hostOf('dark-3')]: 'host_unreachable',
      [hostOf('gone-4')]: 'host_missing',
      ghost: 'launch_refused',
    })
    expect(short.map(name => world.ledger.verb(`uid-${name}`, 'patch')?.status)).toEqual(
      Object.values(outcomes).slice(0, 4),
    )
  })

  test('a successful job is no success of a host that it left out', async () => {
    await using world = await running()
    await world.command({ hosts: names('fine-1', 'gone-4') })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'successful' }])
    expect(world.outcomes()).toEqual({ [hostOf('fine-1')]: 'ok', [hostOf('gone-4')]: 'missing' })
    expect(world.run().outcome).toBe('failed')
  })

  test('a failed job is no failure of a host on which it went well', async () => {
    await using world = await running()
    await world.command({ hosts: names('fine-1', 'broken-2') })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'failed' }])
    expect(world.outcomes()).toEqual({ [hostOf('fine-1')]: 'ok', [hostOf('broken-2')]: 'failed' })
  })

  test('of a job that was stopped in the middle nobody knows anything of any host', async () => {
    await using world = await running()
    await world.command({ hosts: names('fine-1', 'broken-2') })
    await world.until(() => world.jobs()[0]?.status === 'running', 100)
    await world.client.cancel({ url: world.run().job?.url ?? '' })
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('fine-1')]: 'unknown', [hostOf('broken-2')]: 'unknown' })
    expect(world.run().outcome).toBe('unknown')
  })
})
