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
