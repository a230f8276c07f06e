import { describe, expect, test } from 'vitest'
import type { RunCommand } from '../../src/day2/index.ts'
import { MAX_SHARED, type SharedWish, SharedWishes } from '../../src/http/shared-wishes.ts'
import { guest, hostOf, uuid } from '../day2/guest.ts'
import { appending } from '../support/appending.ts'
import { bearer, type Desk, NOW, openDesk, TOKENS } from './desk.ts'

const commands = async ({ log }: Pick<Desk, 'log'>): Promise<readonly RunCommand[]> =>
  (await log.page('commands', '0', 500)).map(({ value }) => value as unknown as RunCommand)

function wish(number: number, hosts: readonly string[], change: Partial<SharedWish> = {}): SharedWish {
  const by = { asked_by: 'rulebook', reason: 'cve', allowed_by: 'the right run', at: NOW }
  return { schema: 1, kind: 'run', id: uuid(number), verb: 'patch', hosts, ...by, ...change }
}

/** Wishes that share, at a desk whose window opens when the test says so. */
async function sharing(): Promise<{ desk: Desk; wishes: SharedWishes; open: () => void } & AsyncDisposable> {
  const desk = await openDesk()
  const { promise, resolve } = Promise.withResolvers<void>()
  const wishes = new SharedWishes({ log: desk.log, window: () => promise })
  return { desk, wishes, open: resolve, [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() }
}

describe('wishes that may share', () => {
  test('and come from one token for the same are one command, with the hosts of all; each is answered with its run', async () => {
    await using shared = await sharing()
    const asked = [
      shared.wishes.ask(wish(1, ['a', 'b'])),
      shared.wishes.ask(wish(2, ['c'])),
      shared.wishes.ask(wish(3, ['c', 'a'])),
    ]
    shared.open()
    expect(await Promise.all(asked)).toEqual([uuid(1), uuid(1), uuid(1)])
    expect(await commands(shared.desk)).toEqual([wish(1, ['a', 'b', 'c'])])
  })

  test.each<[string, Partial<SharedWish>]>([
    ['another token', { asked_by: 'webhook' }],
    ['another right by then', { allowed_by: 'the right run on its part of the fleet' }],
    ['another verb', { verb: 'reboot' }],
    ['other variables', { variables: { patch_reboot: 'never' } }],
    ['a dry run', { check: true }],
    ['another reason', { reason: 'monthly' }],
  ])('share none with one of %s', async (_, change) => {
    await using shared = await sharing()
    const asked = [shared.wishes.ask(wish(1, ['a'])), shared.wishes.ask(wish(2, ['b'], change))]
    shared.open()
    expect(await Promise.all(asked)).toEqual([uuid(1), uuid(2)])
    expect((await commands(shared.desk)).map(({ hosts }) => hosts)).toEqual([['a'], ['b']])
  })

  test('are as many as one job has room for; the next begins another', async () => {
    await using shared = await sharing()
    const many = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `h${from + index}`)
    const asked = [
      shared.wishes.ask(wish(1, many(0, 499))),
      shared.wishes.ask(wish(2, many(499, 1))),
      shared.wishes.ask(wish(3, many(500, 2))),
      shared.wishes.ask(wish(4, many(502, 1))),
    ]
    shared.open()
    expect(await Promise.all(asked)).toEqual([uuid(1), uuid(1), uuid(3), uuid(3)])
    expect((await commands(shared.desk)).map(({ hosts }) => hosts.length)).toEqual([500, 3])
  })

  test('that come when the window has closed are a run of their own', async () => {
    await using shared = await sharing()
    shared.open()
    expect(await shared.wishes.ask(wish(1, ['a']))).toBe(uuid(1))
    expect(await shared.wishes.ask(wish(2, ['b']))).toBe(uuid(2))
  })

  test('and can not be put on record are all told so', async () => {
    await using desk = await openDesk()
    const log = appending(desk.log, () => Promise.reject(new Error('no room')))
    const { promise, resolve } = Promise.withResolvers<void>()
    const wishes = new SharedWishes({ log, window: () => promise })
    const asked = Promise.allSettled([wishes.ask(wish(1, ['a'])), wishes.ask(wish(2, ['b']))])
    resolve()
    expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('a hundred runs wait for others at once; the next waits for nobody', async () => {
    await using shared = await sharing()
    const other = (number: number): SharedWish => wish(number, ['a'], { reason: `r${number}` })
    const waiting = Array.from({ length: MAX_SHARED }, (_, index) => shared.wishes.ask(other(index)))
    expect(await shared.wishes.ask(other(MAX_SHARED))).toBe(uuid(MAX_SHARED))
    expect((await commands(shared.desk)).map(({ id }) => id)).toEqual([uuid(MAX_SHARED)])
    shared.open()
    await Promise.all(waiting)
  })
})

describe('over HTTP', () => {
  const RUNNER = bearer(TOKENS.runner)
  const post = (desk: Desk, name: string, more: object = {}, headers: Record<string, string> = RUNNER) =>
    desk.post('/api/v1/runs', { verb: 'patch', hosts: [hostOf(name)], reason: 'cve', ...more }, headers)

  test('each is answered with the run that it shares, and only those share that say so', async () => {
    const sharing = async (hosts: ReadonlySet<string>): Promise<void> => {
      while (hosts.size < 2) await new Promise(resolve => setImmediate(resolve))
    }
    await using desk = await openDesk({ sharing })
    desk.put(guest('web-1'), guest('web-2'), guest('web-3'))
    const alone = await post(desk, 'web-3')
    const answers = await Promise.all(['web-1', 'web-2'].map(name => post(desk, name, { share: true })))
    const ids = answers.map(answer => answer.json<{ id: string }>().id)
    expect(answers.map(answer => answer.statusCode)).toEqual([202, 202])
    expect(ids[0]).toBe(ids[1])
    expect(answers.map(answer => answer.headers.location)).toEqual(ids.map(id => `/api/v1/runs/${id}`))
    expect(answers.map(answer => answer.json<{ hosts: string[] }>().hosts)).toEqual([
      [hostOf('web-1')],
      [hostOf('web-2')],
    ])
    const [first, both] = await commands(desk)
    expect(first).toMatchObject({ id: alone.json<{ id: string }>().id, hosts: [hostOf('web-3')] })
    expect(both).toMatchObject({ id: ids[0], asked_by: 'runner', reason: 'cve' })
    expect(new Set(both?.hosts)).toEqual(new Set([hostOf('web-1'), hostOf('web-2')]))
  })

  test.each<[string, object, Record<string, string>]>([
    ['an idempotency key', {}, { 'idempotency-key': 'k1' }],
    ['a selection', { hosts: undefined, namespace: 'shop' }, {}],
  ])('one with %s shares with no other, and is told so', async (what, more, headers) => {
    await using desk = await openDesk()
    desk.put(guest('web-1'))
    const answer = await post(desk, 'web-1', { share: true, ...more }, { ...RUNNER, ...headers })
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([
      400,
      `a wish with ${what} shares its run with no other`,
    ])
    expect(await commands(desk)).toEqual([])
  })
})
