/**
 * An error that a person can act on. `message` is one sentence that says what happened and where; `hint` is the next step, or empty;
 * `code` is stable, for programs, and stands in docs/operations.md.
 *
 * The CLI prints a Fault as two lines, without a stack, and exits with 1. Any other error is a bug, and is printed with its stack.
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

/** The message of anything that was thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
