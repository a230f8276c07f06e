import type { Position, Stream } from '../log.ts'
import { Outbox } from '../outbox.ts'

/** An entry as it is stored: null is a tombstone. */
export type Row = readonly [stream: Stream, key: string, json: string | null]

/** Rows and bytes of one transaction, and bytes that may wait for theirs: beyond that the caller waits. */
export const BATCH_ROWS = 500
export const BATCH_BYTES = 1_048_576
export const OUTBOX_BYTES = 8_388_608

/** Rows that wait for their transaction. */
export function createOutbox(closed: AbortSignal): Outbox<Row, Position> {
  return new Outbox({
    commit: { items: BATCH_ROWS, bytes: BATCH_BYTES },
    waitingBytes: OUTBOX_BYTES,
    bytesOf,
    closed,
  })
}

function bytesOf(rows: readonly Row[]): number {
  let bytes = 0
  for (const [stream, key, json] of rows) bytes += stream.length + key.length + (json?.length ?? 0) + 32
  return bytes
}
