import { setTimeout as sleep } from 'node:timers/promises'
import { isState, STATE_STREAMS, type StateStream, type Stream } from '../log.ts'
import { type Claim, CLAIM_KEY, claimOf } from './claim.ts'
import type { FetchedRecord } from './fetch-response.ts'
import type { Reader, Wanted } from './reader.ts'
import { isEntry } from './record.ts'
import { STREAMS } from './topics.ts'

/** A partition of a state stream: where it begins, and the newest claim of the whole log as this partition has it, if it does. */
export interface Mark {
  readonly stream: StateStream
  readonly partition: number
  readonly start: number
  readonly claim: Claim | null
}

/** A partition that ends before a place that it reached once. */
export interface Short {
  readonly stream: Stream
  readonly partition: number
  readonly reached: number
  readonly end: number
}

/** What lies in the topics of a log, as far as it tells whether something is gone. */
export interface Survey {
  /** The newest claim; null of a log that nobody has opened yet, or of which nothing is left. */
  readonly claim: Claim | null
  readonly marks: readonly Mark[]
  readonly short: readonly Short[]
  /** Whether anybody ever wrote into it. */
  readonly used: boolean
  /** Of every stream and partition, the offset after the last decided record. */
  readonly ends: ReadonlyMap<Stream, readonly number[]>
}

interface Extent<S extends Stream = Stream> {
  readonly stream: S
  readonly partition: number
  readonly start: number
  readonly end: number
}

interface Found {
  readonly claim: Claim
  /** No partition has it in a record of an earlier time. */
  readonly since: number
}

const AGAIN_MS = 5
/** A clock may be put back by as much between the making of a claim and its record. */
const SLACK_MS = 5_000
/** Without a step forward for so long, a read of what is there is given up. */
const STUCK_MS = 10_000

/**
 * Looks at what is there. What was written just before may not be seen by it, unless its writer wrote something of its own into every
 * state partition first: a broker that came back may name an end that is behind.
 *
 * It reads one partition as a whole, the smallest that has a claim. All others have the same one, written at about the same
 * time, by which it is found.
 */
export async function survey(reader: Reader): Promise<Survey> {
  const ends = new Map<Stream, readonly number[]>()
  const extents: Extent<StateStream>[] = []
  const events: Extent[] = []
  for (const stream of STREAMS) {
    const { first, next } = await reader.ends(stream)
    ends.set(stream, next)
    for (const [partition, end] of next.entries()) {
      const extent = { partition, start: first[partition] ?? 0, end }
      if (isState(stream)) extents.push({ stream, ...extent })
      else events.push({ stream, ...extent })
    }
  }
  const { newest, used } = await newestClaim(reader, extents)
  const marks = newest === null ? extents.map(extent => markOf(extent, null)) : await marksOf(reader, extents, newest)
  return {
    claim: newest?.claim ?? null,
    marks,
    short: await shortOf(reader, marks, ends),
    used: used || extents.some(({ start }) => start > 0) || (await anyEvent(reader, events)),
    ends,
  }
}

/** Whether there is a record that some writer wrote: the marks that the engine leaves in every partition are none. */
async function anyEvent(reader: Reader, extents: readonly Extent[]): Promise<boolean> {
  let any = false
  await read(reader, extents, ({ stream }, record) => (any ||= isEntry(stream, record)))
  return any
}

function markOf({ stream, partition, start }: Extent<StateStream>, claim: Claim | null): Mark {
  return { stream, partition, start, claim }
}

/** The newest claim of the first partition that has one, smallest first. */
async function newestClaim(
  reader: Reader,
  extents: readonly Extent<StateStream>[],
): Promise<{ newest: Found | null; used: boolean }> {
  let used = false
  const bySize = [...extents].sort((a, b) => a.end - a.start - (b.end - b.start))
  for (const extent of bySize) {
    let newest: Found | null = null
    await read(reader, [extent], (_, record) => {
      const claim = claimIn(record)
      if (claim !== null) newest = { claim, since: (claim.at ?? record.timestamp) - SLACK_MS }
      used ||= isEntry(extent.stream, record)
      return false
    })
    if (newest !== null) return { newest, used: true }
  }
  return { newest: null, used }
}

