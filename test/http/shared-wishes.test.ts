import { describe, expect, test } from 'vitest'
import { hostsDigest, type RunCommand } from '../../src/day2/index.ts'
import { MAX_MENTIONS, MAX_SHARED, type SharedWish, SharedWishes } from '../../src/http/shared-wishes.ts'
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

  test('one with a selection shares with no other, and is told so', async () => {
    await using desk = await openDesk()
    desk.put(guest('web-1'))
    const answer = await post(desk, 'web-1', { share: true, hosts: undefined, namespace: 'shop' })
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([
      400,
      'a wish with a selection shares its run with no other',
    ])
    expect(await commands(desk)).toEqual([])
  })
})

describe('with an idempotency key', () => {
  const keyed = (key: string): Record<string, string> => ({ ...bearer(TOKENS.runner), 'idempotency-key': key })
  const WISH = { verb: 'patch', reason: 'cve', share: true }
  const ask = async (desk: Desk, key: string, names: readonly string[], more: object = {}) => {
    const answer = await desk.post('/api/v1/runs', { ...WISH, hosts: names.map(hostOf), ...more }, keyed(key))
    const { id, code, run } = answer.json<{ id?: string; code?: string; run?: string }>()
    return { status: answer.statusCode, id, code, run }
  }
  /** A desk at which a run waits for so many hosts. */
  async function busy(hosts: number): Promise<Desk> {
    const desk = await openDesk({
      sharing: async gathered => {
        while (gathered.size < hosts) await new Promise(resolve => setImmediate(resolve))
      },
    })
    desk.put(guest('web-1'), guest('web-2'))
    return desk
  }
  /** The ledger has the run of the first command. */
  async function takenIn(desk: Desk): Promise<string> {
    const [command] = await commands(desk)
    if (command === undefined) throw new Error('nobody asked')
    const hosts = command.hosts.map(host => ({ host, key: `prod-1/shop/${host}`, uid: host, address: '' }))
    const shared = Object.fromEntries(
      Object.entries(command.shared ?? {}).map(([id, of]) => [id, hostsDigest(of.map(at => command.hosts[at] ?? ''))]),
    )
    desk.run({ id: command.id, verb: 'patch', hosts, shared })
    return command.id
  }

  test('wishes share too: the command says which of its hosts each of them is for', async () => {
    await using desk = await busy(2)
    const [one, other] = await Promise.all([ask(desk, 'k1', ['web-1']), ask(desk, 'k2', ['web-2', 'web-1'])])
    expect([one.status, other.status, other.id]).toEqual([202, 202, one.id])
    const [command] = await commands(desk)
    expect(command).toMatchObject({ id: one.id, hosts: [hostOf('web-1'), hostOf('web-2')] })
    expect(Object.values(command?.shared ?? {})).toEqual([[0], [1, 0]])
  })

  test('they share with none that has no key: nobody could tell its hosts from those that come once more', async () => {
    await using shared = await sharing()
    const asked = [shared.wishes.ask(wish(1, ['a'])), shared.wishes.ask(wish(2, ['b']), uuid(9))]
    shared.open()
    expect(await Promise.all(asked)).toEqual([uuid(1), uuid(2)])
  })

  test.each<[string, (desk: Desk) => Promise<unknown>]>([
    ['before the dispatcher has taken it in', () => Promise.resolve()],
    ['afterwards', takenIn],
  ])('one that is asked for again is answered with the run that it has, and asks for nothing: %s', async (_, then) => {
    await using desk = await busy(2)
    const [{ id }] = await Promise.all([ask(desk, 'k1', ['web-1']), ask(desk, 'k2', ['web-2'])])
    await then(desk)
    const again = [
      await ask(desk, 'k1', ['web-1']),
      await ask(desk, 'k2', ['web-2']),
      await ask(desk, 'k1', ['web-1'], { share: false }),
    ]
    expect(again).toMatchObject([1, 2, 3].map(() => ({ status: 202, id })))
    expect(await commands(desk)).toHaveLength(1)
    // Another wish of that key, though the hosts are those of the run.
    expect(await ask(desk, 'k1', ['web-1', 'web-2'])).toMatchObject({ status: 409, code: 'key_used', run: id })
    expect(await ask(desk, 'k2', ['web-1'])).toMatchObject({ status: 409, code: 'key_used', run: id })
  })

  test('one that is asked for again while it waits for others waits with the first', async () => {
    await using desk = await busy(2)
    const asked = [ask(desk, 'k1', ['web-1']), ask(desk, 'k1', ['web-1']), ask(desk, 'k2', ['web-2'])]
    const ids = (await Promise.all(asked)).map(({ id }) => id)
    expect(new Set(ids).size).toBe(1)
    expect((await commands(desk)).map(({ shared }) => Object.values(shared ?? {}))).toEqual([[[0], [1]]])
  })

  test('one whose key was used for a run of its own is answered with that', async () => {
    await using desk = await openDesk()
    desk.put(guest('web-1'))
    const alone = await ask(desk, 'k1', ['web-1'], { share: false })
    expect(await ask(desk, 'k1', ['web-1'])).toEqual(alone)
    await takenIn(desk)
    expect(await ask(desk, 'k1', ['web-1'])).toEqual(alone)
    expect(await commands(desk)).toHaveLength(1)
  })

  test('one that could not be put on record may be asked for again', async () => {
    await using desk = await openDesk()
    let fails = true
    const log = appending(desk.log, entries =>
      fails ? Promise.reject(new Error('no room')) : desk.log.append(entries),
    )
    await using own = await openDesk({ log })
    own.put(guest('web-1'))
    expect((await ask(own, 'k1', ['web-1'])).status).toBe(500)
    fails = false
    expect((await ask(own, 'k1', ['web-1'])).status).toBe(202)
    expect(await commands({ log: desk.log })).toHaveLength(1)
  })

  test('a run remembers a thousand mentions of its hosts; the next wish begins another', async () => {
    await using shared = await sharing()
    const asked = Array.from({ length: MAX_MENTIONS + 1 }, (_, index) =>
      shared.wishes.ask(wish(index, ['a']), uuid(10_000 + index)),
    )
    shared.open()
    await Promise.all(asked)
    const counts = (await commands(shared.desk)).map(command => Object.keys(command.shared ?? {}).length)
    expect(counts).toEqual([MAX_MENTIONS, 1])
  })
})
