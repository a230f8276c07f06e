import type { DatabaseSync } from 'node:sqlite'
import type { Clocks } from '../../clocks.ts'
import { EVENT_STREAMS } from '../log.ts'
import { MARK, tableOf } from './schema.ts'

/** What a log keeps of its own time, in ms. */
export interface TimeMark {
  /** The moment up to which it has seen time pass, since the epoch. */
  readonly at: number
  /** How far the wall clock was ahead of that when it began not to be believed; below 0: behind. 0: it is believed. */
  readonly ahead: number
  /** For how long it has said so while the log was open. */
  readonly doubted: number
}

/** What is to be gone by now. */
export interface Look {
  /** What retention goes by, in ms since the epoch: never later than the wall clock says. */
  readonly now: number
  /** To be stored; null when what is stored will do. */
  readonly mark: TimeMark | null
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** A wall clock that says something else for so long, while the log is open, is believed. */
export const BELIEVED_AFTER_MS = 3 * DAY_MS
/** So much of its own time may be gone for a log that was killed. */
const SAVE_EVERY_MS = 30_000

/**
 * The time that a log goes by when it forgets: one that only passes. Somebody may set the wall clock years ahead, and all would be past its
 * time at once, the audit too. So the wall clock counts at the start, where it says about what the log has seen; from there on the steady
 * one does. How long a log was closed nobody counted: a wall clock that is far from what the log has seen is believed
 * when it has said so for three days in which the log was open.
 */
export class LogTime {
  readonly #clocks: Clocks
  /** How far off the wall clock may be to be believed at once. */
  readonly #near: number
  #own: number
  #steady: number
  #ahead: number
  #doubted: number
  #saved: TimeMark | null

  constructor(clocks: Clocks, mark: TimeMark | null, retentionMs: number) {
    this.#clocks = clocks
    // Of one day half is little enough to be lost.
    this.#near = retentionMs < 2 * DAY_MS ? DAY_MS / 2 : DAY_MS
    const wall = clocks.now()
    this.#steady = clocks.steady()
    this.#saved = mark
    const { at, ahead, doubted } = mark ?? { at: wall, ahead: 0, doubted: 0 }
    const isNear = Math.abs(wall - at) <= this.#near
    this.#own = isNear ? wall : at
    this.#ahead = ahead
    this.#doubted = doubted
    this.#compare(wall, 0)
  }

  /** To be asked now and then: what is stored of it lags behind by as long. */
  look(): Look {
    const wall = this.#clocks.now()
    const steady = this.#clocks.steady()
    const passed = steady - this.#steady
    this.#steady = steady
    this.#own += passed
    this.#compare(wall, passed)
    return { now: Math.min(wall, this.#own), mark: this.#toSave() }
  }

  /** Why the wall clock is not believed, and what a person does; empty when it is. The same text until something else is so. */
  get doubt(): string {
    if (this.#ahead === 0) return ''
    const until = new Date(this.#own + this.#ahead + BELIEVED_AFTER_MS - this.#doubted).toISOString().slice(0, 10)
    const [far, which] = [span(Math.abs(this.#ahead)), this.#ahead > 0 ? 'ahead of' : 'behind']
    const does = this.#ahead > 0 ? 'nothing goes for its age by it' : 'what is stored now has its time'
    return (
      `the clock of this machine is ${far} ${which} the time that the log has seen pass: ${does}, and while virtbridge runs it is believed ` +
      `from ${until} on; set it right if it is wrong, and do nothing if it is right, as after a long stop`
    )
  }

  #compare(wall: number, passed: number): void {
    const ahead = wall - this.#own
    if (Math.abs(ahead) <= this.#near) return this.#believe()
    // One that says something else again begins anew.
    const isSame = this.#ahead !== 0 && Math.abs(ahead - this.#ahead) <= this.#near
    this.#doubted = isSame ? this.#doubted + passed : 0
    if (!isSame) this.#ahead = ahead
    if (this.#doubted < BELIEVED_AFTER_MS) return
    this.#own = wall
    this.#believe()
  }

  #believe(): void {
    this.#ahead = 0
    this.#doubted = 0
  }

  #toSave(): TimeMark | null {
    const saved = this.#saved
    const mark = { at: Math.trunc(this.#own), ahead: Math.trunc(this.#ahead), doubted: Math.trunc(this.#doubted) }
    if (saved !== null && saved.ahead === mark.ahead && Math.abs(mark.at - saved.at) < SAVE_EVERY_MS) return null
    this.#saved = mark
    return mark
  }
}

function span(ms: number): string {
  return ms < 3 * DAY_MS ? `${Math.round(ms / HOUR_MS)} hours` : `${Math.round(ms / DAY_MS)} days`
}

/** What a log knows of its own time; of one that never said it, when its newest entry was stored. Null when it has none. */
export function readTime(db: DatabaseSync): TimeMark | null {
  const mark = db.prepare('SELECT value FROM mark WHERE name = ?').get(MARK.time)
  if (mark !== undefined) return JSON.parse(String(mark['value'])) as TimeMark
  const tables = [...EVENT_STREAMS.map(tableOf), 'state']
  const newest = tables.map(table => `SELECT * FROM (SELECT seq, at FROM ${table} ORDER BY seq DESC LIMIT 1)`)
  const found = db.prepare(`${newest.join(' UNION ALL ')} ORDER BY seq DESC LIMIT 1`).get()
  return found === undefined ? null : { at: Number(found['at']), ahead: 0, doubted: 0 }
}

/** Keeps it for the next start. */
export function writeTime(db: DatabaseSync, mark: TimeMark): void {
  db.prepare('INSERT OR REPLACE INTO mark VALUES (?, ?)').run(MARK.time, JSON.stringify(mark))
}
