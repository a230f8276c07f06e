import type { Entry, Loss } from '../log/index.ts'

/**
 * Until when nothing is known of what was done, as the ledger of it was lost. On `state.runs` under `baseline`, and there for good: a
 * VM that was known by then may have been onboarded, and a command that was given by then may have been carried out.
 */
export interface Baseline {
  readonly schema: 1
  readonly kind: 'baseline'
  /** In ms since the epoch. */
  readonly at: number
}

export const BASELINE_KEY = 'baseline'

/** The loss of the ledger that no person has confirmed; undefined when it is whole. */
export function lostLedger(losses: readonly Loss[]): Loss | undefined {
  return losses.find(loss => loss.stream === 'state.runs')
}

/**
 * The entry of `state.runs` that writes down the baseline of a ledger that was lost. Written before anybody reads it, so that what it
 * forbids holds when a person has confirmed the loss, too.
 */
export function baselineEntry(loss: Loss): Entry {
  const value: Baseline = { schema: 1, kind: 'baseline', at: loss.at }
  return { stream: 'state.runs', key: BASELINE_KEY, value }
}

/** Why nothing is launched while a loss of the ledger waits for a person. */
export function whyNoLaunch(loss: Loss): string {
  return (
    `the ledger of what was launched is lost (${loss.reason}), so nothing is: jobs of before may still run unseen, look at the controller; ` +
    `then virtbridge loss confirm ${loss.stream}`
  )
}
