/** The `title` of each problem by its code. A code means the same on every route; docs/operations.md explains them. */
export const TITLES: Readonly<Record<string, string>> = {
  bad_request: 'The request is not understood',
  unauthorized: 'Who asks is not known',
  forbidden: 'The token may not do this',
  token_expired: 'The token has expired',
  out_of_scope: 'The token may know of a part of the fleet alone',
  busy: 'Too many large answers are on their way',
  out_of_view: 'The token may read some views alone',
  not_found: 'There is nothing here',
  no_host: 'No such VM',
  no_view: 'No such view',
  no_format: 'No such format',
  no_cluster: 'No such cluster',
  no_run: 'No such run',
  not_listed: 'Not in this inventory',
  no_past: 'This document is not remembered',
  wrong_method: 'The method is another one',
  timeout: 'The request did not come in time',
  not_held: 'The cluster waits for nothing',
  other_missing: 'Other VMs are missing',
  not_lost: 'Nothing is lost',
  not_braked: 'Nothing is held',
  other_brake: 'It is another brake',
  ledger_lost: 'The ledger is lost',
  no_controller: 'No controller is configured',
  other_driver: 'Somebody else drives this',
  run_ended: 'The run has ended',
  not_ours: 'Somebody else launched it',
  key_used: 'The idempotency key is used',
  too_large: 'The body is too large',
  too_long: 'The address is too long',
  no_json: 'The body is not JSON',
  unknown_hosts: 'Unknown hosts',
  unknown_verb: 'Unknown verb',
  no_profile: 'No such profile',
  bad_selector: 'The selector can not be read',
  nobody: 'This is nobody',
  too_many_hosts: 'Too many hosts',
  bad_variables: 'The variables can not be taken',
  no_sealing_key: 'Secrets can not be taken here',
  too_many_requests: 'Too many requests',
  large_header: 'The headers are too large',
  internal: 'A fault of virtbridge',
  not_synced: 'Not read yet',
  stale: 'Can not be seen',
  shrunk: 'Much shorter than before',
  too_many_followers: 'Too many readers follow',
  too_many_consumers: 'Too many consumers',
  stream_only: 'It is a stream',
  no_consumer: 'No such consumer',
  position_ahead: 'The log has not come so far',
  closing: 'The service is closing',
}

/** The media type of a problem (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/**
 * An error answer as RFC 9457 has it, thrown by routes. Beside the members of the RFC the body has a stable `code` for programs and a `hint`,
 * the next step for people; `more` adds members that a client may use, as the list of unknown hosts.
 */
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
    const { code, status, message: detail, hint, more } = this
    const title = TITLES[code] ?? code
    return { type: `https://virtbridge.io/problems/${code}`, title, status, detail, code, hint, ...more }
  }
}
