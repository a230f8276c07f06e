import type { EventStream } from '../log.ts'

/** What a log may keep. Times in ms, sizes in bytes. */
export interface Limits {
  /** How long events stay, and tombstones; day-2 events (the audit) have their own time. */
  readonly retentionMs: number
  readonly auditRetentionMs: number
  /** What all of it may take: beyond that the oldest events go before their time. */
  readonly maxBytes: number
  /** Whether the audit may go before its time too, when nothing else is left. */
  readonly sizeTakesAudit: boolean
}

/** What is there now. */
export interface Stock {
  /** When the oldest event of each stream was stored that is not from a time to come, where there is such; a stream without any is not there. */
  readonly oldest: ReadonlyMap<EventStream, number>
  /** When the oldest tombstone was stored; null without any. */
  readonly tombstone: number | null
  /** Of the file: what is in use, and what is not and can be given back. */
  readonly usedBytes: number
  readonly freeBytes: number
}

/** One thing to do; each is small. */
export type Step =
  | { readonly kind: 'age'; readonly stream: EventStream; readonly before: number }
  | { readonly kind: 'tombstones'; readonly before: number }
  /** The oldest of these streams, of so many bytes and no more. */
  | { readonly kind: 'size'; readonly streams: readonly EventStream[]; readonly bytes: number }
  | { readonly kind: 'give back' }

/** A tenth of what is in use, and this, stay in the file: what comes next needs it again. */
const SLACK_BYTES = 4_194_304
/** What people asked for is few, and may not have been done yet: of that only age takes. */
const BY_SIZE: readonly EventStream[] = ['events.vm', 'events.cluster', 'events.dead']
const AUDIT: EventStream = 'events.day2'

/** What has to go next, or null when all is as it has to be. */
export function nextStep(stock: Stock, limits: Limits, now: number): Step | null {
  for (const [stream, at] of stock.oldest) {
    const before = now - (stream === AUDIT ? limits.auditRetentionMs : limits.retentionMs)
    if (at < before) return { kind: 'age', stream, before }
  }
  const before = now - limits.retentionMs
  if (stock.tombstone !== null && stock.tombstone < before) return { kind: 'tombstones', before }
  const takes = takesBySize(stock, limits)
  if (takes.length > 0) return { kind: 'size', streams: takes, bytes: stock.usedBytes - limits.maxBytes }
  return stock.freeBytes > SLACK_BYTES + stock.usedBytes / 10 ? { kind: 'give back' } : null
}

/** True when it is larger than it may be, and nothing may go. */
export function isStuck(stock: Stock, limits: Limits): boolean {
  return stock.usedBytes > limits.maxBytes && takesBySize(stock, limits).length === 0
}

function takesBySize(stock: Stock, limits: Limits): readonly EventStream[] {
  if (stock.usedBytes <= limits.maxBytes) return []
  const there = BY_SIZE.filter(stream => stock.oldest.has(stream))
  if (there.length > 0) return there
  return limits.sizeTakesAudit && stock.oldest.has(AUDIT) ? [AUDIT] : []
}
