import type { Entry, Stream } from './log.ts'

/** The schema of dead letters this program writes. */
export const DEAD_LETTER_SCHEMA = 1

/** `not_json`: it has no JSON. `too_large`: no engine could store it. `not_valid`: an event that is not one of its schema. */
export type DeathCause = 'not_json' | 'too_large' | 'not_valid'

/**
 * What is told, on `events.dead` under the key it had, of a record that could not be stored: enough to find the defect, and no value of
 * the record, as a broken one may hold anything. 8 KB at most.
 */
export interface DeadLetter {
  readonly schema: typeof DEAD_LETTER_SCHEMA
  readonly kind: 'dead'
  readonly cause: DeathCause
  /** The cause in one sentence. */
  readonly reason: string
  /** Where it was to be stored. */
  readonly stream: Stream
  readonly key: string
  /** Of an event: its id and its type, when they look like ones; else empty. */
  readonly event_id: string
  readonly event_type: string
  /** How large it is as JSON; 0 when it has none. */
  readonly bytes: number
  /** Its fields at the top, each with the type of its value: `data: object`. */
  readonly fields: readonly string[]
  /** When it died, in ms since the epoch. */
  readonly at: number
}

/** What is kept of a text that a broken record has: characters, and fields. */
const MAX_KEY = 512
const MAX_REASON = 512
const MAX_NAME = 64
const MAX_FIELDS = 16

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const TYPE = /^io\.virtbridge\.[a-z0-9_.]{1,80}$/
// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** The letter of an entry that could not be stored. Never throws, whatever the entry is. */
export function deadLetter(entry: Entry, death: Pick<DeadLetter, 'cause' | 'reason' | 'bytes' | 'at'>): DeadLetter {
  return {
    schema: DEAD_LETTER_SCHEMA,
    kind: 'dead',
    cause: death.cause,
    reason: harmless(death.reason, MAX_REASON),
    stream: entry.stream,
    key: harmless(entry.key, MAX_KEY),
    event_id: matching(entry, 'id', UUID),
    event_type: matching(entry, 'type', TYPE),
    bytes: death.bytes,
    fields: fieldsOf(entry),
    at: death.at,
  }
}

/** The key its letter is stored under: its own, so that it is in the same partition. */
export function keyOfLetter({ key }: Entry): string {
  return key.slice(0, MAX_KEY)
}

/** Why something has no JSON, without what a `toJSON` may have said: that may be anything. */
export function whyNoJson(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  if (error instanceof TypeError && message.includes('BigInt')) return 'a value in it is a BigInt'
  if (error instanceof TypeError && message.startsWith('Converting circular')) return 'it contains itself'
  if (error instanceof RangeError) return 'it is too deep, or too long for a text'
  return `reading it threw ${error instanceof Error ? harmless(error.name, MAX_NAME) : 'what is no error'}`
}

function matching({ value }: Entry, name: string, pattern: RegExp): string {
  const found = read(value, name)
  return typeof found === 'string' && pattern.test(found) ? found : ''
}

function fieldsOf({ value }: Entry): readonly string[] {
  try {
    const names = Object.keys(value ?? {}).slice(0, MAX_FIELDS)
    return names.map(name => `${harmless(name, MAX_NAME)}: ${typeOf(read(value, name))}`)
  } catch {
    return []
  }
}

const UNREADABLE = Symbol('unreadable')

function read(value: object | null, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null)?.[name]
  } catch {
    return UNREADABLE
  }
}

function typeOf(value: unknown): string {
  if (value === UNREADABLE) return 'unreadable'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

function harmless(text: string, most: number): string {
  return text.slice(0, most).replace(CONTROL, ' ').toWellFormed()
}
