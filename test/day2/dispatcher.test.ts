import { describe, expect, test } from 'vitest'
import { guest, hostOf } from './guest.ts'
import { startWorld } from './world.ts'

describe('a guest that is news', () => {
  test('is onboarded once: an update brings it to the controller, a job is launched on it and its outcome is recorded', async () => {
    await using world = await startWorld()
    world.put(guest('web-1'), guest('old-2', { adopted: true }))
    await world.settle()
    expect(world.run()).toMatchObject({ status: 'finished', outcome: 'ok', updates: 1, attempts: 1 })
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.launches()).toMatchObject([{ limit: hostOf('web-1'), name: 'Day2 | Onboard' }])
    expect((await world.events()).map(event => event.fact)).toEqual(['run_started', 'host_succeeded', 'run_finished'])
    await world.until(() => false, 60_000, 30).catch(() => undefined)
    expect(world.launches()).toHaveLength(1)
    expect(world.updates()).toBe(1)
  })
})
