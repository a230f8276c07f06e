import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Day2EventData } from '../event/index.ts'
import { type EventLog, isAfter, type Position, START, type Stored, unlessUnread } from '../log/index.ts'
import { openDatabase } from './history-database.ts'

/** What became of one host of one run, as it was told on `events.day2`. */
export interface HistoryRow {
  /** Where it stands among the others: the next page goes on after it. */
  readonly cursor: string
  /** In ms since the epoch. */
  readonly at: number
  readonly run: string
  readonly verb: string
  readonly template: string
  readonly asked_by: string
  /** Why it was asked for; this, and the next three, are empty or 0 of what was told before 0.2. */
  readonly asked_because: string
  readonly trigger: string
  readonly allowed_by: string
  readonly attempts: number
  /** The step that it came no further than, or the last one; empty of a run that is one job. */
  readonly step: string
  readonly job: number
  readonly host: string
  /** `<cluster>/<namespace>/<name>`; for what is no VM as it was asked for. */
  readonly key: string
  readonly vm_uid: string
  readonly outcome: string
  readonly detail: string
}

/** All that is said must hold. `since` and `until` are in ms; `until` is not included. */
export interface HistoryQuestion {
  readonly host?: string
  readonly run?: string
  readonly verb?: string
  readonly outcome?: string
  readonly asked_by?: string
  readonly since?: number
  readonly until?: number
  /** The cursor of the last row of the page before. */
  readonly after?: string
  readonly limit: number
}

/** Rows in their order, and the cursor to go on after; empty when there are no more. Few rows, or none, need not be the last. */
export interface HistoryPage {
  readonly rows: readonly HistoryRow[]
  readonly next: string
}

/** Answers about what was done, newest first. */
export interface HistoryView {
  page(question: HistoryQuestion): HistoryPage
}

/** Of a cursor, as it comes from outside. */
export const CURSOR_PATTERN = '[0-9]{1,15}-[0-9]{1,15}'

/** Results of an index in memory, where no file is configured. */
export const MEMORY_ROWS = 100_000
/** Results of an index in a file, beside its age: the oldest go first. */
export const FILE_ROWS = 5_000_000
/** Results that are looked through for one page where no index leads to those that are meant: nobody else is answered meanwhile. */
export const LOOKED_ROWS = 20_000
const CATCH_UP_PAGE = 500
const TELL_EVERY = 50_000
const PRUNE_EVERY_MS = 3_600_000

const NEWEST = 'ORDER BY at DESC, seq DESC'
const FILTERS = ['host', 'run', 'verb', 'outcome', 'asked_by'] as const

/**
 * An index of what was done, for questions. It is made of `events.day2` alone and can be made anew at any time: a file that can not be
 * used is thrown away.
 */
export class History implements HistoryView, Disposable {
  readonly #database: DatabaseSync
  readonly #maxRows: number

  /** `file`: null keeps it in memory. Throws when the file can not be made. */
  constructor(file: string | null, maxRows = file === null ? MEMORY_ROWS : FILE_ROWS) {
    this.#database = openDatabase(file)
    this.#maxRows = maxRows
  }

  /** Up to where the stream was taken in. */
  get position(): Position {
    const row = this.#database.prepare('SELECT at FROM position').get()
    return row === undefined ? START : String(row['at'])
  }

