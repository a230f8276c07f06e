import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import {
  type DeadLetter,
  type EventLog,
  isAfter,
  LetterBook,
  LogError,
  MAX_RECORD_BYTES,
  type Position,
  type RecordOptions,
  START,
  type Stored,
  type Stream,
} from '../../src/log/index.ts'
import { temporaryFolder } from '../support/bridge.ts'

/** What the suite needs to know of an engine. */
export interface Engine {
  readonly open: (folder: string, more?: Partial<Retention> & RecordOptions) => Promise<EventLog>
  /** The most bytes that may wait to become durable, but for one append that is larger alone. */
  readonly boundBytes: number
  /** Arguments of `node` for a program that opens the log in a folder and appends to `events.vm` for ever, a position a line. */
  readonly appender: (folder: string) => readonly string[]
  /** Whether the engine itself forgets what is past its time; of Kafka the brokers do. */
  readonly prunes: boolean
}

export interface Retention {
  readonly retentionMs: number
  readonly auditRetentionMs: number
}

const SOON = { timeout: 60_000, interval: 5 }

/** What every engine of the log promises, whatever is under it. */
export function conformance(name: string, engine: Engine): void {
  describe(`the ${name} log`, () => {
    appends(engine)
    follows(engine)
    keeps(engine)
    bounds(engine)
    deadLetters(engine)
  })
}

/** All there is of a stream after a position, by pages. */
export async function all(log: EventLog, stream: Stream, from: Position = START): Promise<readonly Stored[]> {
  const found: Stored[] = []
  for (let at = from; ;) {
    const page = await log.page(stream, at, 500)
    found.push(...page)
    if (page.length === 0) return found
    at = page.at(-1)?.position ?? at
  }
}

export async function latest(log: EventLog, stream: 'state.fleet' | 'state.runs'): Promise<readonly Stored[]> {
  const found: Stored[] = []
  for await (const entry of log.latest(stream)) found.push(entry)
  return found
}

function event(n: number): { stream: 'events.vm'; key: string; value: object } {
  return { stream: 'events.vm', key: `c/n/vm-${n % 7}`, value: { n } }
}

function numbers(entries: readonly Stored[]): readonly number[] {
  return entries.map(entry => (entry.value as { n: number }).n)
}

function appends({ open }: Engine): void {
  test('appends are durable in the order of the calls, whether awaited or not, and positions grow', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const positions = await Promise.all(Array.from({ length: 1200 }, (_, n) => log.append([event(n)])))
    const stored = await all(log, 'events.vm')
    expect(numbers(stored)).toEqual(Array.from({ length: 1200 }, (_, n) => n))
    for (const [index, entry] of stored.entries()) {
      expect(index === 0 || isAfter(entry.position, stored[index - 1]?.position ?? '')).toBe(true)
      expect(isAfter(entry.position, positions[index] ?? '')).toBe(false)
    }
    // A marker of the engine may lie after it, an entry does not.
    expect(isAfter(stored.at(-1)?.position ?? '', log.end('events.vm'))).toBe(false)
    expect(await all(log, 'events.vm', log.end('events.vm'))).toEqual([])
  })

  test('the entries of one append become visible together, over all their streams', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const seen = new Set<string>()
    const done = new AbortController()
    const looking = (async () => {
      while (!done.signal.aborted) {
        const [vms, states] = [log.end('events.vm') === START, log.end('state.fleet') === START]
        seen.add(`${vms} ${states}`)
        await new Promise(resolve => setImmediate(resolve))
      }
    })()
    await log.append([
      ...Array.from({ length: 2000 }, (_, n) => event(n)),
      { stream: 'state.fleet', key: 'c', value: {} },
    ])
    done.abort()
    await looking
    expect(await all(log, 'events.vm')).toHaveLength(2000)
    expect(log.end('state.fleet')).not.toBe(START)
    expect([...seen]).not.toContain('false true')
  })

  test('a tombstone on an event stream is refused, and the entries beside it with it', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const refused = log.append([event(1), { stream: 'events.vm', key: 'c/n/x', value: null }])
    await expect(refused).rejects.toThrow(LogError)
    await expect(refused).rejects.toMatchObject({
      reaction: 'refused',
      message: expect.stringContaining('c/n/x') as string,
    })
    await log.append([event(2)])
    expect(numbers(await all(log, 'events.vm'))).toEqual([2])
    expect(log.health()).toMatchObject({ writable: true, reason: '' })
  })

  test('keys and values come back as they were, whatever they hold', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const values = [
      {},
      { a: null },
      { text: '\u0000\ud800"\\\u2028 {{ 6*7 }} 🦊' },
      { __proto__x: [1, [2]] },
      { n: 1e21 },
    ]
    for (const [index, value] of values.entries())
      await log.append([{ stream: 'events.vm', key: `é🦊 '" ${index}`, value }])
    const stored = await all(log, 'events.vm')
    expect(stored.map(entry => entry.value)).toEqual(values)
    expect(stored.map(entry => entry.key)).toEqual(values.map((_, index) => `é🦊 '" ${index}`))
    expect(stored.every(entry => entry.stream === 'events.vm' && Math.abs(entry.at - Date.now()) < 60_000)).toBe(true)
  })
}

