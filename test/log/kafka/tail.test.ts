import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RING_BYTES, type Ring } from '../../../src/log/kafka/ring.ts'
import { Strangers } from '../../../src/log/kafka/strangers.ts'
import { Tail } from '../../../src/log/kafka/tail.ts'
import { connectionTo } from './place.ts'
import { ScriptedLog, type Transaction } from './scripted-log.ts'

const PARTITIONS = 3

function tailOf(log: ScriptedLog): Tail {
  const strangers = new Strangers('p', () => undefined)
  const reading = { connection: connectionTo([]), prefix: 'p', partitions: PARTITIONS, strangers }
  const ends = new Map([['events.vm', Array.from({ length: PARTITIONS }, () => 0)]] as const)
  return new Tail(reading, ends, () => undefined, { open: () => log.open(), lookMs: 0, retryMs: 0 })
}

/** Offsets and numbers that followers were told, of each partition in the order in which they were. */
function toldOf(ring: Ring): { offset: number; n: number }[][] {
  const told: { offset: number; n: number }[][] = Array.from({ length: PARTITIONS }, () => [])
  for (let number = ring.first, record = ring.at(number); record !== undefined; record = ring.at(number)) {
    told[record.partition]?.push({ offset: record.offset, n: (record.value as { n: number }).n })
    number += 1
  }
  return told
}

const partition = fc.nat(PARTITIONS - 1)
const chunks = fc.array(fc.record({ partition, records: fc.integer({ min: 1, max: 3 }) }), {
  minLength: 1,
  maxLength: 4,
})
const step = fc.oneof(
  // The writer hears of its commit before its markers are written, or after; strangers may write in between, and who follows read.
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('acknowledged first', 'marked first', 'answer lost', 'failed', 'forgotten', 'taken back'),
      chunks,
      between: fc.array(fc.record({ kind: fc.constantFrom('stranger', 'aborted', 'look'), partition }), {
        maxLength: 2,
      }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('stranger', 'aborted', 'move'), partition }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('look'), partition, most: fc.integer({ min: 1, max: 6 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What happens to a log, with who follows it. */
class Play {
  readonly log = new ScriptedLog(PARTITIONS)
  readonly tail = tailOf(this.log)
  /** Told, and taken back afterwards: acknowledged, and aborted by a coordinator that forgot it. */
  readonly takenBack = new Set<number>()

  async take(step: Step): Promise<void> {
    if (!('chunks' in step)) return this.#happen(step.kind, step.partition, 'most' in step ? step.most : Infinity)
    // One partition has its chunks one after the other.
    const transaction = this.log.begin(step.chunks.toSorted((a, b) => a.partition - b.partition))
    const between = async (): Promise<void> => {
      for (const { kind, partition } of step.between) await this.#happen(kind, partition, Infinity)
    }
    const { placed } = transaction
    if (step.kind === 'acknowledged first') {
      this.tail.place(placed)
      await between()
      this.log.decide(transaction, 'committed')
    } else if (step.kind === 'marked first') {
      this.log.decide(transaction, 'committed')
      await between()
      this.tail.place(placed)
    } else if (step.kind === 'answer lost') {
      // The next session finds that it counts, and settles.
      this.log.decide(transaction, 'committed', true)
      await between()
      this.tail.place(placed)
    } else if (step.kind === 'failed') {
      await between()
      this.log.decide(transaction, 'aborted', true)
    } else if (step.kind === 'forgotten') {
      // Acknowledged, and its markers only come with those of the next session.
      this.tail.place(placed)
      await between()
      for (const slot of transaction.slots) slot.state = 'committed'
      this.log.settle()
    } else await this.#takeBack(transaction, between)
  }

  async #takeBack(transaction: Transaction, between: () => Promise<void>): Promise<void> {
    this.tail.place(transaction.placed)
    for (const { n } of transaction.slots) this.takenBack.add(n)
    await between()
    this.log.decide(transaction, 'aborted', true)
  }

  async #happen(kind: string, partition: number, most: number): Promise<void> {
    if (kind === 'look') await this.log.answer(partition % 2, most)
    else if (kind === 'move') await this.log.move(partition % 2)
    else this.log.stranger(partition, kind === 'aborted')
  }
}

test('whatever is written, by whom, decided when, read when and by which leader: who follows is told all that counts, once, each partition in its order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async steps => {
      const play = new Play()
      const stop = new AbortController()
      const running = play.tail.run(stop.signal)
      try {
        for (const step of steps) await play.take(step)
        for (const leader of [0, 1]) await play.log.answer(leader)
        const told = toldOf(play.tail.ring('events.vm'))
        expect(told.map(ofOne => ofOne.filter(({ n }) => !play.takenBack.has(n)))).toEqual(play.log.committed)
        for (const ofOne of told) expect(ofOne).toEqual(ofOne.toSorted((a, b) => a.offset - b.offset))
      } finally {
        stop.abort()
        await running
      }
    }),
    { numRuns: 500 },
  )
})

test('who follows is told of a commit when it is acknowledged, without a read', () => {
  const log = new ScriptedLog(PARTITIONS)
  const tail = tailOf(log)
  tail.place(log.begin([{ partition: 1, records: 2 }]).placed)
  expect(toldOf(tail.ring('events.vm'))[1]).toEqual([
    { offset: 0, n: 1 },
    { offset: 1, n: 2 },
  ])
})

test('what somebody else wrote is read, and all that comes after it; what is written when that was read is told without a read again', async () => {
  const log = new ScriptedLog(PARTITIONS)
  const tail = tailOf(log)
  const numbers = (): readonly number[] => toldOf(tail.ring('events.vm')).flatMap(told => told.map(({ n }) => n))
  const write = (partition: number): void => {
    const transaction = log.begin([{ partition, records: 1 }])
    log.decide(transaction, 'committed')
    tail.place(transaction.placed)
  }
  const stop = new AbortController()
  const running = tail.run(stop.signal)
  log.stranger(1, false)
  write(1)
  expect(numbers()).toEqual([])
  await log.answer(1)
  const before = numbers()
  write(1)
  expect(numbers().length - before.length).toBe(1)
  stop.abort()
  await running
})

test('what is kept for who follows keeps none of the memory beside it in which it was sent', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const memory = (): number => {
    collect()
    return process.memoryUsage().arrayBuffers
  }
  const log = new ScriptedLog(1)
  const tail = tailOf(log)
  const before = memory()
  for (let n = 0; n < 10_000; n += 1) {
    const transaction = log.begin([{ partition: 0, records: 1 }])
    log.decide(transaction, 'committed')
    tail.place(transaction.placed)
    // What a commit takes besides: Node gives small buffers out of shared pieces.
    Buffer.allocUnsafe(2_000)
  }
  // What nobody holds any more is given back a little later.
  await expect.poll(() => memory() - before).toBeLessThan(RING_BYTES)
  expect(tail.ring('events.vm').at(9_999)).toBeDefined()
})
