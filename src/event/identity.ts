import { hash } from 'node:crypto'

/** The namespace of every id that virtbridge derives (UUIDv5, RFC 9562 §5.5). Never change it: ids are keys in other systems. */
const NAMESPACE = Buffer.from('0f2a7a528a3e5c0f9d6b6f1f5a3c7e21', 'hex')

/**
 * The id of a fact: what it is about, not when it was seen, so that a crash or a second look repeats the same id.
 *
 * `cluster` is the uid of the cluster's kube-system namespace, `subject` the uid of what changed, `thing` tells occurrences of one
 * fact apart: a boot's uid, a migration's uid, or for values that may come and go `digestOf(before, after)` and the id before.
 */
export function factId(cluster: string, subject: string, fact: string, thing: readonly string[]): string {
  const name = Buffer.from(JSON.stringify([cluster, subject, fact, ...thing]))
  const digest = hash('sha1', Buffer.concat([NAMESPACE, name]), 'hex')
  const variant = ((Number.parseInt(digest.charAt(16), 16) & 3) | 8).toString(16)
  const [first, second, third] = [digest.slice(0, 8), digest.slice(8, 12), digest.slice(13, 16)]
  return `${first}-${second}-5${third}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
}

/** A short digest of two values that tells one change from another. */
export function digestOf(...values: unknown[]): string {
  return hash('sha256', JSON.stringify(values), 'hex').slice(0, 32)
}
