import type { Controller } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { Way } from '../inventory/index.ts'
import { type EventLog, unlessUnread } from '../log/index.ts'
import type { VmRecord } from '../vm/index.ts'
import { pause, until } from '../waiting.ts'
import { Ages } from './ages.ts'
import { Bell } from './bell.ts'
import { Book, type DispatchReport } from './book.ts'
import { type Caps, nodesOf, waitingFor } from './caps.ts'
import { Follower } from './follower.ts'
import { Launcher } from './launcher.ts'
import type { Ledger } from './ledger.ts'
import { Lookup, type Place } from './lookup.ts'
import { Onlooker, type Onlooking } from './onlooker.ts'
import type { Policy } from './plan.ts'
import { forgotten } from './record.ts'
import { dueAt, type Verb, WAITS } from './run.ts'
import { SelfStarter } from './self-starter.ts'
import { Spectator } from './spectator.ts'
import { type Patience, standsStill } from './step.ts'
import { Vault } from './vault.ts'
import type { VerbPolicy } from './verb-policy.ts'
import { buried } from './verb-record.ts'
import { Wishes } from './wishes.ts'

/** What a Dispatcher is made of. Times are in milliseconds. */
export interface DispatcherOptions {
  readonly log: EventLog
  readonly fleet: FleetView
  readonly ledger: Ledger
  readonly controller: Controller
  readonly place: Place
  /** The verb that starts by itself on new guests. */
  readonly onboard: Policy
  /** What people may ask for, by verb. */
  readonly verbs: ReadonlyMap<Verb, VerbPolicy>
  readonly caps: Caps
  /** How many finished runs are kept in the ledger: so many of ours, and so many of others. Left out: 1,000. */
  readonly keepRuns?: number
  /** Opens the sealed secrets of runs; left out: runs with secrets are refused. */
  readonly vault?: Vault
  readonly patience: Patience
  /** How jobs that others launch are looked for; without it they are not. */
  readonly onlooking?: Onlooking
  /** Every way by which the inventory may lead to a guest; the controller's host must have one of them. Left out: the guest's address alone. */
  readonly waysTo?: (record: VmRecord) => readonly Way[]
  readonly pollMs: number
  readonly now: () => number
  /** A monotonic clock, in ms: `performance.now`. */
  readonly steady: () => number
  readonly newId: () => string
  readonly report: DispatchReport
}

/** Verb records of a VM are kept for KEEP_GONE_MS after the VM is gone. They are looked through every TIDY_EVERY_MS, and TIDIED_AT_ONCE go at a time. */
const KEEP_GONE_MS = 30 * 86_400_000
const TIDY_EVERY_MS = 600_000
const TIDIED_AT_ONCE = 500
/** At most so many finished runs, with their results, are forgotten in one turn: a lower `keep_runs` is reached over several turns. */
const FORGOTTEN_AT_ONCE = 100
/** The least time between the beginnings of two turns. */
const REST_MS = 50

