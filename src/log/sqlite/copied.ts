import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { type Loss, STATE_STREAMS, type StateStream } from '../log.ts'
import { MARK } from './schema.ts'

/** What a copy says of itself. Times in ms since the epoch. */
export interface Copied {
  /** When it was made. What became durable after that is not in it. */
  readonly at: number
  /** Another for each time that a copy is put back; empty until then. */
  readonly id: string
  /** When a log was first opened on it; 0 until then. */
  readonly found: number
  /** Of what a person has not yet confirmed that it is gone. */
  readonly streams: readonly StateStream[]
}

/** Says in a copy that it is one. */
export function markCopied(db: DatabaseSync, at: number): void {
  write(db, { at, id: '', found: 0, streams: STATE_STREAMS })
}

/** A log is opened: when it is on a copy, that it was found is told from now on. */
export function findCopied(db: DatabaseSync, now: number): void {
  const copied = readCopied(db)
  if (copied !== null && copied.found === 0) write(db, { ...copied, id: randomUUID(), found: now })
}

/** A person knows of one loss. When that was the last, the copy is as good as an original. */
export function confirmCopied(db: DatabaseSync, loss: string): void {
  const copied = readCopied(db)
  if (copied === null) return
  const streams = copied.streams.filter(stream => idOf(copied, stream) !== loss)
  if (streams.length > 0) write(db, { ...copied, streams })
  else db.prepare('DELETE FROM mark WHERE name = ?').run(MARK.copied)
}

/** What a log is a copy of; null when it is the original, or a person confirmed it. */
export function readCopied(db: DatabaseSync): Copied | null {
  const mark = db.prepare('SELECT value FROM mark WHERE name = ?').get(MARK.copied)
  return mark === undefined ? null : (JSON.parse(String(mark['value'])) as Copied)
}

/** Fleet and runs are as they were when the copy was made: what came after is gone. */
export function lossesOf(copied: Copied | null): readonly Loss[] {
  if (copied === null) return []
  const made = new Date(copied.at).toISOString()
  const reason = `the log was put back from a copy that was made at ${made}: what was stored after that is gone`
  return copied.streams.map(stream => ({ id: idOf(copied, stream), stream, reason, at: copied.found }))
}

function idOf({ id }: Copied, stream: StateStream): string {
  return `${id}/${stream}`
}

function write(db: DatabaseSync, copied: Copied): void {
  db.prepare('INSERT OR REPLACE INTO mark VALUES (?, ?)').run(MARK.copied, JSON.stringify(copied))
}
