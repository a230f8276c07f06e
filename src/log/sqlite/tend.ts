import type { DatabaseSync } from 'node:sqlite'
import { EVENT_STREAMS, type EventStream } from '../log.ts'
import { isStuck, type Limits, nextStep, type Step, type Stock } from './retention.ts'
import { tableOf } from './schema.ts'

/** What one step did. */
export interface Tended {
  /** More is to be done. */
  readonly more: boolean
  /** Events that went for their size, not their age, and when the newest of them was stored. */
  readonly taken: number
  readonly takenUntil: number
  /** It is larger than it may be, and nothing may go. */
  readonly stuck: boolean
  readonly usedBytes: number
}

/** Rows that one step forgets, and pages that it gives back: a few ms, as the next commit waits for it. */
const STEP_ROWS = 500
const STEP_PAGES = 256

/** Does the next small thing that the limits ask for. */
export function tend(db: DatabaseSync, limits: Limits, now: number): Tended {
  const stock = stockOf(db, now)
  const step = nextStep(stock, limits, now)
  const nothing = { taken: 0, takenUntil: 0, stuck: isStuck(stock, limits), usedBytes: stock.usedBytes }
  if (step === null) return { ...nothing, more: false }
  return { ...nothing, ...take(db, step, now), more: true }
}

function stockOf(db: DatabaseSync, now: number): Stock {
  const oldest = new Map<EventStream, number>()
  for (const stream of EVENT_STREAMS) {
    const table = tableOf(stream)
    const oldestAt = come(db, table, now)?.at ?? one(db, `SELECT at FROM ${table} ORDER BY seq LIMIT 1`)?.['at']
    if (oldestAt !== undefined) oldest.set(stream, Number(oldestAt))
  }
  const tombstone = one(db, 'SELECT min(at) AS at FROM state WHERE value IS NULL')?.['at'] ?? null
  const pragma = (name: string): number => Number(one(db, `PRAGMA ${name}`)?.[name] ?? 0)
  const size = pragma('page_size')
  const free = pragma('freelist_count') * size
  return {
    oldest,
    tombstone: tombstone === null ? null : Number(tombstone),
    usedBytes: pragma('page_count') * size - free,
    freeBytes: free,
  }
}

function take(db: DatabaseSync, step: Step, now: number): Partial<Tended> {
  switch (step.kind) {
    case 'age':
      takeAged(db, tableOf(step.stream), step.before, now)
      return {}
    case 'tombstones':
      db.prepare(
        `DELETE FROM state WHERE id IN (SELECT id FROM state WHERE value IS NULL AND at < ?1 ORDER BY at LIMIT ${STEP_ROWS})`,
      ).run(step.before)
      return {}
    case 'size':
      return takeOldest(db, step.streams.map(tableOf), step.bytes, now)
    case 'give back':
      db.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`)
      return {}
  }
}

/**
 * The oldest rows of a table that are past their time, not more than one step of them. One that was stored under a clock that was set back
 * looks older than it is: it goes after those that were stored before it.
 */
function takeAged(db: DatabaseSync, table: string, before: number, now: number): void {
  let last = 0
  const rows = db.prepare(`SELECT seq, at FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT ${STEP_ROWS}`)
  for (const row of rows.iterate(come(db, table, now)?.seq ?? 0)) {
    if (Number(row['at']) >= before) break
    last = Number(row['seq'])
  }
  const step = `SELECT max(seq) FROM (SELECT seq FROM ${table} ORDER BY seq LIMIT ${STEP_ROWS})`
  db.prepare(`DELETE FROM ${table} WHERE seq <= min(?, ifnull((${step}), 0))`).run(last)
}

interface Placed {
  readonly seq: number
  readonly at: number
}

/**
 * The oldest row, where its time has come. Rows from a time to come were stored under a clock that was set ahead, and are as old as those
 * that were stored after them: they are stepped over, twice as far each time, as they may be many, and then back by halves. Undefined when
 * none has come.
 */
function come(db: DatabaseSync, table: string, now: number): Placed | undefined {
  const from = db.prepare(`SELECT seq, at FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT 1`)
  const at = (seq: number): Placed | undefined => from.get(seq) as Placed | undefined
  let [low, found] = [0, at(0)]
  if (found === undefined || found.at <= now) return found
  for (let stride = 1; found !== undefined && found.at > now; stride *= 2) {
    low = found.seq + 1
    found = at(found.seq + stride)
  }
  // What is past the last row may have gone too far.
  found ??= one(db, `SELECT seq, at FROM ${table} ORDER BY seq DESC LIMIT 1`) as Placed | undefined
  if (found === undefined || found.at > now) return undefined
  for (let high = found.seq; low < high;) {
    const middle = Math.floor((low + high) / 2)
    const row: Placed = at(middle) ?? found
    if (row.at > now) low = row.seq + 1
    else [found, high] = [row, middle]
  }
  return found
}

/** The oldest rows over several tables, up to so many bytes, in one transaction. */
function takeOldest(db: DatabaseSync, tables: readonly string[], bytes: number, now: number): Partial<Tended> {
  const columns = 'seq, at, octet_length(key) + octet_length(value) AS bytes'
  const heads = tables.map(table => `SELECT * FROM (SELECT ${columns} FROM ${table} ORDER BY seq LIMIT ${STEP_ROWS})`)
  const oldest = `SELECT seq, at, bytes FROM (${heads.join(' UNION ALL ')}) ORDER BY seq LIMIT ${STEP_ROWS}`
  db.exec('BEGIN IMMEDIATE')
  let size = 0
  let last = { seq: 0, at: 0 }
  for (const row of db.prepare(oldest).iterate()) {
    if (size >= bytes) break
    size += Number(row['bytes'])
    last = { seq: Number(row['seq']), at: Math.max(last.at, Math.min(Number(row['at']), now)) }
  }
  const taken = tables.map(table => Number(db.prepare(`DELETE FROM ${table} WHERE seq <= ?`).run(last.seq).changes))
  db.exec('COMMIT')
  return { taken: taken.reduce((sum, count) => sum + count, 0), takenUntil: last.at }
}

function one(db: DatabaseSync, sql: string): Record<string, unknown> | undefined {
  return db.prepare(sql).get()
}
