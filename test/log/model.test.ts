import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Entry,
  type EventLog,
  openSqliteLog,
  START,
  STATE_STREAMS,
  type Stored,
  type Stream,
} from '../../src/log/index.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, latest } from './conformance.ts'

const YEAR_MS = 31_536_000_000

interface Content {
  readonly events: readonly { readonly key: string; readonly value: unknown }[]
  readonly states: ReadonlyMap<Stream, ReadonlyMap<string, unknown>>
}

/** What a log of this many appends must say: events in order, and the last value of each key of state. */
class Model {
  readonly events: { key: string; value: unknown }[] = []
  readonly states = new Map<Stream, Map<string, unknown>>(STATE_STREAMS.map(stream => [stream, new Map()]))

  content(): Content {
    const there = (state: Map<string, unknown>): Map<string, unknown> =>
      new Map([...state].filter(([, value]) => value !== null))
    return {
      events: [...this.events],
      states: new Map([...this.states].map(([stream, state]) => [stream, there(state)])),
    }
  }

  take(entries: readonly Entry[]): void {
    for (const { stream, key, value } of entries) {
      const state = this.states.get(stream)
      if (state === undefined) this.events.push({ key, value })
      else state.set(key, value)
    }
  }
}

type Step =
  | { readonly kind: 'append'; readonly entries: readonly Entry[]; readonly awaited: boolean }
  | { readonly kind: 'look' }
  | { readonly kind: 'reopen' }

const LOOK: Step = { kind: 'look' }
const REOPEN: Step = { kind: 'reopen' }

const key = fc.constantFrom('a', 'a/b', 'a/b/c', 'B', 'é', '🦊', '', '__proto__')
const value = fc.record({ n: fc.integer(), t: fc.string({ unit: 'binary', maxLength: 5 }) })
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ stream: fc.constant<Stream>('events.vm'), key, value }),
  fc.record({ stream: fc.constantFrom<Stream>(...STATE_STREAMS), key, value: fc.option(value, { freq: 3 }) }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      entries: fc.array(entry, { maxLength: 5 }),
      awaited: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'look' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' } as const) },
)

test('whatever is appended, followed, read and opened again in whatever order, the log says what a map and a list would', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async steps => {
      await using folder = await temporaryFolder()
      const model = new Model()
      const heard: Stored[] = []
      const run = await Run.start(folder.path, heard)
      try {
        const found: Content[] = []
        const expected: Content[] = []
        for (const step of [...steps, LOOK, REOPEN, LOOK]) {
          if (step.kind !== 'look') await run.take(step, model)
          else {
            found.push(await run.read())
            expected.push(model.content())
          }
        }
        expect(found).toEqual(expected)
        await expect.poll(() => heard.length, { timeout: 60_000, interval: 1 }).toBe(model.events.length)
        expect(heard.map(({ key, value }) => ({ key, value }))).toEqual(model.events)
      } finally {
        await run.close()
      }
    }),
    { numRuns: 8 },
  )
})

/** A log with a follower of its events, which goes on where it stood when the log is opened again. */
class Run {
  readonly #folder: string
  readonly #heard: Stored[]
  #log: EventLog
  #following: Promise<void>
  #pending: Promise<unknown>[] = []

  static async start(folder: string, heard: Stored[]): Promise<Run> {
    return new Run(folder, heard, await openIn(folder))
  }

  constructor(folder: string, heard: Stored[], log: EventLog) {
    this.#folder = folder
    this.#heard = heard
    this.#log = log
    this.#following = this.#follow()
  }

  async take(step: Exclude<Step, { kind: 'look' }>, model: Model): Promise<void> {
    if (step.kind === 'reopen') return this.reopen()
    model.take(step.entries)
    const appended = this.#log.append(step.entries)
    this.#pending.push(appended)
    if (step.awaited) await appended
  }

  async read(): Promise<Content> {
    await this.#settle()
    const events = (await all(this.#log, 'events.vm')).map(({ key, value }) => ({ key, value }))
    const states: [Stream, Map<string, unknown>][] = []
    for (const stream of STATE_STREAMS) {
      const found = await latest(this.#log, stream)
      states.push([stream, new Map(found.map(({ key, value }) => [key, value]))])
    }
    return { events, states: new Map(states) }
  }

  async reopen(): Promise<void> {
    await this.close()
    this.#log = await openIn(this.#folder)
    this.#following = this.#follow()
  }

  async close(): Promise<void> {
    await this.#settle()
    await this.#log[Symbol.asyncDispose]()
    await this.#following
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending)
    this.#pending = []
  }

  async #follow(): Promise<void> {
    const from = this.#heard.at(-1)?.position ?? START
    for await (const entry of this.#log.follow('events.vm', from, new AbortController().signal)) this.#heard.push(entry)
  }
}

function openIn(folder: string): Promise<EventLog> {
  return openSqliteLog({ file: `${folder}/virtbridge.db`, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
}
