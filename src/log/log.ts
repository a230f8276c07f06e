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

/** JSON as it is stored. `null` is a tombstone and allowed on state streams only. */
export type Value = object

export interface Entry {
  readonly stream: Stream
  readonly key: string
  readonly value: Value | null
}

/** An entry as it was stored. `position` grows with every entry of the log; it is opaque outside the engine. */
export interface Stored {
  readonly stream: Stream
  readonly key: string
  readonly value: Value | null
  readonly position: Position
  /** When it became durable, in ms since the epoch. */
  readonly at: number
}

/**
 * Where a reader of one stream stands. `'0'` is before everything. Opaque: compare with `isAfter` only. A number of the whole log, or
 * the offsets of a stream's partitions: `k`, then each in base 36.
 */
export type Position = string

export const START: Position = '0'

/**
 * Records of a stream that the log had and no longer has, found when it was opened: a topic that was deleted, a file that was put back
 * from a copy. Kept in the log itself and told at every open until a person confirms it; at most one of a stream, the newest.
 *
 * Of `state.fleet`: VMs that are seen again are no news. Of `state.runs`: what was launched is not known, so nothing is. A copy that is
 * put back is both: what became of the fleet and of the runs after it was made is gone.
 */
export interface Loss {
  /** Another for each loss, so that a confirmation never meets one that its person did not know of. */
  readonly id: string
  readonly stream: Stream
  /** What is gone and what shows it, in one sentence. */
  readonly reason: string
  /** When it was found, in ms since the epoch; the same at every open. What was done before then may be unknown. */
  readonly at: number
}

export interface LogHealth {
  readonly writable: boolean
  /** Whether those who follow get what comes. */
  readonly readable: boolean
  /** Why it is not both, in one sentence; empty when it is. */
  readonly reason: string
  /** What a person can do about it; empty when it is both. */
  readonly hint: string
  /** What a person may want to know although all works; not there or empty when there is nothing. */
  readonly notice?: string
  /** Bytes that wait to become durable. */
  readonly waitingBytes: number
  /** Who holds the log, for people. */
  readonly holder: string
}

export interface EventLog extends AsyncDisposable {
  /**
   * Appends `entries` in their order and resolves when all of them are durable: together, or none of them yet.
   * Calls are durable in the order they were made. Waits while the log is full or can not write (the caller's upstream is then
   * left unread); rejects only with a `LogError` whose reaction is `fenced`, `fatal` or `refused`.
   *
   * An entry that can not be stored (it has no JSON, or more than `MAX_RECORD_BYTES`) is told on `events.dead`, once an hour when it is
   * appended again (`LetterBook`), and never tried again.
   * Was it an event, its dead letter takes its place, durable together with the others, and the append resolves: consumers miss that
   * one, and people are told. Was it state or a command, its caller would act upon what is not there (a launch whose intent is not on
   * record): then nothing of the append is stored but the dead letter, and it rejects with `refused`.
   */
  append(entries: readonly Entry[]): Promise<Position>

  /** Entries after `from`, in order, for ever: ends only when the signal aborts. */
  follow(stream: Stream, from: Position, signal: AbortSignal): AsyncIterable<Stored>

  /** Up to `limit` entries after `from`, as they are now. */
  page(stream: Stream, from: Position, limit: number): Promise<readonly Stored[]>

  /** The compacted content of a state stream as it is now (no tombstones), then ends. */
  latest(stream: StateStream): AsyncIterable<Stored>

  /** The position after which the stream has no entry yet: that of its newest one, or of a mark of the engine behind it; `START` when it has neither. */
  end(stream: Stream): Position

  health(): LogHealth

  /** What is gone and was not confirmed. */
  losses(): readonly Loss[]

  /** A person knows of a loss: it is told no more. Durable when it resolves. An id that is not among `losses` is nothing to do. */
  confirmLoss(id: string): Promise<void>
}

/**
 * What the caller must do about it: `retry` later, `recreate` the client, stop as somebody else took over, give up; or, when it is
 * `refused`, go on without what it wanted to append: that can never be stored, and the log itself is well.
 */
export type Reaction = 'retry' | 'recreate' | 'fenced' | 'fatal' | 'refused'

export class LogError extends Error {
  readonly reaction: Reaction

  constructor(reaction: Reaction, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'LogError'
    this.reaction = reaction
  }
}

/** What a position looks like, for those who take one from outside. */
export const POSITION_PATTERN = '([0-9]{1,15}|k[0-9a-z]{1,11}([.][0-9a-z]{1,11}){0,255})'

/** True when `a` is a later position than `b`: it has all that `b` has, and more. */
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

/** True for the streams of which only the latest value of each key counts. */
export function isState(stream: Stream): stream is StateStream {
  return (STATE_STREAMS as readonly string[]).includes(stream)
}
