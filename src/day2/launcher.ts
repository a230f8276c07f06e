import type { Controller, Recovered, StaleGuest } from '../aap/index.ts'
import type { Clocks } from '../clocks.ts'
import type { FleetView } from '../fleet/index.ts'
import { type Way, waysTo } from '../inventory/index.ts'
import type { VmRecord } from '../vm/index.ts'
import { counted } from '../whole-number.ts'
import type { Ages } from './ages.ts'
import type { Book } from './book.ts'
import { failed, launchRequest, type Preflight, preflight } from './controller-side.ts'
import type { Lookup, Place } from './lookup.ts'
import { admit } from './admission.ts'
import { type Needs, type VerbPolicy, whyNotOurs } from './verb-policy.ts'
import { freshFor, Proof } from './proof.ts'
import { dueAt, leaveOut, type Run, type Verb, WAITS } from './run.ts'
import { isLaterStep, otherSteps } from './run-step.ts'
import { SourceUpdates } from './source-update.ts'
import { afterFailedSearch, afterLaunch, afterSearch, MAX_UPDATES, type Patience, unheard } from './step.ts'
import type { Vault } from './vault.ts'

/** How often an intent is made durable in a row when each append took too long to prove that we are still the one dispatcher. */
export const MAX_PROOFS = 3

/** A run whose job can not be searched for is searched for so often, in ms: somebody has to mend that first. */
const UNSEARCHED_EVERY_MS = 30_000

/** When the search for a job began, and when it is due next, by the monotonic clock: a clock that somebody sets could end the quiet period early. */
interface Search {
  readonly began: number
  readonly due: number
}

/** What the preflight found: the template, and whether that was remembered from an earlier look. */
type Looked = Pick<Extract<Preflight, { kind: 'ready' }>, 'template' | 'remembered'>

interface Parts extends Clocks {
  readonly fleet: FleetView
  readonly controller: Controller
  readonly place: Place
  readonly verbs: ReadonlyMap<Verb, VerbPolicy>
  readonly lookup: Lookup
  readonly book: Book
  readonly vault: Vault
  readonly patience: Patience
  readonly ages: Ages
  readonly waysTo?: (record: VmRecord) => readonly Way[]
}

/**
 * Moves a run from `planned` to a job: preflight, an inventory update when the controller's hosts differ, the one POST, and the search by
 * marker when its answer was lost. docs/architecture.md has the steps, and what is durable before each.
 */
export class Launcher {
  readonly #parts: Parts
  /** By run id. */
  readonly #searching = new Map<string, Search>()
  readonly #updates: SourceUpdates

  constructor(parts: Parts) {
    this.#parts = parts
    this.#updates = new SourceUpdates(parts)
  }

