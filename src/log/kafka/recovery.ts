import { setTimeout as sleep } from 'node:timers/promises'
import { LogError, type StateStream } from '../log.ts'
import { BARRIER_KEY, CLAIM_KEY, type Claim, claimOf, describe, ownRecord } from './claim.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import type { Placed, Session } from './session.ts'

/** Where a successor is looked for: it claims every partition of both state streams. */
export const CLAIMED: { stream: StateStream; partition: number } = { stream: 'state.fleet', partition: 0 }
const AGAIN_MS = 5

export interface Recovery {
  readonly options: ReaderOptions
  /** Just begun: what the one before it left open is aborted or on its way. */
  readonly session: Session
  readonly claim: Claim
  /** The offset after the newest record of ours that may be in the claimed partition and was acknowledged. */
  readonly known: number
  /** The time of what is written meanwhile, in ms since the epoch. */
  readonly at: number
  /** Commits of which it is not known whether they count. */
  readonly doubts: readonly (readonly Placed[])[]
  /** Aborts when it is given up. */
  readonly signal: AbortSignal
}

/**
 * What a writer looks for when it begins anew: whether somebody else took the log over (then it throws `fenced`), and what counts of the
 * commits that are in doubt. Settles what is undecided of ours anywhere.
 */
export async function lookAround(recovery: Recovery): Promise<ReadonlySet<Placed>> {
  const { options, claim, doubts, signal } = recovery
  await using reader = await Reader.open(options)
  const rival = await findRival(reader, await barrier(recovery), recovery)
  if (rival !== null) throw new LogError('fenced', `${describe(rival)} took over the log of ${describe(claim)}`)
  const counted = new Set<Placed>()
  for (const doubt of doubts) for (const placed of await countsOf(reader, doubt, signal)) counted.add(placed)
  return counted
}

/**
 * Writes a record that is not one of the log, and gives the offset after it. What comes before it can be read when it can: a broker that
 * just came back may name an end that is behind.
 */
async function barrier({ session, at }: Recovery): Promise<number> {
  const record = ownRecord(BARRIER_KEY, '{}', CLAIMED.stream, CLAIMED.partition)
  const [placed] = await session.settle([record], at)
  return placed?.next ?? 0
}

/** Who claimed the log after us. Whoever does so must begin a session first, which ends ours: so nobody can between this and a write. */
async function findRival(reader: Reader, end: number, { known, claim, signal }: Recovery): Promise<Claim | null> {
  for (let offset = known; offset < end;) {
    signal.throwIfAborted()
    const [found] = await reader.fetch([{ ...CLAIMED, offset }], 0)
    for (const record of found?.records ?? []) {
      const other = record.key?.toString() === CLAIM_KEY ? claimOf(record.value) : null
      if (other !== null && other.writer !== claim.writer) return other
    }
    if (found === undefined || found.nextOffset === offset) await sleep(AGAIN_MS)
    else offset = found.nextOffset
  }
  return null
}

/**
 * What counts of one commit: all of it, or nothing. A broker that just came back says so only when it knows its own end again. It is
 * looked for in every partition, as a coordinator that died half-way may have decided some of them and forgotten the others.
 */
async function countsOf(reader: Reader, doubt: readonly Placed[], signal: AbortSignal): Promise<readonly Placed[]> {
  const counted: Placed[] = []
  for (const placed of doubt) {
    const { stream, partition, first } = placed
    for (;;) {
      signal.throwIfAborted()
      const [found] = await reader.fetch([{ stream, partition, offset: first }], 0)
      if (found !== undefined && found.stableOffset > first) {
        // What retention took since then was there.
        if (found.records[0]?.offset === first || found.startOffset > first) counted.push(placed)
        break
      }
      await sleep(AGAIN_MS)
    }
  }
  return counted
}
