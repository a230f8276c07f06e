import type { Controller, InventorySource, Update, UpdateRef } from '../aap/index.ts'
import { ControllerError } from '../aap/index.ts'
import type { Ages } from './ages.ts'
import type { Book } from './book.ts'
import { failed } from './controller-side.ts'
import { type Lookup, type Place, placeOf } from './lookup.ts'
import type { Needs } from './verb-policy.ts'
import type { Run } from './run.ts'
import type { Patience } from './step.ts'

interface Parts {
  readonly controller: Controller
  readonly lookup: Lookup
  readonly place: Place
  readonly book: Book
  readonly patience: Patience
  readonly now: () => number
  readonly ages: Ages
}

/** An update in this status reads its source later than now, so whoever needs what the source says now may wait for it. */
const UNBEGUN: ReadonlySet<string> = new Set(['new', 'pending', 'waiting'])

/**
 * Inventory updates, as few as do for all: a controller merges none. Runs that need one in the same turn share it, and a later run waits
 * for one that was asked for and has not begun. One that has begun may have read its source before the need was there: then the next is
 * asked for. In one turn a source costs at most two looks and one POST, however many runs wait.
 */
export class SourceUpdates {
  readonly #parts: Parts
  /** Runs of this turn that need an update, by where they run. */
  readonly #needed = new Map<string, { readonly place: ReturnType<typeof placeOf>; readonly runs: Run[] }>()
  /** Updates that were looked at in this turn, by URL. */
  readonly #looked = new Map<string, Promise<Update>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Notes that the controller's hosts are not those that a run means. `ask()` moves it on. */
  need(run: Run, needs: Needs): void {
    const place = placeOf(this.#parts.place, needs)
    const key = JSON.stringify([place.inventory, place.source])
    const needed = this.#needed.get(key) ?? { place, runs: [] }
    needed.runs.push(run)
    this.#needed.set(key, needed)
  }

  /** Asks for what was needed in this turn, once for each source. Resolves when each of its runs is on record as one that waits for it. */
  async ask(): Promise<void> {
    const needed = [...this.#needed.values()]
    this.#needed.clear()
    this.#looked.clear()
    await Promise.all(needed.map(({ place, runs }) => this.#askFor(place, runs)))
  }

  /** Looks how far the update is that a run waits for, and moves the run on when it has ended, or was waited for long enough. */
  async look(run: Run): Promise<void> {
    const { lookup, book, now, ages, patience } = this.#parts
    if (run.update === null) return book.save({ ...run, status: 'planned', since: now() })
    try {
      const update = await this.#lookAt(run.update)
      if (!update.finished && ages.of(run.since) <= patience.update) return
      lookup.forget()
      const message = update.finished && !update.failed ? '' : `inventory update ${update.id} is ${update.status}`
      await book.save({ ...run, status: 'planned', since: now(), message })
    } catch (error) {
      const message = `inventory update: ${failed(error).reason}`
      book.report('trouble', { run: run.id, message })
      if (ages.of(run.since) > patience.update) await book.save({ ...run, status: 'planned', since: now(), message })
    }
  }

  /** One look a turn for all that wait for it. */
  #lookAt(ref: UpdateRef): Promise<Update> {
    const looked = this.#looked.get(ref.url) ?? this.#parts.controller.update(ref)
    this.#looked.set(ref.url, looked)
    return looked
  }

  async #askFor(place: ReturnType<typeof placeOf>, runs: readonly Run[]): Promise<void> {
    const { controller, book, place: whole, now } = this.#parts
    try {
      const inventory = await controller.findInventory(place.inventory, whole.organization)
      const source = await controller.findInventorySource(place.source, inventory)
      const { id, url } = (await this.#unbegun(source)) ?? (await controller.updateSource(source))
      const update = { id, url, source: source.id }
      for (const run of runs)
        await book.onRecord(
          book.save({ ...run, status: 'updating', since: now(), updates: run.updates + 1, update }),
          run.id,
        )
    } catch (error) {
      for (const run of runs) await book.onRecord(this.#unasked(run, failed(error)), run.id)
    }
  }

  /** The newest update of a source that a run waits for, if it has not begun. Asked anew: it may have begun within this turn. */
  async #unbegun({ id }: InventorySource): Promise<UpdateRef | null> {
    const { controller, book } = this.#parts
    const asked = book.ledger
      .active()
      .flatMap(run => (run.status === 'updating' && run.update?.source === id ? [run.update] : []))
    const newest = asked.reduce<UpdateRef | null>((last, ref) => (last === null || ref.id > last.id ? ref : last), null)
    if (newest === null) return null
    try {
      return UNBEGUN.has((await controller.update(newest)).status) ? newest : null
    } catch (error) {
      if (error instanceof ControllerError) return null
      throw error
    }
  }

  /** It is tried again for a while; then the run goes on with what the controller has. */
  async #unasked(run: Run, { kind, reason }: ReturnType<typeof failed>): Promise<void> {
    const { book, patience, ages } = this.#parts
    const message = `inventory update: ${reason}`
    book.report('trouble', { run: run.id, message })
    if (kind === 'later' && ages.of(run.since) <= patience.preflight) return
    await book.save({ ...run, updates: run.updates + 1, message })
  }
}
