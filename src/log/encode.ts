import { channel } from 'node:diagnostics_channel'
import { type DeadLetter, deadLetter, keyOfLetter, whyNoJson } from './dead-letter.ts'
import type { LetterBook } from './letter-book.ts'
import { type Entry, type EventStream, isState, LogError, type Stream } from './log.ts'

/** The largest record, in bytes of JSON and key: what fits one engine fits the other, so that a log can move. */
export const MAX_RECORD_BYTES = 2_000_000

/** What an engine is told about records. */
export interface RecordOptions {
  /** Why an event, given as its JSON, is none of its schema; empty when it is one. Only events are asked about. */
  readonly judge?: (stream: EventStream, json: string) => string
  /** Which letters were written lately: none is written twice. Without it each is. */
  readonly letters?: LetterBook
  /** Told of each dead letter that is written. Must not throw. */
  readonly onDead?: (letter: DeadLetter) => void
}

/** An entry as text, ready to be stored. */
export interface Encoded {
  readonly entry: Entry
  readonly stream: Stream
  readonly key: string
  /** Null for a tombstone. */
  readonly json: string | null
}

export interface Encoding {
  readonly records: readonly Encoded[]
  /** Why nothing of the append may be stored; the records are then the letters of those that could not. */
  readonly refusal: LogError | null
}

/** Who wants to see every event as it is stored: `{ stream, json }`. Nobody does in operation, and then it costs nothing. */
export const APPENDED = channel('virtbridge:log:append')

/** Streams that outsiders read: one that can not be stored is told there as a dead letter, and the rest goes on. */
const TOLD: ReadonlySet<Stream> = new Set<Stream>(['events.vm', 'events.cluster', 'events.day2', 'events.dead'])

/**
 * Encodes the entries of one append. An event that can not be stored is replaced by its dead letter. A record that somebody acts upon
 * (state, a command) and that can not be stored refuses the whole append, as its caller must not go on as if it were there; its dead
 * letter is then all that is stored, or nothing when an equal one was written lately. Throws a LogError `refused` for what no caller may do: a tombstone where there is none.
 */
export function encode(entries: readonly Entry[], options: RecordOptions, now: number): Encoding {
  const records: Encoded[] = []
  const letters: Encoded[] = []
  let refusal: LogError | null = null
  for (const entry of entries) {
    const encoded = textOf(entry, options, now)
    if ('json' in encoded) {
      records.push(encoded)
      continue
    }
    if (!TOLD.has(entry.stream)) refusal ??= new LogError('refused', refusalOf(encoded))
    if (options.letters?.enter(encoded) === false) continue
    const letter = letterEntry(entry, encoded)
    records.push(letter)
    letters.push(letter)
    options.onDead?.(encoded)
  }
  if (refusal !== null) return { records: letters, refusal }
  if (APPENDED.hasSubscribers) tell(records)
  return { records, refusal }
}

function textOf(entry: Entry, { judge }: RecordOptions, now: number): Encoded | DeadLetter {
  const { stream, key, value } = entry
  if (value === null) {
    if (isState(stream)) return { entry, stream, key, json: null }
    throw new LogError('refused', `${stream} takes no tombstone (key ${key})`)
  }
  let json: string | undefined
  try {
    json = JSON.stringify(value) as string | undefined
  } catch (error) {
    return deadLetter(entry, { cause: 'not_json', reason: whyNoJson(error), bytes: 0, at: now })
  }
  if (json?.startsWith('{') !== true)
    return deadLetter(entry, { cause: 'not_json', reason: 'it is no object', bytes: 0, at: now })
  if (isTooLarge(key, json)) {
    const bytes = Buffer.byteLength(json)
    const reason = `it has ${bytes} bytes, and a record has ${MAX_RECORD_BYTES} at most, with its key`
    return deadLetter(entry, { cause: 'too_large', reason, bytes, at: now })
  }
  const fault = judge === undefined || !isJudged(stream) ? '' : judge(stream, json)
  if (fault === '') return { entry, stream, key, json }
  return deadLetter(entry, { cause: 'not_valid', reason: fault, bytes: Buffer.byteLength(json), at: now })
}

/** Counts bytes only where characters do not tell already. */
function isTooLarge(key: string, json: string): boolean {
  if ((key.length + json.length) * 3 <= MAX_RECORD_BYTES) return false
  return Buffer.byteLength(key) + Buffer.byteLength(json) > MAX_RECORD_BYTES
}

function isJudged(stream: Stream): stream is EventStream {
  return TOLD.has(stream) && stream !== 'events.dead'
}

function letterEntry(entry: Entry, letter: DeadLetter): Encoded {
  const stream = 'events.dead'
  const key = keyOfLetter(entry)
  return { entry: { stream, key, value: letter }, stream, key, json: JSON.stringify(letter) }
}

function refusalOf({ stream, key, reason }: DeadLetter): string {
  return `${stream} can not store ${key}: ${reason}; nothing of its append was stored but a dead letter`
}

function tell(records: readonly Encoded[]): void {
  for (const { stream, json } of records) if (isJudged(stream)) APPENDED.publish({ stream, json })
}
