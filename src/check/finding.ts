import type { Hazard } from '../aap/index.ts'
import { messageOf } from '../errors.ts'
import { KubeError } from '../kube/index.ts'

/** One line of what works and what does not. `warn` does not stop virtbridge from working. */
export interface Finding {
  readonly what: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly hint: string
}

/** The finding of something that does not work. Errors of this program carry their next step with them. */
export function failure(what: string, error: unknown): Finding {
  if (error instanceof KubeError) return { what, result: 'fail', detail: error.message, hint: error.hint }
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : ''
  return { what, result: 'fail', detail: messageOf(error), hint }
}

/** What is wrong with something, a finding each; one that says `well` when nothing is. */
export function* hazardFindings(what: string, hazards: readonly Hazard[], well: string): Iterable<Finding> {
  if (hazards.length === 0) yield { what, result: 'ok', detail: well, hint: '' }
  for (const { severity, message, mend } of hazards)
    yield { what, result: severity === 'stop' ? 'fail' : 'warn', detail: message, hint: mend }
}