function follows({ open }: Engine): void {
  test('a follower gets everything after its position exactly once, in order, what is there and what comes', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    for (let n = 0; n < 5; n += 1) await log.append(Array.from({ length: 300 }, (_, m) => event(n * 300 + m)))
    const stored = await all(log, 'events.vm')
    const stop = new AbortController()
    const starts = [-1, 0, 777, 1499]
    const heard = starts.map((): Stored[] => [])
    const following = starts.map(async (start, index) => {
      for await (const entry of log.follow('events.vm', stored[start]?.position ?? START, stop.signal))
        heard[index]?.push(entry)
    })
    for (let n = 1500; n < 1800; n += 3)
      await Promise.all(
        [0, 1, 2].map(m => log.append([event(n + m), { stream: 'events.cluster', key: 'c', value: {} }])),
      )
    await expect.poll(() => heard.map(entries => entries.length), SOON).toEqual(starts.map(start => 1799 - start))
    for (const [index, start] of starts.entries()) {
      expect(numbers(heard[index] ?? [])).toEqual(Array.from({ length: 1799 - start }, (_, n) => n + start + 1))
    }
    stop.abort()
    await Promise.all(following)
  })

  test('a follower that waits ends when it is told to, and when the log is closed', async () => {
    await using folder = await temporaryFolder()
    const log = await open(folder.path)
    const stop = new AbortController()
    const ended: string[] = []
    const follow = async (name: string, signal: AbortSignal): Promise<void> => {
      for await (const entry of log.follow('events.vm', START, signal)) ended.push(entry.position)
      ended.push(name)
    }
    const following = [follow('told', stop.signal), follow('closed', new AbortController().signal)]
    stop.abort()
    await following[0]
    expect(ended).toEqual(['told'])
    await log[Symbol.asyncDispose]()
    await following[1]
    expect(ended).toEqual(['told', 'closed'])
  })

  test('a page has at most so many entries, and the next one goes on where it ended', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    await log.append(Array.from({ length: 10 }, (_, n) => event(n)))
    const first = await log.page('events.vm', START, 4)
    const second = await log.page('events.vm', first.at(-1)?.position ?? '', 100)
    expect([numbers(first), numbers(second)]).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7, 8, 9],
    ])
    expect(await log.page('events.vm', second.at(-1)?.position ?? '', 100)).toEqual([])
    expect(await log.page('events.day2', START, 100)).toEqual([])
  })

  test('the latest content of a state stream has each key once, with its last value and position, and no tombstone', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const keys = Array.from({ length: 1200 }, (_, n) => `c/n/vm-${n}`)
    for (const round of [1, 2]) await log.append(keys.map(key => ({ stream: 'state.fleet', key, value: { round } })))
    await log.append(keys.slice(0, 600).map(key => ({ stream: 'state.fleet', key, value: null })))
    const found = await latest(log, 'state.fleet')
    expect(found.map(entry => entry.key).sort()).toEqual(keys.slice(600).sort())
    expect(new Set(found.map(entry => JSON.stringify(entry.value)))).toEqual(new Set(['{"round":2}']))
    // A follower from before hears of the tombstones, or it would keep what is gone.
    const after = await all(log, 'state.fleet', found[0]?.position ?? '')
    expect(after.filter(entry => entry.value === null)).toHaveLength(600)
    expect(await latest(log, 'state.runs')).toEqual([])
  })
}