/** What each partition has of the newest claim. */
async function marksOf(
  reader: Reader,
  extents: readonly Extent<StateStream>[],
  { claim, since }: Found,
): Promise<readonly Mark[]> {
  const claims = new Map<string, Claim>()
  const after = new Map<StateStream, readonly number[]>()
  for (const stream of STATE_STREAMS) after.set(stream, await reader.offsetsAt(stream, since))
  const places = extents.flatMap(extent => {
    const from = after.get(extent.stream)?.[extent.partition] ?? -1
    return from < 0 ? [] : [{ ...extent, start: from }]
  })
  await read(reader, places, ({ stream, partition }, record) => {
    const found = claimIn(record)
    if (found?.writer !== claim.writer || found.number !== claim.number) return false
    claims.set(`${stream}/${partition}`, found)
    return true
  })
  return extents.map(extent => markOf(extent, claims.get(`${extent.stream}/${extent.partition}`) ?? null))
}

/** Partitions that do not reach what a claim says of them. The broker is asked for the very place: its end may be one of before. */
async function shortOf(
  reader: Reader,
  marks: readonly Mark[],
  ends: ReadonlyMap<Stream, readonly number[]>,
): Promise<readonly Short[]> {
  const suspects = new Map<string, Short>()
  for (const { partition, claim } of marks) {
    for (const stream of STREAMS) {
      const reached = claim?.reached?.ends[stream] ?? 0
      const end = ends.get(stream)?.[partition] ?? 0
      const known = suspects.get(`${stream}/${partition}`)?.reached ?? end
      if (reached > known) suspects.set(`${stream}/${partition}`, { stream, partition, reached, end })
    }
  }
  if (suspects.size === 0) return []
  const wanted = [...suspects.values()].map(({ stream, partition, reached }) => ({
    stream,
    partition,
    offset: reached,
  }))
  const beyond = new Set((await reader.beyond(wanted)).map(({ stream, partition }) => `${stream}/${partition}`))
  return [...suspects].flatMap(([name, short]) => (beyond.has(name) ? [short] : []))
}

function claimIn(record: FetchedRecord): Claim | null {
  return record.key?.toString() === CLAIM_KEY ? claimOf(record.value) : null
}

/** Reads partitions from their starts to their ends; each no further than where `visit` says that it is enough. */
async function read(
  reader: Reader,
  extents: readonly Extent[],
  visit: (extent: Extent, record: FetchedRecord) => boolean,
): Promise<void> {
  const open = new Map<string, { extent: Extent; offset: number }>()
  for (const extent of extents) {
    if (extent.start < extent.end) open.set(`${extent.stream}/${extent.partition}`, { extent, offset: extent.start })
  }
  let deadline = performance.now() + STUCK_MS
  while (open.size > 0) {
    const wanted: Wanted[] = [...open.values()].map(({ extent: { stream, partition }, offset }) => {
      return { stream, partition, offset }
    })
    let moved = false
    for (const { stream, partition, records, nextOffset } of await reader.fetch(wanted, 0)) {
      const name = `${stream}/${partition}`
      const place = open.get(name)
      if (place === undefined) continue
      const enough = records.some(record => record.offset < place.extent.end && visit(place.extent, record))
      moved ||= enough || nextOffset > place.offset
      if (enough || nextOffset >= place.extent.end) open.delete(name)
      else place.offset = nextOffset
    }
    if (moved) deadline = performance.now() + STUCK_MS
    else if (performance.now() > deadline)
      throw new Error(`what the log holds can not be read: ${[...open.keys()].join(', ')}`)
    else await sleep(AGAIN_MS)
  }
}
