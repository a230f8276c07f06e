import { createHash } from 'node:crypto'
import { type EventLog, LogError, START, type Stored } from '../../src/log/index.ts'

/** What one key of a load was promised: numbers up to `acknowledged` were, up to `attempted` may be there too. */
export interface Promised {
  readonly key: string
  attempted: number
  acknowledged: number
}

/** The event of a number: its id is the same whoever writes it again. */
export function eventOf(key: string, n: number): { id: string; n: number } {
  return { id: createHash('sha1').update(`${key} ${n}`).digest('hex'), n }
}

/** Appends to each key, one after the other and all keys at once: an event, and the state it leads to. Ends with the signal. */
export async function load(log: EventLog, promised: readonly Promised[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    promised.map(async mine => {
      while (!signal.aborted) {
        const n = mine.acknowledged + 1
        mine.attempted = Math.max(mine.attempted, n)
        try {
          await log.append([
            { stream: 'events.vm', key: mine.key, value: eventOf(mine.key, n) },
            { stream: 'state.fleet', key: mine.key, value: { n } },
          ])
        } catch (error) {
          if (error instanceof LogError) return
          throw error
        }
        mine.acknowledged = n
      }
    }),
  )
}

export function promises(count: number): Promised[] {
  return Array.from({ length: count }, (_, index) => ({ key: `c${index}/n/vm`, attempted: 0, acknowledged: 0 }))
}

/** What a look at everything found to be wrong, as sentences; empty when nothing is. And how many records were there twice. */
export interface Judgement {
  readonly wrong: readonly string[]
  readonly events: number
  readonly repeated: number
}

/** Reads the whole log and holds it to what was promised. */
export async function judge(log: EventLog, promised: readonly Promised[]): Promise<Judgement> {
  const wrong: string[] = []
  const byKey = new Map<string, Stored[]>()
  let events = 0
  for (let at = START; ;) {
    const page = await log.page('events.vm', at, 500)
    if (page.length === 0) break
    for (const entry of page) byKey.set(entry.key, [...(byKey.get(entry.key) ?? []), entry])
    events += page.length
    at = page.at(-1)?.position ?? at
  }
  const states = new Map<string, number>()
  for await (const { key, value } of log.latest('state.fleet')) states.set(key, (value as { n: number }).n)

  let repeated = 0
  for (const { key, attempted, acknowledged } of promised) {
    const stored = (byKey.get(key) ?? []).map(entry => entry.value as { id: string; n: number })
    byKey.delete(key)
    const seen = new Set<number>()
    for (const { id, n } of stored) {
      if (seen.has(n)) repeated += 1
      else if (n !== seen.size + 1) wrong.push(`${key}: ${n} comes after ${seen.size}`)
      seen.add(n)
      if (id !== eventOf(key, n).id) wrong.push(`${key}: ${n} has another id`)
      if (n > attempted) wrong.push(`${key}: ${n} was invented`)
    }
    for (let n = 1; n <= acknowledged; n += 1) if (!seen.has(n)) wrong.push(`${key}: ${n} was acknowledged and is lost`)
    const state = states.get(key) ?? 0
    if (state !== seen.size) wrong.push(`${key}: its state is of ${state}, its events go to ${seen.size}`)
  }
  for (const key of byKey.keys()) wrong.push(`${key} was invented`)
  return { wrong, events, repeated }
}
