import { LogError, type Reaction } from '../log.ts'

/** Kafka's names of errors that only a person or another program can end; all others pass, or pass with a new client. */
const REACTIONS = new Map<string, Reaction>([
  ['INVALID_PRODUCER_EPOCH', 'recreate'],
  ['INVALID_PRODUCER_ID_MAPPING', 'recreate'],
  ['UNKNOWN_PRODUCER_ID', 'recreate'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'recreate'],
  ['MESSAGE_TOO_LARGE', 'fatal'],
  ['RECORD_LIST_TOO_LARGE', 'fatal'],
  ['INVALID_RECORD', 'fatal'],
])

/** Brokers refuse so for good, until somebody changes rights or passwords: waited out as the operator may be doing so just now. */
const REFUSED = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
])

/** What to do about anything that was thrown on the way to or from Kafka. */
export function reactionTo(error: unknown): Reaction {
  if (error instanceof LogError) return error.reaction
  return REACTIONS.get(typeOf(error)) ?? 'recreate'
}

/** Whether Kafka understood and refused: not a matter of waiting. */
export function isRefused(error: unknown): boolean {
  return REFUSED.has(typeOf(error)) || nameOf(error) === 'KafkaJSSASLAuthenticationError'
}

/**
 * Whether another broker, or the same one a moment later, may answer what failed so. kafkajs says it of its own errors; a refusal of
 * Kafka's is none but that there are fewer brokers than replicas, as the others may be starting.
 */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof Error) || isRefused(error)) return false
  if (typeOf(error) === 'INVALID_REPLICATION_FACTOR') return true
  const inner = 'errors' in error && Array.isArray(error.errors) ? (error.errors as unknown[]) : []
  if (inner.length > 0) return inner.every(mayPass)
  if (error.cause instanceof Error) return mayPass(error.cause)
  return !('retriable' in error) || error.retriable === true
}

/** Kafka's name of an error, as kafkajs carries it; empty for others. */
export function typeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('type' in at && typeof at.type === 'string') return at.type
  }
  return ''
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
