import { createHash } from 'node:crypto'
import { v5 as uuid5 } from 'uuid'

/** The namespace of every id that virtbridge derives (UUIDv5, RFC 9562 §5.5). Never change it: ids are keys in other systems. */
const NAMESPACE = '0f2a7a52-8a3e-5c0f-9d6b-6f1f5a3c7e21'

/**
 * The id of a fact: what it is about, not when it was seen, so that a crash or a second look repeats the same id.
 *
 * `cluster` is the uid of the cluster's kube-system namespace, `subject` the uid of what changed, `thing` tells occurrences of one
 * fact apart: a boot's uid, a migration's uid, or for values that may come and go `digestOf(before, after)` and the id before.
 */
export function factId(cluster: string, subject: string, fact: string, thing: readonly string[]): string {
  return uuid5(JSON.stringify([cluster, subject, fact, ...thing]), NAMESPACE)
}

/** A short digest of two values that tells one change from another. */
export function digestOf(...values: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 32)
}
