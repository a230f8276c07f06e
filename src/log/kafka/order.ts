import type { Stream } from '../log.ts'
import type { FetchedRecord } from './fetch-response.ts'

/** A fetched record, where it lies, and the time that it is ordered by. */
export interface Ordered {
  readonly stream: Stream
  readonly partition: number
  readonly record: FetchedRecord
  /** Its own time in ms since the epoch, or that of one before it in its partition when that is later. */
  readonly since: number
}

/**
 * The records of one partition, each with a time that never goes back. Times order commits over partitions; within one only offsets do:
 * whoever wrote before may have had a clock that is ahead, and a record that somebody else wrote says any time. To order those by
 * their times would pass over what lies before them.
 */
export function ordered(stream: Stream, partition: number, records: readonly FetchedRecord[]): readonly Ordered[] {
  let since = -Infinity
  return records.map(record => {
    since = Math.max(since, record.timestamp)
    return { stream, partition, record, since }
  })
}

/** By time; those of one partition stay as they lie. */
export function byTime(a: Ordered, b: Ordered): number {
  return a.since - b.since || a.partition - b.partition || a.record.offset - b.record.offset
}