  /** Takes in entries of the stream, together with where it stands then. The same entry twice changes nothing. */
  add(entries: readonly Stored[]): void {
    const last = entries.at(-1)
    if (last === undefined) return
    const insert = this.#database.prepare(
      `INSERT OR IGNORE INTO result (at, run, verb, template, asked_by, asked_because, trigger, allowed_by, attempts,
         step, job, host, key, vm_uid, outcome, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#database.exec('BEGIN')
    for (const entry of entries) {
      const values = valuesOf(entry)
      if (values !== null) insert.run(...values)
    }
    this.#stand(last.position)
    this.#database.exec('COMMIT')
  }

  /** Reads the stream again from its beginning: what is there stays. */
  again(): void {
    this.#stand(START)
  }

  page(question: HistoryQuestion): HistoryPage {
    const { limit, since, until, after } = question
    const when = conditions([
      ['at >= ?', since === undefined ? [] : [since]],
      ['at < ?', until === undefined ? [] : [until]],
      ['(at, seq) < (?, ?)', after === undefined ? [] : after.split('-').map(Number)],
    ])
    const which = conditions(
      FILTERS.map(name => [`${name} = ?`, question[name] === undefined ? [] : [question[name]]] as const),
    )
    const leads = question.host !== undefined || question.run !== undefined || which.values.length === 0
    const source = leads ? 'result' : `(SELECT * FROM result WHERE ${when.text} ${NEWEST} LIMIT ${LOOKED_ROWS})`
    const found = this.#database
      .prepare(`SELECT * FROM ${source} WHERE ${when.text} AND ${which.text} ${NEWEST} LIMIT ?`)
      .all(...(leads ? [] : when.values), ...when.values, ...which.values, limit)
    const rows = found.map(row => {
      const { seq, ...rest } = row as unknown as Omit<HistoryRow, 'cursor'> & { seq: number }
      return { cursor: `${rest.at}-${seq}`, ...rest }
    })
    if (rows.length === limit) return { rows, next: rows.at(-1)?.cursor ?? '' }
    return { rows, next: leads ? '' : this.#lookedTo(when) }
  }

  /** The last of the results that were looked through; empty when they were all there are. */
  #lookedTo({ text, values }: Conditions): string {
    const last = this.#database
      .prepare(`SELECT at, seq FROM result WHERE ${text} ${NEWEST} LIMIT 1 OFFSET ${LOOKED_ROWS - 1}`)
      .get(...values)
    return last === undefined ? '' : `${String(last['at'])}-${String(last['seq'])}`
  }

  /** Forgets what was told before `before`, in ms, and the oldest beyond the most that are kept. */
  prune(before: number): void {
    this.#database.prepare('DELETE FROM result WHERE at < ?').run(before)
    this.#database
      .prepare(
        `DELETE FROM result WHERE seq IN
         (SELECT seq FROM result ORDER BY at DESC, seq DESC LIMIT -1 OFFSET ?)`,
      )
      .run(this.#maxRows)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #stand(position: Position): void {
    this.#database.prepare('INSERT OR REPLACE INTO position (one, at) VALUES (1, ?)').run(position)
  }
}

interface Conditions {
  readonly text: string
  readonly values: readonly SQLInputValue[]
}

/** Those that have values; `TRUE` when none has. */
function conditions(all: readonly (readonly [text: string, values: readonly SQLInputValue[]])[]): Conditions {
  const said = all.filter(([, values]) => values.length > 0)
  return { text: ['TRUE', ...said.map(([text]) => text)].join(' AND '), values: said.flatMap(([, values]) => values) }
}

/** Keeps an index up with the stream until the signal aborts. `tell`: how far it is, while it is made anew. */
export async function followHistory(
  history: History,
  parts: { log: EventLog; now: () => number; keepMs: number; signal: AbortSignal; tell: (results: number) => void },
): Promise<void> {
  const { log, now, keepMs, signal, tell } = parts
  // A log that was lost, put back from a copy or moved counts from its own beginning.
  if (!isWithin(history.position, log.end('events.day2'))) history.again()
  let taken = 0
  while (!signal.aborted) {
    const page = await unlessUnread(log.page('events.day2', history.position, CATCH_UP_PAGE))
    if (page === null) continue
    if (page.length === 0) break
    history.add(page)
    taken += page.length
    if (taken % TELL_EVERY < CATCH_UP_PAGE && taken >= TELL_EVERY) tell(taken)
  }
  let pruned = now()
  history.prune(await forgotten(log, pruned - keepMs))
  for await (const entry of log.follow('events.day2', history.position, signal)) {
    history.add([entry])
    if (now() - pruned < PRUNE_EVERY_MS) continue
    pruned = now()
    history.prune(await forgotten(log, pruned - keepMs))
  }
}

/** Up to when results may go: what the log still has stays, whatever somebody set the clock to. */
async function forgotten(log: EventLog, before: number): Promise<number> {
  const page = await unlessUnread(log.page('events.day2', START, 1))
  if (page === null) return 0
  const [oldest] = page
  const event = oldest?.value as Told | null | undefined
  return event === null || event === undefined ? before : Math.min(before, Date.parse(event.time))
}

function isWithin(position: Position, end: Position): boolean {
  return (
    position === START ||
    position === end ||
    (position.startsWith('k') === end.startsWith('k') && isAfter(end, position))
  )
}

interface Told {
  readonly time: string
  readonly data: {
    readonly run: Day2EventData['run']
    readonly job: { readonly id: number }
    readonly host: string
    readonly vm_uid: string
    readonly outcome: string
    readonly reason: string
  }
}

/** The columns of what an event tells of a host; null when it tells of none. */
function valuesOf({ key, value }: Stored): SQLInputValue[] | null {
  const event = value as Told | null
  if (event === null || typeof event.data?.host !== 'string' || event.data.host === '') return null
  const { run, job, host, vm_uid, outcome, reason } = event.data
  const at = Date.parse(event.time)
  const { asked_because = '', trigger = '', allowed_by = '', attempts = 0, step = '' } = run
  const why = [run.asked_by, asked_because, trigger, allowed_by, attempts, step]
  return [at, run.id, run.verb, run.template, ...why, job.id, host, key, vm_uid, outcome, reason]
}
