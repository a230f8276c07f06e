import { type Scope, seesKey } from '../fleet/index.ts'
import { type Entry, type EventStream, isAfter, type Position, START, type Stored } from '../log/index.ts'

/** The identity of a consumer: its name, which is unique for one token and stream. */
export interface ConsumerName {
  readonly token: string
  readonly name: string
  readonly stream: EventStream
}

/** An event that its consumer has not acknowledged: its position in the log, and when it was stored, in ms since the epoch. */
export interface Pending {
  readonly position: Position
  readonly at: number
}

/** Why a consumer may have missed events, or gets some again. */
export interface Gap {
  /** `retention`: events that it had not acknowledged were removed. `position`: the log does not know where it stood, so it begins anew. */
  readonly reason: 'retention' | 'position'
  /** When the oldest of them came, or was last acknowledged, in ms. */
  readonly since: number
  readonly found_at: number
}

/**
 * A reader of events by name, whose position the bridge keeps: who has no disk of its own goes on where it was. On `state.runs` under
 * `consumer/<token>/<stream>/<name>`. Times in ms.
 */
export interface Consumer extends ConsumerName {
  readonly schema: 1
  readonly kind: 'consumer'
  /** Everything up to here was acknowledged. */
  readonly position: Position
  readonly made_at: number
  /** When it last was connected or acknowledged; within an hour. */
  readonly seen_at: number
  /** What its token could see when it last connected. */
  readonly scope: Scope
  /** The oldest event that it had not acknowledged when that was last looked at; null when there was none. */
  readonly pending: Pending | null
  /** What it was not told of yet; null when there is nothing. */
  readonly gap: Gap | null
}

/** A consumer that nobody has used for so long is forgotten. */
export const FORGET_AFTER_MS = 30 * 86_400_000
/** The time of last use is written at most this often, in ms. */
const SEEN_MS = 3_600_000

const PREFIX = 'consumer'

/** The key of a consumer on `state.runs`. */
export function consumerKey({ token, stream, name }: ConsumerName): string {
  return [PREFIX, ...[token, stream, name].map(encodeURIComponent)].join('/')
}

/** True for a key of `state.runs` that is a consumer's. */
export function isConsumerKey(key: string): boolean {
  return key.startsWith(`${PREFIX}/`)
}

/** The entry that stores a consumer. */
export function consumerEntry(consumer: Consumer): Entry {
  return { stream: 'state.runs', key: consumerKey(consumer), value: consumer }
}

/** The consumer after it acknowledged everything up to `position`; the same object when that is not ahead of where it stands. Pure. */
export function acknowledged(consumer: Consumer, position: Position, now: number): Consumer {
  if (!isAfter(position, consumer.position)) return consumer
  return { ...consumer, position, seen_at: now, pending: null }
}

/** True for a position that the log can have given out: at its end or before it. While the log is empty every position counts. */
export function isKnown(position: Position, end: Position): boolean {
  return position === START || end === START || position === end || isAfter(end, position)
}

/**
 * The consumer after a look at what it has not acknowledged; the same object when nothing changed. Pure. `next`: the entries after its position, oldest first.
 *
 * - When its oldest pending event is no longer in the log, the retention took it before it was acknowledged: that is a gap.
 * - Entries that its token may not see are skipped. While it is connected, its connection does that.
 */
export function lookedAt(consumer: Consumer, next: readonly Stored[], now: number, connected: boolean): Consumer {
  const first = next.find(({ key }) => seesKey(consumer.scope, key))
  const missed = consumer.pending !== null && isGone(consumer.pending, first)
  const gap = missed ? { reason: 'retention' as const, since: consumer.pending?.at ?? 0, found_at: now } : consumer.gap
  const pending = first === undefined ? null : { position: first.position, at: first.at }
  const passed = first === undefined && !connected ? (next.at(-1)?.position ?? consumer.position) : consumer.position
  const seen_at = connected && now - consumer.seen_at >= SEEN_MS ? now : consumer.seen_at
  const same = gap === consumer.gap && passed === consumer.position && seen_at === consumer.seen_at
  return same && pending?.position === consumer.pending?.position
    ? consumer
    : { ...consumer, gap, pending, position: passed, seen_at }
}

/** True when the consumer was not used for FORGET_AFTER_MS. */
export function isForgotten(consumer: Consumer, now: number): boolean {
  return now - consumer.seen_at >= FORGET_AFTER_MS
}

function isGone(pending: Pending, first: Stored | undefined): boolean {
  return first === undefined || (first.position !== pending.position && isAfter(first.position, pending.position))
}
