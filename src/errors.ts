/**
 * A fault that a person can act on: what happened, where, and what to do next.
 *
 * `code` is stable and machine readable; the message is one sentence for a terminal; `hint` is the next step.
 * Everything the CLI prints as an error, and everything `/readyz` tells, is one of these.
 */
export class Fault extends Error {
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.hint = options.hint ?? ''
  }
}

/** The message of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
