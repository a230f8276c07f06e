/** An answer that is not what was asked for: a stable code for programs, a sentence and a next step for people. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string
  readonly more: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { hint?: string; more?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.hint = extra.hint ?? ''
    this.more = extra.more ?? {}
    this.headers = extra.headers ?? {}
  }

  body(): object {
    return { error: { code: this.code, message: this.message, hint: this.hint, ...this.more } }
  }
}
