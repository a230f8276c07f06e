/** What a key of a status is called whose value says when, how long ago, or in which version of an object: it moves without any news. */
const BEAT =
  /(?:^(?:time|timestamps?|at|since|seen|age|uptime|heartbeats?|epoch)|Time|Timestamps?|At|Since|Seen|Age|Uptime|Heartbeats?|Epoch|[rR]esourceVersion)$/
/** RFC 3339. */
const INSTANT = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

/** True for a member of a status that moves without any news, by its key or by its value. A switch says whether, not when. */
export function isBeat(key: string, value: unknown): boolean {
  if (INSTANT.test(key) || (typeof value === 'string' && INSTANT.test(value))) return true
  return typeof value !== 'boolean' && BEAT.test(key)
}
