import { expect, test } from 'vitest'
import { found, STEPPED } from '../day2/schedules.ts'
import { newTally } from '../day2/model.ts'

const RUNS = Number(process.env['FC_RUNS'] ?? 2_000)
const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 0x7fffffff)

test(`the model of the dispatcher over ${RUNS} schedules (FC_SEED=${SEED})`, async () => {
  const tally = newTally()
  expect(await found(RUNS, SEED, {}, { tally })).toBe('')
  console.log(`FC_SEED=${SEED} FC_RUNS=${RUNS} reached ${JSON.stringify(tally)}`)
  // Few schedules release a brake or let go of a job; test/day2/model.test.ts always has one that does.
  const { released: _released, letGo: _letGo, ...reached } = tally
  expect(Object.entries(reached).filter(([, times]) => times === 0)).toEqual([])
})

test(`the model of the dispatcher over ${RUNS} schedules that begin with a verb of several steps (FC_SEED=${SEED})`, async () => {
  const tally = newTally()
  expect(await found(RUNS, SEED, {}, { tally, first: STEPPED })).toBe('')
  console.log(`FC_SEED=${SEED} FC_RUNS=${RUNS} reached ${JSON.stringify(tally)}`)
  expect(tally.later).toBeGreaterThan(RUNS)
})