/**
 * The loop of day 2. Level based: at every turn it looks at fleet, ledger and commands as they are now, starts what is due by itself
 * (`SelfStarter`), and moves each run one step on (`Launcher`, `Follower`). What a step is about to do outside is made durable first, so that
 * after a crash at any await the next dispatcher finds in the ledger where to go on.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #book: Book
  readonly #ages: Ages
  readonly #selfStarter: SelfStarter
  readonly #launcher: Launcher
  readonly #follower: Follower
  readonly #onlooker: Onlooker | null
  readonly #wishes: Wishes
  readonly #spectator: Spectator
  /** Ids of runs that were moved on since the last full turn: until then they are not moved again. */
  readonly #stepped = new Set<string>()
  #recovered = false
  /** By the monotonic clock. */
  #tidied = -Infinity

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#book = new Book(options)
    this.#ages = new Ages(options)
    this.#selfStarter = new SelfStarter({ ...options, book: this.#book })
    const lookup = new Lookup(options.controller, options.place, options)
    this.#spectator = new Spectator({ ...options, book: this.#book })
    const parts = {
      ...options,
      vault: options.vault ?? new Vault(),
      lookup,
      book: this.#book,
      ages: this.#ages,
      spectator: this.#spectator,
    }
    this.#launcher = new Launcher(parts)
    this.#wishes = new Wishes(parts)
    this.#onlooker =
      options.onlooking === undefined
        ? null
        : new Onlooker({ ...parts, quietMs: options.patience.quiet }, options.onlooking)
    this.#follower = new Follower({ ...options, book: this.#book, ages: this.#ages })
  }

  /**
   * Turns every `pollMs`, and sooner when a command comes or a guest becomes ready, until the signal aborts. A log that can not be read is
   * waited for, as its health tells of it. Rejects only when the log is lost.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { log, fleet, ledger, pollMs, now, steady } = this.#options
    using bell = new Bell(fleet, this.#selfStarter.isNews)
    for (let polled = -Infinity; !signal.aborted;) {
      const began = steady()
      const polls = began - polled >= pollMs
      bell.silence()
      if ((await unlessUnread(this.turn(signal, polls))) === true || polls) polled = began
      const waiting = new AbortController()
      const commanded = firstOf(log.follow('commands', ledger.commands, AbortSignal.any([signal, waiting.signal])))
      const rest = Math.min(polled + pollMs - steady(), this.#selfStarter.due - now())
      await until(Promise.race([commanded, bell.rung]), signal, Math.max(0, rest))
      waiting.abort()
      // Events that come within a moment of each other share a turn.
      await pause(began + REST_MS - steady(), signal)
    }
  }

  /**
   * One turn. With `polls` everything is looked at: jobs under way, jobs of others, runs that stand still. Without, only what is new, to
   * spare the controller requests, unless a notification of the controller asked for a full turn. Resolves with true when it was a full one.
   */
  async turn(signal: AbortSignal, polls = true): Promise<boolean> {
    if (!this.#recovered) await this.#recover()
    if (polls) this.#stepped.clear()
    if (polls && this.#onlooker !== null) await this.#book.onRecord(this.#onlooker.turn())
    const look = await this.#wishes.take()
    await this.#selfStarter.turn()
    const waiting = await this.#makeRoom()
    const runs = this.#options.ledger.active()
    const due = runs.filter(run => run.status !== 'following' && !waiting.has(run.id) && !this.#stepped.has(run.id))
    for (const run of due) this.#stepped.add(run.id)
    const followed = polls ? runs.filter(run => run.status === 'following') : []
    await Promise.all([this.#launcher.turn(due, signal), this.#book.onRecord(this.#follower.turn(followed))])
    this.#ages.note(this.#options.ledger.active())
    if (!polls) return look && this.turn(signal)
    const following = this.#options.ledger.active().filter(run => run.status === 'following')
    await this.#book.onRecord(this.#spectator.turn(following))
    await this.#tellStuck()
    await this.#tidy()
    return true
  }

  /** Gives the ids of planned runs for which the caps leave no room now, and writes into each what it waits for. One that waits for a whole day is refused. */
  async #makeRoom(): Promise<ReadonlySet<string>> {
    const { fleet, ledger, caps, patience } = this.#options
    const waiting = waitingFor(ledger.active(), caps, nodesOf(fleet))
    for (const [run, why] of waiting) {
      const message = `${WAITS}${why}`
      this.#book.report('deferred', { run: run.id, message })
      if (this.#ages.of(dueAt(run)) > patience.job) await this.#book.onRecord(this.#book.refuse(run, message), run.id)
      else if (run.message === '' || (run.message.startsWith(WAITS) && run.message !== message))
        await this.#book.onRecord(this.#book.save({ ...run, message }), run.id)
    }
    return new Set([...waiting.keys()].map(run => run.id))
  }

  /** Appends `run_stuck` for each run that has not moved for half an hour, once. */
  async #tellStuck(): Promise<void> {
    for (const run of this.#options.ledger.active()) {
      const message = standsStill(run, this.#ages.of(dueAt(run)))
      if (message !== '') await this.#book.onRecord(this.#book.stuck(run, message), run.id)
    }
  }

  /** Keeps the ledger bounded: forgets finished runs beyond `keepRuns` and, every ten minutes, verb records of VMs that are long gone. */
  async #tidy(): Promise<void> {
    const { fleet, ledger, keepRuns, steady } = this.#options
    const now = this.#options.now()
    await this.#book.append(forgotten(ledger.expired(keepRuns).slice(0, FORGOTTEN_AT_ONCE), ledger))
    if (steady() - this.#tidied < TIDY_EVERY_MS) return
    this.#tidied = steady()
    this.#selfStarter.tidy()
    let alive: ReadonlySet<string> | null = null
    const isAlive = (uid: string): boolean =>
      (alive ??= new Set([...fleet.vms.values()].map(record => record.uid))).has(uid)
    await this.#book.append(buried(ledger.outlived(isAlive, now - KEEP_GONE_MS).slice(0, TIDIED_AT_ONCE)))
  }

  /** Once, before the first turn. */
  async #recover(): Promise<void> {
    this.#recovered = true
    this.#selfStarter.begin()
    await this.#launcher.recover()
  }
}

async function firstOf(entries: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of entries) return
}
