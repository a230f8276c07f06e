import { createHash } from 'node:crypto'
import { type EventLog, START, type Stored } from '../../src/log/index.ts'

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

export function promises(count: number): Promised[] {
  return Array.from({ length: count }, (_, index) => ({ key: `c${index}/n/vm`, attempted: 0, acknowledged: 0 }))
}

/** What a look at everything found to be wrong, as sentences; empty when nothing is. And how many records were there twice. */
export interface Judgement {
  readonly wrong: readonly string[]
  readonly events: number
  readonly repeated: number
}

/** Numbers of one key as they were stored, in their order. */
export interface Told {
  readonly id: string
  readonly n: number
}

/** Reads the whole log and holds it to what was promised. */
export async function judge(log: EventLog, promised: readonly Promised[]): Promise<Judgement> {
  const byKey = new Map<string, Told[]>()
  const add = ({ key, value }: Stored): void => {
    const { id, n } = value as Told
    byKey.set(key, [...(byKey.get(key) ?? []), { id, n }])
  }
  for (let at = START; ;) {
    const page = await log.page('events.vm', at, 500)
    if (page.length === 0) break
    page.forEach(add)
    at = page.at(-1)?.position ?? at
  }
  const states = new Map<string, number>()
  for await (const { key, value } of log.latest('state.fleet')) states.set(key, (value as { n: number }).n)
  const { wrong, ...counts } = judgeEvents(byKey, promised)
  const stale = promised.flatMap(({ key }) => {
    const [state, events] = [states.get(key) ?? 0, new Set(byKey.get(key)?.map(({ n }) => n)).size]
    return state === events ? [] : [`${key}: its state is of ${state}, its events go to ${events}`]
  })
  return { wrong: [...wrong, ...stale], ...counts }
}

/** Holds the events of each key to what was promised, wherever they were read. */
export function judgeEvents(byKey: ReadonlyMap<string, readonly Told[]>, promised: readonly Promised[]): Judgement {
  const wrong: string[] = []
  let repeated = 0
  let events = 0
  for (const { key, attempted, acknowledged } of promised) {
    const seen = new Set<number>()
    for (const { id, n } of byKey.get(key) ?? []) {
      events += 1
      if (seen.has(n)) repeated += 1
      else if (n !== seen.size + 1) wrong.push(`${key}: ${n} comes after ${seen.size}`)
      seen.add(n)
      if (id !== eventOf(key, n).id) wrong.push(`${key}: ${n} has another id`)
      if (n > attempted) wrong.push(`${key}: ${n} was invented`)
    }
    for (let n = 1; n <= acknowledged; n += 1) if (!seen.has(n)) wrong.push(`${key}: ${n} was acknowledged and is lost`)
  }
  const keys = new Set(promised.map(({ key }) => key))
  for (const key of byKey.keys()) if (!keys.has(key)) wrong.push(`${key} was invented`)
  return { wrong, events, repeated }
}