function keeps({ open, appender, prunes }: Engine): void {
  test('what was acknowledged is there after the log was closed and opened again, and positions go on', async () => {
    await using folder = await temporaryFolder()
    let last = START
    for (let n = 0; n < 3; n += 1) {
      await using log = await open(folder.path)
      const position = await log.append([event(n), { stream: 'state.fleet', key: 'c', value: { n } }])
      expect(isAfter(position, last)).toBe(true)
      last = position
    }
    await using log = await open(folder.path)
    expect(numbers(await all(log, 'events.vm'))).toEqual([0, 1, 2])
    expect(numbers(await latest(log, 'state.fleet'))).toEqual([2])
    // A marker of the engine may lie after it.
    expect(isAfter(last, log.end('state.fleet'))).toBe(false)
  })

  test('what is being appended when the log is closed is durable or refused, and nothing waits for ever', async () => {
    await using folder = await temporaryFolder()
    const log = await open(folder.path)
    const filler = 'x'.repeat(400_000)
    const appends = Array.from({ length: 60 }, (_, n) => log.append([{ ...event(n), value: { n, filler } }]))
    await appends[0]
    const closed = log[Symbol.asyncDispose]()
    const results = await Promise.allSettled(appends)
    await closed
    await expect(log.append([event(99)])).rejects.toMatchObject({ reaction: 'fatal' })
    await using again = await open(folder.path)
    const acknowledged = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []))
    expect(numbers(await all(again, 'events.vm'))).toEqual(acknowledged)
    expect(acknowledged).toEqual(acknowledged.map((_, n) => n))
  })

  test('every position that was acknowledged before the process was killed is there afterwards', async () => {
    await using folder = await temporaryFolder()
    const child = spawn(process.execPath, [...appender(folder.path)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const acknowledged: string[] = []
    const left = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line)
      if (acknowledged.length === 200) child.kill('SIGKILL')
    }
    await left
    await using log = await open(folder.path)
    const stored = await all(log, 'events.vm')
    for (const [index, position] of [...acknowledged.entries()].filter(([n]) => n % 50 === 49))
      expect(numbers(await all(log, 'events.vm', position))).toEqual(numbers(stored.slice(index + 1)))
    expect(numbers(stored)).toEqual(stored.map((_, n) => n))
    const position = await log.append([event(stored.length)])
    expect(isAfter(position, stored.at(-1)?.position ?? '')).toBe(true)
  })

  test('a log that lost nothing says so at each open, and confirming what is not lost changes nothing', async () => {
    await using folder = await temporaryFolder()
    for (let life = 0; life < 2; life += 1) {
      await using log = await open(folder.path)
      await log.append([event(life), { stream: 'state.fleet', key: 'c', value: { life } }])
      const end = log.end('state.fleet')
      await log.confirmLoss('no loss')
      expect(log.losses()).toEqual([])
      expect(log.end('state.fleet')).toBe(end)
      expect(log.health()).toMatchObject({ writable: true, readable: true, reason: '' })
    }
  })

  if (prunes) forgets(open)
}

function forgets(open: Engine['open']): void {
  test('events past their time and old tombstones go, the audit and the state stay, and no position comes twice', async () => {
    await using folder = await temporaryFolder()
    let last = START
    {
      await using log = await open(folder.path)
      await log.append(Array.from({ length: 6000 }, (_, n) => event(n)))
      last = await log.append([
        { stream: 'events.day2', key: 'r', value: { n: 1 } },
        { stream: 'state.fleet', key: 'kept', value: { n: 1 } },
        { stream: 'state.fleet', key: 'gone', value: null },
      ])
    }
    await using log = await open(folder.path, { retentionMs: -1 })
    await expect.poll(() => all(log, 'events.vm'), SOON).toEqual([])
    await expect.poll(async () => (await all(log, 'state.fleet')).map(entry => entry.key), SOON).toEqual(['kept'])
    expect(await all(log, 'events.day2')).toHaveLength(1)
    expect(isAfter(await log.append([event(1)]), last)).toBe(true)
  })
}

