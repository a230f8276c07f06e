import type { StateStream } from '../log.ts'
import type { OutgoingRecord } from './record.ts'

/**
 * Who writes the log, as every partition of the state streams says it. Whoever takes over writes its own in its first transaction,
 * so the newest one is the truth: the writer before it finds it and stops for good. It is the barrier record too: that it could be
 * written and read back proves the way there and back.
 */
export interface Claim {
  readonly schema: 1
  /** Unique for each time the log was opened. */
  readonly writer: string
  readonly host: string
  readonly pid: number
  readonly since: string
  /** How keys were spread. Another spread would put them elsewhere. */
  readonly partitions: number
  readonly per_cluster: number
}

export const CLAIM_KEY = '__writer'
/** Written to be read back; it says nothing. */
export const BARRIER_KEY = '__barrier'

export function claimRecord(claim: Claim, stream: StateStream, partition: number): OutgoingRecord {
  const key = Buffer.from(CLAIM_KEY)
  const value = Buffer.from(JSON.stringify(claim))
  const headers = { 'content-type': 'application/json' }
  return { stream, partition, key, value, headers, bytes: key.length + value.length + 256 }
}

/** The claim of a record; null when it is none that this program knows. */
export function claimOf(value: Buffer | null): Claim | null {
  try {
    const claim = JSON.parse(value?.toString() ?? 'null') as Claim | null
    return typeof claim?.writer === 'string' ? claim : null
  } catch {
    return null
  }
}
