import type { Controller, StaleGuest } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { type Way, waysTo } from '../inventory/index.ts'
import type { VmRecord } from '../vm/index.ts'
import type { Book } from './book.ts'
import { failed, launchRequest, type Preflight, preflight } from './controller-side.ts'
import { type Lookup, type Place, placeOf } from './lookup.ts'
import { admit, type Needs, type VerbPolicy, whyNotOurs } from './plan.ts'
import { type Clocks, freshFor, Proof } from './proof.ts'
import { leaveOut, type Run, type Verb, WAITS } from './run.ts'
import { afterLaunch, afterSearch, MAX_UPDATES, type Patience } from './step.ts'
import type { Vault } from './vault.ts'

/** Appends of one intent in a row, when each took so long that it proved nothing any more. */
export const MAX_PROOFS = 3

/** What a preflight found of the template. */
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
  readonly waysTo?: (record: VmRecord) => readonly Way[]
}

/** Brings planned runs to their jobs: preflight, inventory update, the one POST, and the search after a lost answer. */
export class Launcher {
  readonly #parts: Parts
  /** Since when each run is searched for here, by the clock that nobody sets: another would end a quiet period before its time. */
  readonly #searching = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async step(run: Run, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const unlaunched = run.status === 'planned' || run.status === 'updating'
    if (run.cancel !== undefined && unlaunched)
      return this.#parts.book.refuse(run, `${run.cancel.by} cancelled it before anything ran`)
    if (run.status === 'planned') await this.#launch(run, signal)
    else if (run.status === 'updating') await this.#awaitUpdate(run)
    else if (run.status === 'searching') await this.#search(run)
  }

  async #launch(run: Run, signal: AbortSignal): Promise<void> {
    const { lookup, book, vault, patience, now } = this.#parts
    const shut = whyNotOurs(run.verb, this.#parts.verbs.get(run.verb)) || vault.whyShut(run.secrets ?? {})
    if (shut !== '') return book.refuse(run, shut)
    const fresh = leaveOut(unwaiting(run), this.#changed(run))
    if (fresh.hosts.length === 0) return book.end(fresh, new Map(), 'no host is ready any more')
    const found = await preflight(lookup, { run: fresh, needs: this.#needs(fresh) }, host => this.#waysTo(host))
    if (found.kind === 'refused') return book.refuse(fresh, found.reason)
    if (found.kind === 'later') {
      book.report('trouble', { run: run.id, message: found.reason })
      if (now() - run.since <= patience.preflight) return
      return book.refuse(fresh, found.reason)
    }
    if (found.stale.length > 0 && fresh.updates < MAX_UPDATES) return this.#update(fresh)
    // The fleet may have moved on while the controller answered.
    const ready = leaveOut(leaveOut(fresh, this.#changed(fresh)), staleReasons(fresh, found.stale))
    if (ready.hosts.length === 0)
      return book.end(ready, new Map(), 'the controller would reach none of the guests that are meant')
    if (signal.aborted) return
    await this.#post({ ...ready, template_id: found.template.id, inventory_id: found.inventory.id }, found)
  }

  /**
   * The one POST. The intent is durable before it, and freshly so: a process that was paused in between may have been replaced by another,
   * which knows of the intent and waits for its job. Then the intent is made durable again, which is refused to who was replaced.
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
      // Whatever came, it is not as it was looked up.
      if (launched.kind !== 'launched') lookup.forget()
      return book.go(afterLaunch(intent, launched, now(), remembered))
    }
    const message = 'not sent: between its record in the log and its launch too much time passes'
    if (now() - ready.since > patience.preflight) return book.refuse(ready, message)
    book.report('deferred', { run: ready.id, message })
    return book.save({ ...ready, message })
  }

  /** As the verb is defined now: what was planned before its definition changed is launched where the new one allows it, or on nobody. */
  #needs({ verb }: Run): Needs {
    return this.#parts.verbs.get(verb)?.needs ?? 'guest'
  }

  /** Hosts of a plan that are not what they were: gone, another incarnation, moved, or not ready any more. */
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

  async #update(run: Run): Promise<void> {
    const { controller, book, place, patience, now } = this.#parts
    try {
      const { inventory: name, source: its } = placeOf(place, this.#needs(run))
      const inventory = await controller.findInventory(name, place.organization)
      const source = await controller.findInventorySource(its, inventory)
      const update = await controller.updateSource(source)
      await book.save({
        ...run,
        status: 'updating',
        since: now(),
        updates: run.updates + 1,
        update: { id: update.id, url: update.url },
      })
    } catch (error) {
      const { kind, reason } = failed(error)
      const message = `inventory update: ${reason}`
      book.report('trouble', { run: run.id, message })
      if (kind === 'later' && now() - run.since <= patience.preflight) return
      await book.save({ ...run, updates: run.updates + 1, message })
    }
  }

  async #awaitUpdate(run: Run): Promise<void> {
    const { controller, lookup, book, now, patience } = this.#parts
    if (run.update === null) return book.save({ ...run, status: 'planned', since: now() })
    try {
      const update = await controller.update(run.update)
      if (!update.finished && now() - run.since <= patience.update) return
      lookup.forget()
      const message = update.finished && !update.failed ? '' : `inventory update ${update.id} is ${update.status}`
      await book.save({ ...run, status: 'planned', since: now(), message })
    } catch (error) {
      const message = `inventory update: ${failed(error).reason}`
      book.report('trouble', { run: run.id, message })
      if (now() - run.since > patience.update) await book.save({ ...run, status: 'planned', since: now(), message })
    }
  }

  async #search(run: Run): Promise<void> {
    const { controller, book, vault, now, steady, patience } = this.#parts
    const asked = now()
    const since = this.#searching.get(run.id) ?? steady()
    this.#searching.set(run.id, since)
    const isQuiet = steady() - since > patience.quiet
    try {
      const found = await controller.recover({ id: run.template_id }, launchRequest(run, vault))
      if (isQuiet || found.kind !== 'absent') this.#searching.delete(run.id)
      await book.go(afterSearch(run, found, asked, isQuiet))
    } catch (error) {
      book.report('trouble', { run: run.id, message: `search for its job: ${failed(error).reason}` })
      if (now() - run.since <= patience.job) return
      this.#searching.delete(run.id)
      const message = 'whether it was launched could not be found out'
      await book.go({ kind: 'ends', run, outcome: 'unknown', message })
    }
  }
}

/** There is room now. */
function unwaiting(run: Run): Run {
  return run.message.startsWith(WAITS) ? { ...run, message: '' } : run
}

/** Why the controller would not reach these guests, and what came of the update that was to mend it. */
function staleReasons(run: Run, stale: readonly StaleGuest[]): ReadonlyMap<string, string> {
  // Before the first launch a run has no other message than that of its update.
  const update = run.attempts === 0 && run.message !== '' ? ` (${run.message})` : ''
  return new Map(stale.map(guest => [guest.host, `${guest.reason}${update}`]))
}