function bounds({ open, boundBytes }: Engine): void {
  test('what waits is bounded in bytes, and let in in the order of the calls', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const large = { stream: 'events.vm', key: 'large', value: { filler: 'x'.repeat(boundBytes / 5) } } as const
    const order: string[] = []
    const append = async (name: string, entry: Parameters<EventLog['append']>[0][number]): Promise<void> => {
      await log.append([entry])
      order.push(name)
      expect(log.health().waitingBytes).toBeLessThanOrEqual(boundBytes)
    }
    // The small one would fit beside those that wait before it; it may not overtake them.
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'small', 'g']
    const appends = names.map(name => append(name, name === 'small' ? event(1) : large))
    await new Promise(resolve => setImmediate(resolve))
    expect(log.health().waitingBytes).toBeGreaterThan(boundBytes / 2)
    expect(log.health().waitingBytes).toBeLessThanOrEqual(boundBytes)
    await Promise.all(appends)
    expect(order).toEqual(names)
    expect(log.health().waitingBytes).toBe(0)
  })

  test('an append that is larger than all that may wait is let in alone', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const filler = 'x'.repeat(boundBytes / 8)
    const large = Array.from({ length: 9 }, (_, n) => ({ ...event(0), value: { n: n + 1, filler } }))
    await Promise.all([log.append([event(0)]), log.append(large), log.append([event(10)])])
    expect(numbers(await all(log, 'events.vm'))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
}

/** Values that no log can store, each with why; the secret in them must not be told. */
function unstorable(): readonly (readonly [what: string, value: object, cause: string, reason: RegExp])[] {
  const circle: Record<string, unknown> = { password: SECRET }
  circle['self'] = { deeper: circle }
  const throwing = {
    password: SECRET,
    toJSON: () => {
      throw new Error(`the password is ${SECRET}`)
    },
  }
  const gate = {
    get password(): string {
      throw new TypeError(SECRET)
    },
  }
  return [
    ['a BigInt', { password: SECRET, n: 1n }, 'not_json', /BigInt/],
    ['a circle', circle, 'not_json', /contains itself/],
    ['a toJSON that throws', throwing, 'not_json', /threw Error$/],
    ['a field that throws', gate, 'not_json', /threw TypeError$/],
    ['a toJSON that gives nothing', { toJSON: () => undefined }, 'not_json', /no object/],
    ['a toJSON that gives null', { toJSON: () => null }, 'not_json', /no object/],
    ['a toJSON that gives a text', { toJSON: () => SECRET }, 'not_json', /no object/],
    ['more bytes than a record has', { password: SECRET.repeat(60_000) }, 'too_large', /2000000 at most/],
    ['more bytes than characters', { password: '€'.repeat(700_000) }, 'too_large', /2000000 at most/],
  ]
}

const SECRET = 'hunter2-correct-horse-battery-staple'

function deadLetters({ open }: Engine): void {
  test('an event that can not be stored becomes a dead letter; all beside it is durable with it, in order', async () => {
    await using folder = await temporaryFolder()
    const told: DeadLetter[] = []
    await using log = await open(folder.path, { onDead: letter => void told.push(letter) })
    const id = '6a6a1f7e-0000-5000-8000-000000000001'
    const type = 'io.virtbridge.vm.started.v1'
    let n = 0
    for (const [what, value] of unstorable()) {
      const bad = Object.defineProperties({ id, type }, Object.getOwnPropertyDescriptors(value))
      const position = await log.append([
        event((n += 1)),
        { stream: 'events.vm', key: `c/n/${what}`, value: bad },
        event((n += 1)),
        { stream: 'state.fleet', key: what, value: { n } },
      ])
      expect(isAfter(position, START)).toBe(true)
    }
    expect(numbers(await all(log, 'events.vm'))).toEqual(Array.from({ length: n }, (_, index) => index + 1))
    expect((await latest(log, 'state.fleet')).map(entry => entry.key).sort()).toEqual(
      unstorable()
        .map(([what]) => what)
        .sort(),
    )
    const letters = await all(log, 'events.dead')
    expect(letters.map(entry => entry.key)).toEqual(unstorable().map(([what]) => `c/n/${what}`))
    for (const [index, [what, , cause, reason]] of unstorable().entries()) {
      const { value, key } = letters[index] ?? {}
      const known = { schema: 1, kind: 'dead', stream: 'events.vm', key, event_id: id, event_type: type, cause }
      expect([what, value]).toMatchObject([what, { ...known, reason: expect.stringMatching(reason) as string }])
      expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(4_096)
    }
    expect(letters.map(entry => entry.value)).toEqual(told)
    expect(JSON.stringify(letters)).not.toMatch(/hunter2|€/)
    expect(log.health()).toMatchObject({ writable: true, reason: '', waitingBytes: 0 })
  })

  test('state or a command that can not be stored refuses its whole append: nothing of it is there but the letter', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    for (const stream of ['state.fleet', 'state.runs', 'commands'] as const) {
      const refused = log.append([
        event(1),
        { stream: 'state.fleet', key: 'beside', value: {} },
        { stream, key: 'run/1', value: { n: 1n } },
      ])
      await expect(refused).rejects.toMatchObject({
        reaction: 'refused',
        message: expect.stringContaining(`${stream} can not store run/1: a value in it is a BigInt`) as string,
      })
    }
    await log.append([event(2)])
    expect(numbers(await all(log, 'events.vm'))).toEqual([2])
    expect([...(await latest(log, 'state.fleet')), ...(await latest(log, 'state.runs'))]).toEqual([])
    expect((await all(log, 'events.dead')).map(({ key, value }) => [key, value])).toEqual(
      ['state.fleet', 'state.runs', 'commands'].map(stream => [
        'run/1',
        expect.objectContaining({ stream, cause: 'not_json', fields: ['n: bigint'] }),
      ]),
    )
  })

  test('a record of just so many bytes is stored, one of a byte more is not, on either engine', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const key = 'é'
    const room = MAX_RECORD_BYTES - Buffer.byteLength(key) - Buffer.byteLength(JSON.stringify({ n: 1, filler: '' }))
    for (const length of [room, room + 1])
      await log.append([{ stream: 'events.vm', key, value: { n: length - room + 1, filler: 'x'.repeat(length) } }])
    expect(numbers(await all(log, 'events.vm'))).toEqual([1])
    expect(await all(log, 'events.dead')).toHaveLength(1)
  })

  test('an event that is judged not valid is a dead letter with the reason; state is not judged', async () => {
    await using folder = await temporaryFolder()
    const judge = (stream: string, json: string): string => (json.includes('"n":2') ? `${stream}: /n is wrong` : '')
    await using log = await open(folder.path, { judge })
    await log.append([event(1), event(2), event(3), { stream: 'state.fleet', key: 'c', value: { n: 2 } }])
    expect(numbers(await all(log, 'events.vm'))).toEqual([1, 3])
    expect(await latest(log, 'state.fleet')).toHaveLength(1)
    expect((await all(log, 'events.dead')).map(entry => entry.value)).toMatchObject([
      { cause: 'not_valid', reason: 'events.vm: /n is wrong', bytes: 7 },
    ])
  })

  test('what can not be stored is told once, however often it is tried, and the log goes on', async () => {
    await using folder = await temporaryFolder()
    const told: DeadLetter[] = []
    await using log = await open(folder.path, { letters: new LetterBook(), onDead: letter => void told.push(letter) })
    const bad = { n: 1n }
    for (let n = 0; n < 3; n += 1) {
      await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: bad }])
      const refused = log.append([{ stream: 'state.fleet', key: 'c/n/vm', value: bad }])
      await expect(refused).rejects.toMatchObject({ reaction: 'refused' })
      await log.append([event(n)])
    }
    expect(numbers(await all(log, 'events.vm'))).toEqual([0, 1, 2])
    expect((await all(log, 'events.dead')).map(({ value }) => value)).toEqual(told)
    expect(told.map(({ stream }) => stream)).toEqual(['events.vm', 'state.fleet'])
  })

  test('many that can not be stored among many that can: order, nothing lost, nothing waits', async () => {
    await using folder = await temporaryFolder()
    await using log = await open(folder.path)
    const value = (n: number): object => (n % 3 === 0 ? { n: BigInt(n) } : { n })
    await Promise.all(Array.from({ length: 300 }, (_, n) => log.append([{ ...event(n), value: value(n) }])))
    expect(numbers(await all(log, 'events.vm'))).toEqual(Array.from({ length: 300 }, (_, n) => n).filter(n => n % 3))
    expect(await all(log, 'events.dead')).toHaveLength(100)
  })
}