  /** Moves each run that is planned, updating or searching one step on; any other status is left alone. Resolves when what follows is durable. */
  async turn(runs: readonly Run[], signal: AbortSignal): Promise<void> {
    const { book } = this.#parts
    await Promise.all(runs.map(run => book.onRecord(this.#step(run, signal), run.id)))
    // After all of them: an update that is asked for now says what each of them needs.
    if (!signal.aborted) await this.#updates.ask()
  }

  /**
   * Once, before the first turn: a run that was `posting` when its dispatcher died may have a job, so it is searched for over a whole quiet
   * period from now. So is one that was `searching`, but since when that has been so stays: who takes over makes it wait no longer.
   */
  async recover(): Promise<void> {
    const { book, now } = this.#parts
    for (const run of book.ledger.active()) if (run.status === 'posting') await book.save(unheard(run, now()))
  }

  async #step(run: Run, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const unlaunched = run.status === 'planned' || run.status === 'updating'
    if (run.cancel !== undefined && unlaunched)
      return this.#parts.book.refuse(run, `${run.cancel.by} cancelled it before ${notBegun(run)} ran`)
    // A template that ran elsewhere once may do so again, and so may those beside it.
    if (run.astray !== '' && unlaunched) return this.#parts.book.refuse(run, run.astray)
    if (run.status === 'planned') await this.#launch(run, signal)
    else if (run.status === 'updating') await this.#updates.look(run)
    else if (run.status === 'searching') await this.#search(run)
    // Its launch has ended in a turn before this one, and what came of it could not be put on record.
    else if (run.status === 'posting') await this.#parts.book.save(unheard(run, this.#parts.now()))
  }

  async #launch(run: Run, signal: AbortSignal): Promise<void> {
    const { lookup, book, vault, patience, ages } = this.#parts
    const policy = this.#parts.verbs.get(run.verb)
    const shut = whyNotOurs(run.verb, policy) || otherSteps(run, policy?.steps) || vault.whyShut(run.secrets ?? {})
    if (shut !== '') return book.refuse(run, shut)
    const changed = this.#changed(run)
    if (changed.size > 0 && this.#settles(run)) return this.#waitFor(run, changed)
    const fresh = leaveOut(unwaiting(run), changed)
    if (fresh.hosts.length === 0) return book.end(fresh, new Map(), 'no host is ready any more')
    const found = await preflight(lookup, { run: fresh, needs: this.#needs(fresh) }, host => this.#waysTo(host))
    if (found.kind === 'refused') return book.refuse(fresh, found.reason)
    if (found.kind === 'later') {
      book.report('trouble', { run: run.id, message: found.reason })
      if (ages.of(run.since) <= patience.preflight) return
      return book.refuse(fresh, found.reason)
    }
    if (found.stale.length > 0 && fresh.updates < MAX_UPDATES) return this.#updates.need(fresh, this.#needs(fresh))
    // The fleet may have changed while the controller answered: look at every host again.
    const ready = leaveOut(leaveOut(fresh, this.#changed(fresh)), staleReasons(fresh, found.stale))
    if (ready.hosts.length === 0)
      return book.end(ready, new Map(), 'the controller would reach none of the guests that are meant')
    if (run.attempts > 0 && (await this.#cameLate(run))) return
    if (signal.aborted) return
    await this.#post({ ...ready, template_id: found.template.id, inventory_id: found.inventory.id }, found)
  }

  /**
   * Whether the job of an earlier attempt is there after all, or that can not be told now: a controller in trouble may commit later than it
   * should, and between the quiet period and this moment it may not have been asked for an hour. That nothing ran is known all the same, by
   * the search before: where this one fails for an hour the run is refused.
   */
  async #cameLate(run: Run): Promise<boolean> {
    const { book, now, ages, patience } = this.#parts
    const asked = now()
    try {
      const found = await this.#found(run)
      if (found.kind === 'absent') return false
      await book.go(afterSearch(run, found, asked, true))
    } catch (error) {
      const { reason } = failed(error)
      book.report('trouble', { run: run.id, message: `search for its job: ${reason}` })
      const message = `not launched again, as the job of the launch before can not be searched for once more: ${reason}`
      if (ages.of(run.since) > patience.preflight) await book.refuse(run, message)
    }
    return true
  }

  /**
   * The one POST. The intent is made durable first, and the POST goes out only while that is a few seconds old: a process that was paused
   * in between may have been replaced by another dispatcher, which reads the intent and searches for its job. When it is older, the
   * intent is made durable again; a process that was replaced is fenced by the log at that moment and sends nothing.
   */
  async #post(ready: Run, { template, remembered }: Looked): Promise<void> {
    const { controller, lookup, book, vault, patience, now } = this.#parts
    for (let proofs = 0; proofs < MAX_PROOFS; proofs += 1) {
      const proof = new Proof(this.#parts, freshFor(patience.quiet))
      const intent: Run = { ...ready, status: 'posting', since: now(), attempts: ready.attempts + 1 }
      await book.save(intent)
      const launched = proof.holds()
        ? await controller.launch(template, launchRequest(intent, vault), proof.holds)
        : null
      if (launched === null || (launched.kind === 'not_sent' && proof.expired)) continue
      // Anything but a clean launch may mean that the template or inventory changed: look them up anew.
      if (launched.kind !== 'launched') lookup.forget()
      return book.go(afterLaunch(intent, launched, now(), remembered))
    }
    const message = 'not sent: between its record in the log and its launch too much time passes'
    if (this.#parts.ages.of(ready.since) > patience.preflight) return book.refuse(ready, message)
    book.report('deferred', { run: ready.id, message })
    return book.save({ ...ready, message })
  }

  /** Whether hosts that are not ready may be so because of the step before: they are waited for, all of the run. */
  #settles(run: Run): boolean {
    const { ages, patience } = this.#parts
    return isLaterStep(run) && ages.of(dueAt(run)) <= patience.settle
  }

  #waitFor(run: Run, changed: ReadonlyMap<string, string>): Promise<void> {
    const { book } = this.#parts
    const [[host, why] = ['', '']] = changed
    const message = `${WAITS}${counted(changed.size, 'host')} ${changed.size === 1 ? 'is not as it was' : 'are not as they were'} after the step before: ${host}: ${why}`
    book.report('deferred', { run: run.id, message })
    return run.message === message ? Promise.resolve() : book.save({ ...run, message })
  }

  /** What the verb needs by the configuration of now, which may have changed since the run was planned. */
  #needs({ verb }: Run): Needs {
    return this.#parts.verbs.get(verb)?.needs ?? 'guest'
  }

  /** The hosts of the run that may no longer be launched on, each with its reason: gone, another VM of the same name, another address, not ready. */
  #changed(run: Run): ReadonlyMap<string, string> {
    const { fleet, book } = this.#parts
    const { ledger } = book
    const needs = this.#needs(run)
    const { os = [] } = this.#parts.verbs.get(run.verb) ?? {}
    const byHost = (host: string): VmRecord | undefined => fleet.byHost(host)
    const world = { byHost, clusters: fleet.clusters, ledger, own: run.id, os, needs }
    const asked = run.hosts.map(host => host.host)
    const { hosts, refused } = admit(asked, world)
    const now = new Map(hosts.map(host => [host.host, host]))
    const reasons = new Map(refused)
    for (const host of run.hosts) {
      const seen = now.get(host.host)
      if (seen !== undefined && seen.uid !== host.uid) reasons.set(host.host, 'another VM has its name by now')
      else if (needs === 'guest' && seen !== undefined && seen.address !== host.address)
        reasons.set(host.host, 'its address has changed since')
    }
    return reasons
  }

  #waysTo(host: string): readonly Way[] {
    const { fleet, waysTo: leading = waysTo } = this.#parts
    const record = fleet.byHost(host)
    return record === undefined ? [] : leading(record)
  }

  async #search(run: Run): Promise<void> {
    const { book, now, steady, ages, patience } = this.#parts
    const asked = now()
    const { began, due } = this.#searching.get(run.id) ?? { began: steady(), due: steady() }
    if (steady() < due) return
    const isQuiet = steady() - began > patience.quiet
    this.#searching.set(run.id, { began, due: isQuiet ? steady() + UNSEARCHED_EVERY_MS : due })
    try {
      const found = await (isQuiet ? this.#settled(run) : this.#found(run))
      if (isQuiet || found.kind !== 'absent') this.#searching.delete(run.id)
      await book.go(afterSearch(run, found, asked, isQuiet))
    } catch (error) {
      const { reason } = failed(error)
      book.report('trouble', { run: run.id, message: `search for its job: ${reason}` })
      const next = afterFailedSearch({ run, reason, isQuiet }, patience, ages.of)
      if (next.kind === 'ends') this.#searching.delete(run.id)
      else if (next.run.message === run.message) return
      await book.go(next)
    }
  }

  #found(run: Run): Promise<Recovered> {
    const { controller, vault } = this.#parts
    return controller.recover({ id: run.template_id }, launchRequest(run, vault))
  }

  /** What is found when nothing can come any more: that it is nothing counts when it could have been seen. */
  async #settled(run: Run): Promise<Recovered> {
    const found = await this.#found(run)
    if (found.kind !== 'absent') return found
    // A template that is there after the search was there before. A right to it may have come back in between: then the job is seen now.
    await this.#parts.controller.confirmReadable({ id: run.template_id })
    return this.#found(run)
  }
}

function notBegun(run: Run): string {
  return isLaterStep(run) ? 'this step' : 'anything'
}

/** The run without the message that it waits for room. */
function unwaiting(run: Run): Run {
  return run.message.startsWith(WAITS) ? { ...run, message: '' } : run
}

/** Why the controller's hosts do not lead to these guests, by host name, with what came of the inventory update that should have mended it. */
function staleReasons(run: Run, stale: readonly StaleGuest[]): ReadonlyMap<string, string> {
  // Before the first launch a run has no other message than that of its update.
  const update = run.attempts === 0 && run.message !== '' ? ` (${run.message})` : ''
  return new Map(stale.map(guest => [guest.host, `${guest.reason}${update}`]))
}
