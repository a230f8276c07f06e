import { expect, test, vi } from 'vitest'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

const SOON = { timeout: 60_000, interval: 20 }
const WHERE = '/api/v1/controller/notifications'

async function looks(desk: Desk): Promise<readonly unknown[]> {
  return (await desk.log.page('commands', '0', 100)).map(entry => entry.value)
}

async function notify(desk: Desk, body: unknown, token: string = TOKENS.reader): Promise<unknown> {
  return (await desk.post(WHERE, body, bearer(token))).json()
}

test('a notification of the controller makes it looked at, whatever it says; of many in a second the last one too', async () => {
  await using desk = await openDesk()
  expect(await notify(desk, { id: 7, status: 'successful', hosts: { evil: {} } })).toEqual({ look: true })
  expect(await looks(desk)).toHaveLength(1)
  // One look for all that come now, when the second is over.
  expect(await notify(desk, { id: 7 })).toEqual({ look: true })
  expect(await notify(desk, [])).toEqual({ look: false })
  expect(await looks(desk)).toHaveLength(1)
  await vi.waitUntil(async () => (await looks(desk)).length === 2, SOON)
  desk.clock += 1_000
  expect(await notify(desk, {})).toEqual({ look: true })
  expect((await looks(desk)).map(command => Object.keys(command as object))).toEqual(
    Array.from({ length: 3 }, () => ['schema', 'kind', 'id', 'at']),
  )
})

test('who may do nothing but notify may do that and nothing else; who says nothing of himself may not', async () => {
  await using desk = await openDesk()
  expect(await notify(desk, {}, TOKENS.notifier)).toEqual({ look: true })
  const codes = await Promise.all(
    ['/api/v1/vms', '/api/v1/inventory', '/api/v1/runs', '/api/v1/clusters'].map(
      async path => (await desk.get(path, bearer(TOKENS.notifier))).statusCode,
    ),
  )
  expect(codes).toEqual([403, 403, 403, 403])
  expect((await desk.post(WHERE, {}, {})).statusCode).toBe(401)
})
