import { Outbox } from '../outbox.ts'
import type { OutgoingRecord } from './record.ts'

/** Records and bytes of one transaction, and bytes that may wait for theirs: beyond that the caller waits. */
export const COMMIT_RECORDS = 2_000
export const COMMIT_BYTES = 2_097_152
export const OUTBOX_BYTES = 4_194_304

/** Records that wait for their transaction. */
export function createOutbox(closed: AbortSignal): Outbox<OutgoingRecord, void> {
  return new Outbox({
    commit: { items: COMMIT_RECORDS, bytes: COMMIT_BYTES },
    waitingBytes: OUTBOX_BYTES,
    bytesOf,
    closed,
  })
}

function bytesOf(records: readonly OutgoingRecord[]): number {
  let bytes = 0
  for (const record of records) bytes += record.bytes
  return bytes
}
