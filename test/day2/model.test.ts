import fc from 'fast-check'
import { expect, test } from 'vitest'
import { play, type Spoiled, steps } from './model.ts'

/** Few by default, as the whole unit suite is quick; `FC_RUNS=2000` for the long form, `FC_SEED` to see one again. */
const RUNS = Number(process.env['FC_RUNS'] ?? 20)
const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 0x7fffffff)

async function found(spoiled: Spoiled, numRuns: number, seed: number): Promise<string> {
  const property = fc.asyncProperty(steps, async schedule => {
    const violations = await play(schedule, spoiled)
    if (violations.length > 0) throw new Error(violations.join('\n'))
  })
  const details = await fc.check(property, { numRuns, seed, endOnFailure: numRuns > RUNS })
  return details.failed ? (fc.defaultReportMessage(details) ?? 'it failed') : ''
}

test(
  'whatever comes in whatever order, crashes too: one job for an intent, on its hosts alone, one job at a time on a VM, the right guest, and one outcome for each host',
  { timeout: 3_600_000 },
  async () => {
    console.log(`model of the dispatcher: ${RUNS} schedules, seed ${SEED}`)
    expect(await found({}, RUNS, SEED)).toBe('')
  },
)
