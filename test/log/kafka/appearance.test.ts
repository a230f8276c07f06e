import { expect, test } from 'vitest'
import type { TopicsReport } from '../../../src/log/kafka/admin.ts'
import { whenTheyAppear } from '../../../src/log/kafka/appearance.ts'

const THERE = { topic: 'vb.events.vm', exists: true, faults: [] }
const UNSEEN = { topic: 'vb.commands', exists: false, faults: ['vb.commands does not exist'] }
const WRONG = { topic: 'vb.state.runs', exists: true, faults: ['vb.state.runs has 1 replica, not 3'] }

/** Asks of topics that come to be known after so many ms, by a clock that moves when it is waited for; what came of it, when, and what was told. */
async function asked(appearAfterMs: number, others: TopicsReport['topics'] = []): Promise<object> {
  let now = 1_000
  let looks = 0
  const told: string[] = []
  const inspect = (): Promise<TopicsReport> => {
    looks += 1
    const late = now - 1_000 >= appearAfterMs ? { ...UNSEEN, exists: true, faults: [] } : UNSEEN
    return Promise.resolve({ topics: [THERE, late, ...others], mends: [] })
  }
  const clock = {
    steady: () => now,
    rest: (ms: number): Promise<void> => {
      now += ms
      return Promise.resolve()
    },
  }
  const { topics } = await whenTheyAppear(inspect, { clock, tell: names => told.push(...names) })
  return { looks, after: now - 1_000, told, faults: topics.flatMap(({ faults }) => faults) }
}

test('topics that are there are asked for once, and nothing is told', async () => {
  expect(await asked(0)).toEqual({ looks: 1, after: 0, told: [], faults: [] })
})

test('a topic that is known a moment later is waited for, which is told once', async () => {
  expect(await asked(900)).toEqual({ looks: 5, after: 1_000, told: ['vb.commands'], faults: [] })
})

test('a topic that is not there is a fault after ten seconds', async () => {
  expect(await asked(Infinity)).toEqual({
    looks: 41,
    after: 10_000,
    told: ['vb.commands'],
    faults: ['vb.commands does not exist'],
  })
})

test('nobody waits for a topic beside one that has to be mended', async () => {
  const { faults } = WRONG
  expect(await asked(900, [WRONG])).toEqual({
    looks: 1,
    after: 0,
    told: [],
    faults: ['vb.commands does not exist', ...faults],
  })
})
