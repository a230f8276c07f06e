import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Loss, StateStream, Stream } from '../log.ts'
import { RECORDS_VERSION } from '../version.ts'
import type { Spread } from './partition.ts'
import type { OutgoingRecord } from './record.ts'

/**
 * Who writes the log, as every partition of the state streams says it. Whoever takes over writes its own in its first transaction,
 * so the newest one is the truth: the writer before it finds it and stops for good.
 *
 * It is also what shows that records are gone: all partitions have the newest one, written together, and each says how far
 * the partitions of its number reached then. It is written again now and then, and when the log is closed.
 */
export interface Claim {
  /** 1 had nothing of what may be missing. */
  readonly schema: 1 | 2
  /** Unique for each time the log was opened. */
  readonly writer: string
  readonly host: string
  readonly pid: number
  readonly since: string
  /** How keys were spread. Another spread would put them elsewhere. */
  readonly partitions: number
  readonly per_cluster: number
  /** The how manieth of its writer this is, and when it was made, in ms since the epoch. */
  readonly number?: number
  readonly at?: number
  /** What is known to be gone and was not confirmed. */
  readonly losses?: readonly Loss[]
  /** `RECORDS_VERSION` of its writer; 1 where it is not said. */
  readonly records?: number
  readonly reached?: Reached
}

/** How far the partitions of one number reached, in every stream, and where this one began: compaction never moves that. */
export interface Reached {
  readonly start: number
  readonly ends: Readonly<Partial<Record<Stream, number>>>
}

export const CLAIM_KEY = '__writer'
/** Written to be read back; it says nothing. */
export const BARRIER_KEY = '__barrier'

/** The schema of claims this program writes. */
export const CLAIM_SCHEMA = 2

/** The claim of a log that this process opens. */
export function newClaim({ partitions, perCluster }: Spread): Claim {
  return {
    schema: CLAIM_SCHEMA,
    records: RECORDS_VERSION,
    writer: randomUUID(),
    host: hostname(),
    pid: process.pid,
    since: new Date().toISOString(),
    partitions,
    per_cluster: perCluster,
  }
}

/** The record of a claim on one partition of a stream of state. */
export function claimRecord(claim: Claim, stream: StateStream, partition: number): OutgoingRecord {
  return ownRecord(CLAIM_KEY, JSON.stringify(claim), stream, partition)
}

/** A record of the engine itself, which no reader of the log sees. */
export function ownRecord(name: string, text: string, stream: StateStream, partition: number): OutgoingRecord {
  const key = Buffer.from(name)
  const value = Buffer.from(text)
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

/** Who wrote a claim, for people. */
export function describe(claim: Claim): string {
  return `process ${claim.pid} on ${claim.host}`
}
