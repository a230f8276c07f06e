import { asyncProperty, check, defaultReportMessage } from 'fast-check'
import { play, type Step, steps, type Tally } from './model.ts'
import type { Spoiled } from './mortal-process.ts'

/** How a verb with steps begins on one who comes through all of them, one who fails at the first, and one at the last. */
export const STEPPED: readonly Step[] = [
  ...([1, 3, 4] as const).map((vm): Step => ({ do: 'ready', vm })),
  // Until who is news was onboarded: it is held meanwhile.
  ...Array.from({ length: 8 }, (): Step => ({ do: 'advance', ms: 20_000 })),
  { do: 'command', vms: [1, 3, 4], again: false, verb: 'update', check: false, note: '' },
]

/** What a number of schedules found, each after these steps, as fast-check tells it; empty when they found nothing. */
export async function found(
  numRuns: number,
  seed: number,
  spoiled: Spoiled,
  { tally, first = [] }: { readonly tally?: Tally; readonly first?: readonly Step[] } = {},
): Promise<string> {
  const property = asyncProperty(steps, async schedule => {
    const violations = await play([...first, ...schedule], spoiled, tally)
    if (violations.length > 0) throw new Error(violations.join('\n'))
  })
  const details = await check(property, { numRuns, seed, endOnFailure: spoiled.expected === true })
  return details.failed ? `${String(details.errorInstance)}\n${defaultReportMessage(details)}` : ''
}
