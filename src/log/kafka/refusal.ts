import { Fault } from '../../errors.ts'
import type { Connection } from './client.ts'
import { MissingRight } from './missing-right.ts'

/** Why Kafka and we do not come together, as far as a person can mend it. */
export interface Refusal {
  /** What was refused, by whom, in words that hold no secret. */
  readonly what: string
  readonly hint: string
  /** Waiting does not help. */
  readonly final: boolean
}

/** For a user that lacks a right. */
export const RIGHTS = 'virtbridge topics --acls prints the rights that it needs, as commands that give them'
const CA =
  'log.kafka.tls.ca_file must hold the authority that signed their certificate, and the address be one it names'
const OWN =
  'log.kafka.tls.cert_file and key_file must be a certificate that the brokers trust; a changed file counts at once'
const TALK = 'is it a port that talks TLS? log.kafka.tls.enabled says that we do'
const TALK_NOT = 'does this port want TLS (log.kafka.tls) or a user (log.kafka.sasl)?'

/**
 * What Node and OpenSSL say of certificates, by the code that an error carries. Java answers a client that shows none with
 * `bad certificate`.
 */
const TLS: readonly (readonly [code: RegExp, what: string, hint: string])[] = [
  [/ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)/, 'refuse our certificate', OWN],
  [/ALTNAME/, 'show a certificate that is not for this address', CA],
  [/SELF_SIGNED|UNABLE_TO_|^CERT_|HOSTNAME_MISMATCH/, 'show a certificate that we do not trust', CA],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH|UNKNOWN_PROTOCOL/, 'do not talk TLS', TALK],
  [/^ERR_OSSL|^ERR_CRYPTO/, 'were not asked, as our certificate, its key or the authority is none', OWN],
]

/** The refusal in an error or in what caused it; null when it is something else. */
export function refusalOf(error: unknown, connection: Connection): Refusal | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const refusal = refusalIn(at, connection)
    if (refusal !== null) return refusal
  }
  return null
}

function refusalIn(error: Error, connection: Connection): Refusal | null {
  if (error instanceof MissingRight) return { what: error.message, hint: RIGHTS, final: true }
  if (error instanceof Fault) return { what: error.message, hint: error.hint, final: true }
  if (isLogin(error)) return refusedUser(error, connection)
  const code = codeOf(error)
  const known = TLS.find(([pattern]) => pattern.test(code))
  if (known?.[2] === OWN && !hasCertificate(connection)) {
    return { what: `the brokers want a certificate of ours and got none (${code})`, hint: OWN, final: true }
  }
  if (known !== undefined) return { what: `the brokers ${known[1]} (${code})`, hint: known[2], final: true }
  // A broker that is just going or coming ends connections too.
  const cut = /before secure TLS connection|Closed connection/.test(error.message)
  return cut ? { what: error.message, hint: connection.tls === null ? TALK_NOT : TALK, final: false } : null
}

function isLogin(error: Error): boolean {
  return error.name === 'KafkaJSSASLAuthenticationError' || ('type' in error && error.type === NO_MECHANISM)
}

const NO_MECHANISM = 'UNSUPPORTED_SASL_MECHANISM'

function refusedUser(error: Error, { sasl }: Connection): Refusal {
  const user = `the user ${sasl?.username} (${sasl?.mechanism})`
  if ('type' in error && error.type === NO_MECHANISM) {
    const hint = 'log.kafka.sasl.mechanism must be one that they have'
    return { what: `the brokers refuse ${user}: they do not have this mechanism`, hint, final: true }
  }
  const hint = 'log.kafka.sasl: username, mechanism, and what password names; a changed file counts at once'
  return { what: `the brokers refuse ${user}: name or password is wrong`, hint, final: true }
}

function hasCertificate({ tls }: Connection): boolean {
  return tls !== null && 'cert' in tls
}

/** kafkajs carries the code of a socket's error, but not the error. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
