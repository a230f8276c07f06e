import { expect, test } from 'vitest'
import { LogError } from '../../src/log/index.ts'
import { appending } from '../support/appending.ts'
import { guest, hostOf, uuid } from './guest.ts'
import { startWorld } from './world.ts'

const SOON = { timeout: 60_000, interval: 10 }

test('a guest that becomes ready, and what a person asks for, wait for no look at everything; nothing else is asked for meanwhile', async () => {
  // On a clock that stands still it is never time for the next look.
  await using world = await startWorld({ pollMs: 2_000, outcome: () => 'hang' })
  const [ready, old] = [guest('web-1'), guest('web-2', { adopted: true })]
  world.put(ready, old)
  await world.sync()
  world.put(guest('web-1', { told: { reachable: false }, seen: { agent_connected: false } }))
  const asked: string[] = []
  const { faults } = world.controller
  const faultless = { ...faults }
  faults.take = (method, path) => {
    asked.push(`${method} ${path.replace(/\d+/, 'N')}`)
    return faultless.take(method, path)
  }
  const stopping = new AbortController()
  const running = world.dispatcher.run(stopping.signal)
  await expect.poll(() => world.said('deferred').length + asked.length, SOON).toBe(0)
  world.put(ready)
  await expect.poll(() => world.launches().map(job => job.limit), SOON).toEqual([hostOf('web-1')])
  await world.command({ hosts: [hostOf('web-2')] })
  await expect.poll(() => world.launches().length, SOON).toBe(2)
  // A change that is no news wakes nobody, and jobs under way are not asked for.
  world.put(guest('web-2', { adopted: true, seen: { node: 'n2' } }))
  stopping.abort()
  await running
  expect(asked.filter(request => request.includes('/jobs/'))).toEqual([])
  expect(asked.filter(request => request.startsWith('POST'))).toHaveLength(2)
})

test('when the controller says that something has happened, jobs are looked at at once; what it says is not asked', async () => {
  await using world = await startWorld({ pollMs: 3_600_000 })
  world.put(guest('web-1'))
  await world.sync()
  const stopping = new AbortController()
  const running = world.dispatcher.run(stopping.signal)
  await expect.poll(() => world.launches().length, SOON).toBe(1)
  await expect.poll(() => world.run().status, SOON).toBe('following')
  await world.clock.advance(60_000)
  const look = { schema: 1, kind: 'look', id: uuid(7), at: world.clock.now() } as const
  await world.log.append([{ stream: 'commands', key: look.id, value: look }])
  await expect.poll(() => world.run().status, SOON).toBe('finished')
  stopping.abort()
  await running
  expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
})

test('a log that can not be read for a while ends nothing: what a person asked for meanwhile is taken in when it can', async () => {
  let unread = 3
  await using world = await startWorld({
    pollMs: 10,
    logOf: log => ({
      ...appending(log, entries => log.append(entries)),
      page: (...asked) =>
        unread-- > 0 ? Promise.reject(new LogError('retry', 'Kafka does not answer reads')) : log.page(...asked),
    }),
  })
  world.put(guest('web-1', { adopted: true }))
  await world.sync()
  const stopping = new AbortController()
  const running = world.dispatcher.run(stopping.signal)
  await world.command({ hosts: [hostOf('web-1')] })
  await expect.poll(() => world.launches().length, SOON).toBe(1)
  expect(unread).toBeLessThan(0)
  stopping.abort()
  await running
})
