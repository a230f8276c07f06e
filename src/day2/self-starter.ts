import type { Clocks } from '../clocks.ts'
import type { FleetView } from '../fleet/index.ts'
import type { VmRecord } from '../vm/index.ts'
import { counted } from '../whole-number.ts'
import type { Book } from './book.ts'
import { type Brake, braked, whyBraked } from './brake.ts'
import { SteadyBrakeAges } from './brake-ages.ts'
import { groundsOfNews } from './grounds.ts'
import { newRun } from './new-run.ts'
import { type Decision, plan, type Policy, SHARES, whyNotDue } from './plan.ts'
import { planned } from './record.ts'
import { SELF } from './run.ts'

interface Parts extends Clocks {
  readonly fleet: FleetView
  readonly book: Book
  /** The verb that starts by itself on new guests. */
  readonly onboard: Policy
  readonly newId: () => string
}

/**
 * Starts what nobody asked for: does what `plan()` decides, and remembers between two turns what it decides by: since when each guest waits,
 * and how long ago what the brake counts was.
 */
export class SelfStarter {
  readonly #parts: Parts
  readonly #ages: SteadyBrakeAges
  /** By the uid of a VM, in ms since the epoch. */
  readonly #waitingSince = new Map<string, number>()
  #due = Infinity

  constructor(parts: Parts) {
    this.#parts = parts
    this.#ages = new SteadyBrakeAges(parts)
  }

  /** When the coalescing window ends, in ms since the epoch; Infinity when none is open. */
  get due(): number {
    return this.#due
  }

  /** True when something may start by itself on the VM: it is not adopted, reachable, and was never onboarded. */
  readonly isNews = (record: VmRecord): boolean =>
    !record.adopted &&
    record.told.reachable &&
    this.#parts.book.ledger.verb(record.uid, this.#parts.onboard.verb) === undefined

  /** Once, before the first turn. */
  begin(): void {
    const { brake } = this.#parts.book.ledger
    this.tidy()
    if (brake !== undefined) this.#tellBrake(brake)
  }

  /** Plans a run for the guests that are due now, or sets the brake. Resolves when what follows is durable. */
  async turn(): Promise<void> {
    const { fleet, book, onboard } = this.#parts
    const { ledger } = book
    const now = this.#parts.now()
    this.#noteWaiting(now)
    this.#due = Infinity
    const ages = this.#ages
    // A release is seen when it is taken in, before anybody sets the clock again; and so is a run when it starts.
    ages.release(ledger.releasedAt)
    for (const decision of plan({ fleet, ledger, waitingSince: this.#waitingSince, ages }, onboard, now)) {
      if (decision.kind === 'start') await this.#start(decision, now)
      else if (decision.kind === 'brake') await this.#brake(decision, now)
      else this.#defer(decision)
    }
  }

  /** Forgets how long ago runs were that the ledger has no more. */
  tidy(): void {
    this.#ages.keep(this.#parts.book.ledger)
  }

  async #start({ verb, template, reason, hosts }: Decision & { kind: 'start' }, now: number): Promise<void> {
    const { book, onboard, newId } = this.#parts
    const { organization = '', steps } = onboard
    const by = { askedBy: SELF, reason, grounds: groundsOfNews(verb, onboard.brake) }
    const run = newRun({ id: newId(), verb, template, organization, steps, ...by, hosts }, now)
    book.report('planned', { run: run.id, message: `${verb} on ${counted(hosts.length, 'host')}: ${reason}` })
    await book.onRecord(book.append(planned(run, book.ledger, now)), run.id)
    this.#ages.run(run.id, now)
  }

  async #brake({ reason, hosts }: Decision & { kind: 'brake' }, now: number): Promise<void> {
    const { book, newId } = this.#parts
    const brake: Brake = { schema: 5, kind: 'brake', id: newId(), at: now, reason, hosts: hosts.length }
    await book.append(braked(brake))
    this.#tellBrake(brake)
  }

  #defer({ reason, hosts, until }: Decision & { kind: 'defer' }): void {
    if (reason === SHARES) this.#due = until
    this.#parts.book.report('deferred', { message: `${counted(hosts.length, 'host')}: ${reason}` })
  }

  /** A person is asked, when it is set and at each start. */
  #tellBrake(brake: Brake): void {
    this.#parts.book.report('alarm', {
      message: `${counted(brake.hosts, 'host')} ${brake.hosts === 1 ? 'waits' : 'wait'}, ${whyBraked(brake)}`,
    })
  }

  #noteWaiting(now: number): void {
    const { fleet, book, onboard } = this.#parts
    const { ledger } = book
    const waiting = new Set<string>()
    for (const record of fleet.news) {
      if (record.adopted || whyNotDue(record, { fleet, ledger }, onboard, now) !== '') continue
      waiting.add(record.uid)
      // Not later than now: somebody may have set the clock back.
      this.#waitingSince.set(record.uid, Math.min(this.#waitingSince.get(record.uid) ?? now, now))
    }
    for (const uid of this.#waitingSince.keys()) if (!waiting.has(uid)) this.#waitingSince.delete(uid)
  }
}
