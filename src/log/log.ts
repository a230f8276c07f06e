/**
 * The log: the only thing the roles of virtbridge share. `watch` appends what the clusters say, `serve` and `dispatch` follow it.
 *
 * Two kinds of stream. An *event* stream keeps every entry for its retention time. A *state* stream is compacted: of each key it
 * promises only the latest value, and a null value (a tombstone) says that the key is gone.
 */
export const EVENT_STREAMS = ['events.vm', 'events.cluster', 'events.day2', 'events.dead', 'commands'] as const
export const STATE_STREAMS = ['state.fleet', 'state.runs'] as const

export type EventStream = (typeof EVENT_STREAMS)[number]
export type StateStream = (typeof STATE_STREAMS)[number]
export type Stream = EventStream | StateStream

/** A value as it is stored: an object that has a JSON form. */
export type Value = object

/** What is appended. The `key` decides the partition, and in a state stream which value it replaces; a null `value` is a tombstone, allowed in state streams only. */
export interface Entry {
  readonly stream: Stream
  readonly key: string
  readonly value: Value | null
}

/** An entry as a reader gets it. */
export interface Stored {
  readonly stream: Stream
  readonly key: string
  readonly value: Value | null
  /** Where a reader stands who has read this entry and everything before it. */
  readonly position: Position
  /** When it became durable, in ms since the epoch. */
  readonly at: number
}

/**
 * Where a reader of one stream stands: everything up to here is read. Opaque: compare two with `isAfter` only, and never those of two
 * logs. SQLite writes the sequence number of the log in decimal; Kafka the letter `k` and the offset of each partition in base 36,
 * with dots between them.
 */
export type Position = string

/** Before the first entry of any stream. */
export const START: Position = '0'

/**
 * Records that a stream once had and lost, found when the log is opened: a topic was deleted, or the file was restored from an older copy.
 * A loss is kept in the log and reported at every open until a person confirms it; of each stream at most one, the newest.
 *
 * After a loss of `state.fleet`, VMs that are seen again are not news, so nothing starts on them. After a loss of `state.runs`, nobody
 * knows what was launched, so nothing is launched. A restored copy is a loss of both.
 */
export interface Loss {
  /** Unique to each loss, so that a confirmation never counts for a later one. */
  readonly id: string
  readonly stream: Stream
  /** What is gone and what shows it, in one sentence. */
  readonly reason: string
  /** When it was first found, in ms since the epoch. What happened before then may be unknown. */
  readonly at: number
}

/** Whether the log works now, for `/readyz`. */
export interface LogHealth {
  /** False while appends wait: a full disk, brokers that do not answer. */
  readonly writable: boolean
  /** False while readers get nothing new. */
  readonly readable: boolean
  /** Why it is not writable or not readable, in one sentence; empty when it is both. */
  readonly reason: string
  /** What a person can do about that; empty when it is both. */
  readonly hint: string
  /** What a person should look at although everything works; absent or empty when there is nothing. */
  readonly notice?: string
  /** Bytes of entries that were appended and are not durable yet. */
  readonly waitingBytes: number
  /** Which process has the log, for people to read. */
  readonly holder: string
}

/** One log, whatever its engine: SQLite or Kafka. Whoever holds it is its only writer. The same conformance suite runs against both engines. */
export interface EventLog extends AsyncDisposable {
  /**
   * Appends `entries` as one transaction, in their order. Resolves when all of them are durable, with a position of the last entry's
   * stream behind them. Calls become durable in the order in which they were made.
   *
   * While the log is full or can not write it waits; the caller then reads no more from its own source, and nothing is dropped. Rejects
   * only with a `LogError` whose reaction is `fenced`, `fatal` or `refused`.
   *
   * An entry that can not be stored (no JSON form, or more than `MAX_RECORD_BYTES`) is never tried again. A dead letter on `events.dead`
   * tells of it, at most once an hour for the same key and reason. If it was an event, the rest of the append is stored with the dead
   * letter, and the append resolves: consumers miss one event. If it was state or a command, its caller would act on a record that is not
   * there (a launch without its intent): only the dead letter is stored, and the append rejects with `refused`.
   */
  append(entries: readonly Entry[]): Promise<Position>

  /** Yields the entries after `from` in order, and waits for new ones. Ends when the signal aborts. */
  follow(stream: Stream, from: Position, signal: AbortSignal): AsyncIterable<Stored>

  /**
   * Up to `limit` entries after `from`; none only when there are no more now. Does not wait for new ones: what was appended last may be on
   * the next page only. Rejects with a `LogError` `retry` when the log could not be read for 20 s.
   */
  page(stream: Stream, from: Position, limit: number): Promise<readonly Stored[]>

  /** The compacted content of a state stream as it is now (no tombstones), with all that was appended, then ends. Rejects as `page` does. */
  latest(stream: StateStream): AsyncIterable<Stored>

  /** A position behind everything that the stream has now: `follow` from there yields only what comes later. */
  end(stream: Stream): Position

  health(): LogHealth

  /** The losses that nobody has confirmed yet. */
  losses(): readonly Loss[]

  /** Records that a person knows of a loss, so that it is not reported any more. Resolves when that is durable. An unknown id changes nothing. */
  confirmLoss(id: string): Promise<void>
}

/**
 * What follows from an error of the log:
 *
 * | reaction | what to do                                                           |
 * |----------|----------------------------------------------------------------------|
 * | retry    | try the same again later                                             |
 * | recreate | make a new client, then try again                                    |
 * | fenced   | stop: another process is the writer now                              |
 * | fatal    | stop: the log can not go on                                          |
 * | refused  | go on without this append: it can never be stored, the log is well   |
 */
export type Reaction = 'retry' | 'recreate' | 'fenced' | 'fatal' | 'refused'

/** An error of the log. Look at its `reaction`, never at its text. */
export class LogError extends Error {
  readonly reaction: Reaction

  constructor(reaction: Reaction, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'LogError'
    this.reaction = reaction
  }
}

/** A regular expression of every valid position, to validate one that a client sends. */
export const POSITION_PATTERN = '([0-9]{1,15}|k[0-9a-z]{1,11}([.][0-9a-z]{1,11}){0,255})'

/** True when `a` is later than `b`: no partition is behind, and at least one is ahead. Of two positions that each miss something of the other neither is later. */
export function isAfter(a: Position, b: Position): boolean {
  const [theirs, ours] = [offsetsOf(b), offsetsOf(a)]
  const width = Math.max(theirs.length, ours.length)
  const steps = Array.from({ length: width }, (_, index) => (ours[index] ?? 0) - (theirs[index] ?? 0))
  return steps.every(step => step >= 0) && steps.some(step => step > 0)
}

function offsetsOf(position: Position): readonly number[] {
  if (!position.startsWith('k')) return [Number(position)]
  return position
    .slice(1)
    .split('.')
    .map(offset => Number.parseInt(offset, 36))
}

/** True for a state stream, in which only the latest value of each key counts. */
export function isState(stream: Stream): stream is StateStream {
  return (STATE_STREAMS as readonly string[]).includes(stream)
}
