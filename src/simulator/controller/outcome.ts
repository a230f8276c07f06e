import type { HostResult } from './job-records.ts'
import type { Variables } from './records.ts'

export type OutcomeName = HostResult['outcome'] | 'hang'

/** How a job goes on one host. `ms` is how long it takes there; artifacts of all hosts are merged into the job's. */
export type Outcome = OutcomeName | { outcome: OutcomeName; ms?: number; message?: string; artifacts?: Variables }

/** Says how a job goes on a host, from the host's variables as the controller has them. */
export type OutcomeOf = (
  host: string,
  variables: Variables,
  template: string,
  job: { id: number; extra_vars: Variables },
) => Outcome

/**
 * Outcomes that are written on the guests: the value of label `label` in a host's `kubevirt_labels`, where it is the name of an outcome, and
 * `otherwise` (ok) where it is not.
 */
export function outcomeByLabel(label: string, otherwise: Outcome = 'ok'): OutcomeOf {
  return (_host, variables) => {
    const labels = variables['kubevirt_labels']
    const value = typeof labels === 'object' && labels !== null ? (labels as Variables)[label] : undefined
    return OUTCOMES.find(name => name === value) ?? otherwise
  }
}

const OUTCOMES = ['ok', 'changed', 'failed', 'unreachable', 'hang'] as const
