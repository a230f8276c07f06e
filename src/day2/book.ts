import { type Entry, type EventLog, LogError } from '../log/index.ts'
import { counted } from '../whole-number.ts'
import { runEvent } from './event.ts'
import type { Ledger } from './ledger.ts'
import { finished, type Outcomes, runEntry, started, stepped } from './record.ts'
import { leaveOut, type Run, type RunOutcome } from './run.ts'
import { hasNextStep, stepOf } from './run-step.ts'
import type { Next } from './step.ts'

/** Entries of one append: an end of 500 hosts. */
export const END_RECORDS = 1_502

/** Told of what a dispatcher does, for logs and metrics. Never with a secret. */
export interface DispatchReport {
  (
    what: 'planned' | 'started' | 'finished' | 'deferred' | 'trouble' | 'alarm',
    details: { run?: string; message: string },
  ): void
}

/** Writes down what becomes of runs: durable in the log first, then in the ledger that decisions are made from, then told. */
export class Book {
  readonly ledger: Ledger
  readonly report: DispatchReport
  readonly #log: EventLog
  readonly #now: () => number

  constructor(parts: { log: EventLog; ledger: Ledger; report: DispatchReport; now: () => number }) {
    this.ledger = parts.ledger
    this.report = parts.report
    this.#log = parts.log
    this.#now = parts.now
  }

  async append(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return
    await this.#log.append(entries)
    for (const entry of entries) if (entry.stream === 'state.runs') this.ledger.apply(entry)
  }

  /**
   * Waits for work that writes things down. What can not be put on record ends there and is not done, so nothing is launched that the
   * ledger does not have; the rest goes on. False when it was so.
   */
  async onRecord(work: Promise<void>, run?: string): Promise<boolean> {
    try {
      await work
      return true
    } catch (error) {
      if (!(error instanceof LogError) || error.reaction !== 'refused') throw error
      this.report('alarm', { message: error.message, ...(run === undefined ? {} : { run }) })
      return false
    }
  }

  save(run: Run): Promise<void> {
    return this.append([runEntry(run)])
  }

  /** Takes the step that was decided. */
  async go(next: Next): Promise<void> {
    if (next.kind === 'goes_on') {
      if (next.news === null) return this.save(next.run)
      const { id, astray, job, hosts } = next.run
      if (astray === '')
        this.report('started', { run: id, message: `job ${job?.id ?? 0} on ${counted(hosts.length, 'host')}` })
      else this.report('alarm', { run: id, message: astray })
      return this.append(started(next.run, this.#now()))
    }
    if (next.outcome === 'refused') return this.refuse(next.run, next.message)
    this.report('alarm', { run: next.run.id, message: next.message })
    const known = { outcome: 'unknown' as const, detail: next.message }
    return this.end(next.run, new Map(next.run.hosts.map(({ host }) => [host, known])), next.message, 'unknown')
  }

  /** It stands still: told once, and a person may look. */
  stuck(run: Run, message: string): Promise<void> {
    this.report('trouble', { run: run.id, message: `stands still: ${message}` })
    const now = this.#now()
    const event = runEvent({ ...run, message }, 'run_stuck', now)
    return this.append([{ stream: 'events.day2', key: run.id, value: event }, runEntry({ ...run, stuck_at: now })])
  }

  /** Nothing ran, for this reason. */
  refuse(run: Run, reason: string): Promise<void> {
    return this.end(allOut(run, reason), new Map(), reason)
  }

  /**
   * The end of a run, or of the step that it is at, in one append: with the hosts that ended ok it goes on to the next one. `nowhere`: what
   * it comes to when it was about no host.
   */
  async end(run: Run, outcomes: Outcomes, message: string, nowhere: RunOutcome = 'refused'): Promise<void> {
    const around = { ledger: this.ledger, now: this.#now() }
    const next = hasNextStep(run) ? stepped(run, outcomes, message, around) : null
    const end = next ?? finished(run, outcomes, message, { ...around, nowhere })
    if (this.ledger.progress(run.id) !== undefined)
      await this.append([{ stream: 'state.runs', key: `progress/${run.id}`, value: null }])
    // Only a job of others may be about more hosts than one append takes; the run itself is last, and events keep their ids.
    for (let from = 0; from < end.entries.length; from += END_RECORDS)
      await this.append(end.entries.slice(from, from + END_RECORDS))
    if (next !== null) {
      const said = `step ${stepOf(run)?.name ?? ''} has ended; ${stepOf(next.run)?.name ?? ''} on ${counted(next.run.hosts.length, 'host')}`
      return this.report('planned', { run: run.id, message: `${said}${message === '' ? '' : ` (${message})`}` })
    }
    const counts = Object.entries(end.run.counts).map(([outcome, count]) => `${count} ${outcome}`)
    this.report('finished', {
      run: run.id,
      message: `${run.verb}: ${counts.join(', ')}${message === '' ? '' : ` (${message})`}`,
    })
  }
}

/** A run on none of its hosts. */
export function allOut(run: Run, reason: string): Run {
  return leaveOut(run, new Map(run.hosts.map(host => [host.host, reason])))
}
