import { asyncProperty, check, defaultReportMessage } from 'fast-check'
import { play, steps, type Tally } from './model.ts'
import type { Spoiled } from './mortal-process.ts'

/** What a number of schedules found, as fast-check tells it; empty when they found nothing. */
export async function found(numRuns: number, seed: number, spoiled: Spoiled, tally?: Tally): Promise<string> {
  const property = asyncProperty(steps, async schedule => {
    const violations = await play(schedule, spoiled, tally)
    if (violations.length > 0) throw new Error(violations.join('\n'))
  })
  const details = await check(property, { numRuns, seed, endOnFailure: spoiled.expected === true })
  return details.failed ? `${String(details.errorInstance)}\n${defaultReportMessage(details)}` : ''
}
