import { Fault } from '../errors.ts'

/**
 * What a caller can do about a controller that did not do as asked.
 *
 * kind           | what it means                                          | what to do
 * unauthorized   | 401, or no token to send                               | a person renews the token
 * forbidden      | 403: the token is known, the right is missing          | a person grants the right
 * not_found      | 404, or a lookup by name that matched nothing          | a person creates or renames it
 * ambiguous      | a lookup by name that matched several                  | a person renames one
 * unreachable    | no answer: refused, name unknown, TLS, reset, time-out | try later
 * unavailable    | 429 and 5xx: somebody answered, not now                | try later, not before `retryAfterMs`
 * protocol       | an answer that is not the controller's language        | a person checks address and version
 */
export type ControllerErrorKind =
  'unauthorized' | 'forbidden' | 'not_found' | 'ambiguous' | 'unreachable' | 'unavailable' | 'protocol'

interface Details {
  readonly hint?: string
  /** The HTTP status that was answered; 0 when there was none. */
  readonly status?: number
  readonly retryAfterMs?: number
}

/**
 * The one error that leaves this folder. It never has a `cause`: what axios throws carries the request's headers, and so the token.
 * `code` is `controller_<kind>`.
 */
export class ControllerError extends Fault {
  readonly kind: ControllerErrorKind
  readonly status: number
  /** How long the controller (or a proxy before it) asked us to wait; 0 when it did not. */
  readonly retryAfterMs: number

  constructor(kind: ControllerErrorKind, message: string, details: Details = {}) {
    super(`controller_${kind}`, message, { hint: details.hint ?? HINTS[kind] })
    this.name = 'ControllerError'
    this.kind = kind
    this.status = details.status ?? 0
    this.retryAfterMs = details.retryAfterMs ?? 0
  }
}

const HINTS: Record<ControllerErrorKind, string> = {
  unauthorized:
    'Create a new token with scope "write" for the service account and give it to virtbridge; a changed token is read again without a restart.',
  forbidden:
    'Give the service account Execute on the job templates, Read and Update on the inventory, and a token with scope "write".',
  not_found: 'Check the name and the organization, and that the service account may read it.',
  ambiguous: 'Rename all but one of them.',
  unreachable: 'Check the address, the name service, the network between here and the controller, and its certificate.',
  unavailable:
    'Wait; virtbridge tries again by itself. If it stays so, look at the controller and the proxy before it.',
  protocol:
    'Check that the address is that of an automation controller (scheme and host only) and that no login page or proxy answers in its place.',
}

/** The kind of a status that is no success. */
export function kindOfStatus(status: number): ControllerErrorKind {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  return status === 429 || status === 408 || status >= 500 ? 'unavailable' : 'protocol'
}
