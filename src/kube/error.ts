import { messageOf } from '../errors.ts'

/**
 * Why a Kubernetes API did not answer as asked, by what the caller must do about it:
 * `expired` list again · `throttled` wait `retryAfterMs` · `unauthorized`, `untrusted` mend the credentials · `forbidden` mend the role ·
 * `absent` the resource does not exist there · `replaced` another cluster answers · `unreachable`, `server` wait and try again ·
 * `invalid` what came is not what the protocol promises.
 */
export type KubeErrorKind =
  | 'expired'
  | 'throttled'
  | 'unauthorized'
  | 'untrusted'
  | 'forbidden'
  | 'absent'
  | 'replaced'
  | 'unreachable'
  | 'server'
  | 'invalid'

/** Why a cluster did not give what was asked for. The message is for people; `kind` is what decides. */
export class KubeError extends Error {
  readonly kind: KubeErrorKind
  /** What to do about it, for people. */
  readonly hint: string
  /** How long the server asks to wait, in ms; 0 when it does not say. */
  readonly retryAfterMs: number

  constructor(
    kind: KubeErrorKind,
    message: string,
    options: { hint?: string; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KubeError'
    this.kind = kind
    this.hint = options.hint ?? HINTS[kind]
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

/** What to do about each kind, where nothing closer is known. */
const HINTS: Readonly<Record<KubeErrorKind, string>> = {
  expired: 'nothing: the resource is listed again',
  throttled: 'nothing: the API server asked to slow down',
  unauthorized: 'the token or certificate is wrong or expired: renew the credentials of this cluster',
  untrusted:
    "the server's certificate is not signed by the CA of the kubeconfig: set certificate-authority-data, or mend the URL",
  forbidden:
    'bind the ClusterRole of deploy/kubernetes/base to this user; docs/operations/clusters.md says how on managed clusters',
  absent: 'install OpenShift Virtualization or KubeVirt there, or take the cluster out of the configuration',
  replaced: 'another cluster answers under this name: mend the URL, or give the new cluster a name of its own',
  unreachable: 'check the URL, the network and the proxy; what is known of its VMs is held meanwhile',
  server: 'look at the API server; what is known of its VMs is held meanwhile',
  invalid: 'look at the proxy in between; what is known of its VMs is held meanwhile',
}

/** The error of an HTTP status. `body` is the Status object or whatever a proxy sent. */
export function fromStatus(status: number, body: string, retryAfter: string | undefined): KubeError {
  const message = statusMessage(status, body)
  const retryAfterMs = Math.min(Number(retryAfter ?? 0) * 1000 || 0, 60_000)
  switch (status) {
    case 401:
      return new KubeError('unauthorized', message)
    case 403:
      return new KubeError('forbidden', message)
    case 404:
      return new KubeError('absent', message)
    case 410:
      return new KubeError('expired', message)
    // Of a proxy in between, that of a hub perhaps: behind it nobody answers.
    case 502:
    case 504:
      return new KubeError('unreachable', message, { retryAfterMs })
    case 429:
      return new KubeError('throttled', message, { retryAfterMs })
    default:
      return new KubeError(status >= 500 ? 'server' : 'invalid', message, { retryAfterMs })
  }
}

/** The error of a request that got no answer. */
export function fromFailure(error: unknown): KubeError {
  if (error instanceof KubeError) return error
  const code = codeOf(error)
  const kind =
    CERTIFICATE.has(code) || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') ? 'untrusted' : 'unreachable'
  const detail = code === '' || messageOf(error).includes(code) ? messageOf(error) : `${messageOf(error)} (${code})`
  return new KubeError(kind, detail, { cause: error })
}

/** Node's codes for a certificate that can not be verified (doc/api/tls.md, X509 certificate error codes). */
const CERTIFICATE = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
])

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && at.code !== 'UND_ERR_SOCKET') return at.code
  }
  return ''
}

function statusMessage(status: number, body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown }
    if (typeof parsed.message === 'string' && parsed.message !== '') return parsed.message.slice(0, 300)
  } catch {
    // A proxy answered in its own words.
  }
  return `HTTP ${status}`
}
