import { hash } from 'node:crypto'

/** The namespace of every id that virtbridge derives (UUIDv5, RFC 9562 §5.5). Never change it: ids are keys in other systems. */
const NAMESPACE = Buffer.from('0f2a7a528a3e5c0f9d6b6f1f5a3c7e21', 'hex')
const ITS_PLACE = ' '.repeat(NAMESPACE.length)

/**
 * The id of a fact: a UUIDv5 over what it is about and nothing else. When and by whom it was seen does not count, so that a second look
 * after a crash gives the same id, and consumers can drop the repetition.
 *
 * - `cluster`: the uid of the cluster's `kube-system` namespace.
 * - `subject`: the uid of what changed, as that of the VM.
 * - `thing`: what tells two occurrences of the fact apart: the uid of a boot or of a migration; for a value that may change back and
 *   forth `digestOf(before, after)` and the id of the event before; nothing for what happens once.
 */
export function factId(cluster: string, subject: string, fact: string, thing: readonly string[]): string {
  const bytes = Buffer.from(ITS_PLACE + JSON.stringify([cluster, subject, fact, ...thing]))
  bytes.set(NAMESPACE)
  const digest = hash('sha1', bytes, 'hex')
  const variant = ((Number.parseInt(digest.charAt(16), 16) & 3) | 8).toString(16)
  const [first, second, third] = [digest.slice(0, 8), digest.slice(8, 12), digest.slice(13, 16)]
  return `${first}-${second}-5${third}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
}

/** The first 32 hex digits of a SHA-256 over the JSON of the values, to tell one change from another. Equal values in equal order of keys give equal digests. */
export function digestOf(...values: unknown[]): string {
  return hash('sha256', JSON.stringify(values), 'hex').slice(0, 32)
}
