import { expect, test } from 'vitest'
import type { Caps, VerbPolicy } from '../../src/day2/index.ts'
import { guest, hostOf } from './guest.ts'
import { startWorld, type World } from './world.ts'

const HOST = hostOf('web-1')
const REBOOT: VerbPolicy = { template: 'Day2 | Reboot', driver: 'bridge', os: ['linux'] }

/** A run of `reboot` that waits for room; then the verb is another, the bridge is started again, and there is room. */
async function defined(now: VerbPolicy | null, meanwhile: (world: World) => void = () => undefined): Promise<World> {
  const verbs: Record<string, VerbPolicy> = { reboot: REBOOT }
  const caps: { -readonly [cap in keyof Caps]?: Caps[cap] } = { jobs: 0 }
  const world = await startWorld({ verbs, caps })
  world.put(guest('web-1', { adopted: true }))
  await world.sync()
  await world.command({ hosts: [HOST], verb: 'reboot' })
  await world.turn()
  expect(world.run()).toMatchObject({ status: 'planned', message: 'waits: 0 jobs are in flight' })
  if (now === null) delete verbs['reboot']
  else verbs['reboot'] = now
  caps.jobs = 1
  meanwhile(world)
  await world.restart()
  await world.settle()
  return world
}

test('what waited is launched by the next bridge', async () => {
  await using world = await defined(REBOOT)
  expect(world.launches()).toMatchObject([{ name: 'Day2 | Reboot', limit: HOST }])
  expect(world.outcomes()).toEqual({ [HOST]: 'ok' })
})

test.each<[what: string, now: VerbPolicy | null, because: string]>([
  ['a rulebook launches it by now', { ...REBOOT, driver: 'eda' }, 'its driver is eda'],
  ['it was switched off', { ...REBOOT, driver: 'off' }, 'its driver is off'],
  ['the configuration has it no more', null, 'this bridge has no verb reboot'],
  ['it is not for this system any more', { ...REBOOT, os: ['windows'] }, 'its OS (linux) is not one the verb is for'],
])('of a verb that waited nothing is launched when %s', async (_, now, because) => {
  await using world = await defined(now)
  expect(world.launches()).toEqual([])
  expect(world.details()).toEqual({ [HOST]: because })
})

test('a guest that turned out to be of another system while its run waited is left out', async () => {
  await using world = await defined(REBOOT, late => late.put(guest('web-1', { adopted: true, family: 'windows' })))
  expect(world.launches()).toEqual([])
  expect(world.details()).toEqual({ [HOST]: 'its OS (windows) is not one the verb is for' })
})
