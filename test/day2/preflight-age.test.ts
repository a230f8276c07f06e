import { describe, expect, test } from 'vitest'
import { guest, hostOf, uuid } from './guest.ts'
import { PATCH, startWorld, type World } from './world.ts'

/** As it is promised: the constant of the code could grow. */
const MINUTE = 60_000

/** A world in which `web-1` was patched, so that its template is remembered. */
async function patched(): Promise<World> {
  const world = await startWorld()
  world.put(guest('web-1', { adopted: true }))
  await world.sync()
  await world.command({ id: uuid(1), hosts: [hostOf('web-1')] })
  await world.until(() => world.ledger.runs.get(uuid(1))?.status === 'finished')
  expect(world.outcomes(world.ledger.runs.get(uuid(1)))).toEqual({ [hostOf('web-1')]: 'ok' })
  return world
}

async function patch(world: World, number: number): Promise<string> {
  const id = uuid(number)
  await world.command({ id, hosts: [hostOf('web-1')] })
  await world.until(() => world.ledger.runs.get(id)?.status === 'finished', 100)
  return world.outcomes(world.ledger.runs.get(id))[hostOf('web-1')] ?? ''
}

describe('what a template was looked up to be counts for a minute at most', () => {
  test('a prompt that somebody took away is seen after a minute, and nothing is launched', async () => {
    await using world = await patched()
    world.controller.setPrompt(PATCH, 'limit', false)
    await world.clock.advance(MINUTE)
    expect(await patch(world, 2)).toBe('refused')
    expect(world.launches()).toHaveLength(1)
  })

  test('sooner it is seen by what the controller answers: that job is cancelled, and the next is not launched any more', async () => {
    await using world = await patched()
    world.controller.setPrompt(PATCH, 'limit', false)
    expect(await patch(world, 2)).toBe('unknown')
    expect(world.launches().map(({ status }) => status)).toEqual(['successful', 'canceled'])
    // The surprise has made it forget: no minute passes before the template is looked at again.
    expect(await patch(world, 3)).toBe('refused')
    expect(world.launches()).toHaveLength(2)
  })

  test('what a launch was refused for counts no longer once it is mended: no minute passes', async () => {
    await using world = await patched()
    world.controller.setPrompt(PATCH, 'limit', false)
    await world.clock.advance(MINUTE)
    expect(await patch(world, 2)).toBe('refused')
    world.controller.setPrompt(PATCH, 'limit', true)
    expect(await patch(world, 3)).toBe('ok')
  })

  test('a question of the preflight that failed is a surprise too: the template is looked at again', async () => {
    await using world = await patched()
    world.controller.setPrompt(PATCH, 'limit', false)
    world.controller.faults.add({ method: 'GET', path: /\/script\/$/ }, { kind: 'server-error' })
    expect(await patch(world, 2)).toBe('refused')
    expect(world.launches()).toHaveLength(1)
  })

  test('after the surprise what was mended counts at once too', async () => {
    await using world = await patched()
    world.controller.setPrompt(PATCH, 'limit', false)
    expect(await patch(world, 2)).toBe('unknown')
    world.controller.setPrompt(PATCH, 'limit', true)
    expect(await patch(world, 3)).toBe('ok')
  })
})
