import { sees } from '../fleet/index.ts'
import { hostName, isCrowded, type VmRecord } from '../vm/index.ts'
import type { Document } from './document.ts'
import type { Standing } from './host.ts'
import { Ended } from './ended.ts'
import { Legacy, legacyOf, namesOf, pageOf, type Reader } from './legacy.ts'
import { partOf } from './narrowing.ts'
import { Page } from './page.ts'
import { difference, type Difference, Past } from './past.ts'
import type { Rendering } from './rendering.ts'
import { Sheet } from './sheet.ts'
import { ShrinkGuard, type Shrunk } from './shrink-guard.ts'
import { isGuarded, notTakenBecause, unknownLabels, type View } from './view.ts'

/** Compressed forms that nobody asked for in this time are forgotten, in ms. */
const TIDY_MS = 600_000

/** Told of what is odd with a view. */
export interface Warnings {
  /** A source makes more groups in it than it may: told once for each. */
  readonly ofGroups?: ((view: string, source: string, most: number) => void) | undefined
  /** Different values make one group of it, and which: told once for each group. */
  readonly ofMerged?: ((view: string, group: string, because: readonly string[]) => void) | undefined
  /** A host is shown by its canonical name, and why. */
  readonly ofName?: ((view: string, host: string, because: string) => void) | undefined
}

/** A view in one rendering, with what guards it. */
export interface Exhibit {
  readonly view: View
  readonly page: Page
  readonly guard: ShrinkGuard
  /** The format that was asked for; empty for its own. */
  readonly format: string
  /** The view itself, where this is a part of it or a format: whom that one believes in this one does from its beginning. Null for the view itself. */
  readonly whole: Exhibit | null
  /** Those of its VMs that lack what the rendering shows, or what decides whether they are of it, by canonical name. */
  readonly lacking: Set<string>
  /** Those that are not of it any more, and that its next document is held against: by canonical name, the names that they had. */
  readonly left: Map<string, string>
  /** The same for the same view in the same rendering. */
  readonly key: string
}

/** Everything that is shown: each rendering once, and each view in the renderings that it is asked for in. */
export class Gallery {
  readonly #warnings: Warnings
  readonly #sheets = new Map<string, Sheet>()
  readonly #exhibits = new Map<string, Exhibit>()
  /** What was found for a view and a rendering: to write their key takes longer than the rest of an answer. */
  readonly #found = new WeakMap<View, Map<Rendering, Exhibit>>()
  readonly #past = new Past()
  #legacy = new Legacy()
  #ended = new Ended()
  readonly #begun: number
  #tidied: number

  /** `now`: in ms. */
  constructor(warnings: Warnings, now: number) {
    this.#warnings = warnings
    this.#begun = now
    this.#tidied = now
  }

  /** How often each VM is shown: once in each rendering, and once in each view. */
  get breadth(): number {
    return this.#sheets.size + this.#exhibits.size
  }

  /**
   * Goes on where another one is: of each view it remembers what was served last, so that what configuration takes out is missed too. The
   * same of formats, and of the parts that `readers` may see: of each what was remembered of the part that it saw before. Who sees the same
   * as before stands before others.
   */
  succeed(before: Gallery, readers: readonly Reader[] = []): void {
    const served = new Map(
      [...before.#exhibits.values()].flatMap(each => (isOwn(each) ? [[partOf(each.view), each]] : [])),
    )
    this.#ended.add(before.#ended)
    const views = [...this.#exhibits.values()]
    for (const exhibit of views) {
      const known = isOwn(exhibit) ? served.get(partOf(exhibit.view)) : undefined
      if (known === undefined) continue
      exhibit.guard.succeed(known.guard)
      for (const [host, name] of known.left) if (!exhibit.page.has(host)) exhibit.left.set(host, name)
    }
    this.#legacy = legacyOf([...before.#exhibits.values()], before.#legacy, {
      views: views.map(({ view }) => view.name),
      readers,
    })
  }

  /** How many hosts the next document is held against of each view that may not get much shorter, by its name, and of each part and format of it, by its page. */
  believed(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#exhibits.values()].flatMap(({ view, format, whole, guard: { believed } }) =>
        believed === null || !isGuarded(view) ? [] : [[whole === null ? view.name : pageOf(view, format), believed]],
      ),
    )
  }

  /** Before the start a page was believed to have so many hosts. Counts until its first document, without whoever was deleted of its part since. */
  expect({ guard, view: { within } }: Exhibit, hosts: number): void {
    if (guard.isBeginning && hosts > 0) guard.expect(Math.max(0, hosts - this.#ended.within(within)))
  }

  find(view: View, rendering: Rendering): Exhibit | undefined {
    const known = this.#found.get(view)?.get(rendering)
    if (known !== undefined) return known
    const found = this.#exhibits.get(keyOf(view, rendering))
    if (found !== undefined) this.#noteFound(view, rendering, found)
    return found
  }

  #noteFound(view: View, rendering: Rendering, exhibit: Exhibit): void {
    const known = this.#found.get(view)
    if (known === undefined) this.#found.set(view, new Map([[rendering, exhibit]]))
    else known.set(rendering, exhibit)
  }

  /** Opens a view in a rendering, which is that of a format when one was asked for. It is empty until each VM was shown. */
  open(view: View, rendering: Rendering, format = ''): Exhibit {
    const sheet = this.#sheets.get(rendering.key) ?? new Sheet(rendering)
    this.#sheets.set(rendering.key, sheet)
    const page = new Page(sheet, {
      ofGroups: source => this.#warnings.ofGroups?.(view.name, source, rendering.maxPerSource),
      ofMerged: (group, because) => this.#warnings.ofMerged?.(view.name, group, because),
      ofName: (host, because) => this.#warnings.ofName?.(view.name, host, because),
    })
    const key = keyOf(view, rendering)
    const whole = this.#wholeOf(view, rendering)
    const about = { lacking: new Set<string>(), left: new Map<string, string>(), key }
    const exhibit = { view, page, guard: new ShrinkGuard(view.shrink), format, whole, ...about }
    const memory = this.#legacy.take(pageOf(view, format))
    if (memory !== undefined) exhibit.guard.succeed(memory.guard)
    this.#exhibits.set(key, exhibit)
    return exhibit
  }

  /** The view that this is a part or a format of; null when it is the view itself. */
  #wholeOf({ name, within }: View, rendering: Rendering): Exhibit | null {
    const whole = [...this.#exhibits.values()].find(each => each.view.name === name && each.view.within === undefined)
    return whole === undefined || (within === undefined && whole.page.sheet.rendering === rendering) ? null : whole
  }

  /** Shows a VM in every view that takes it, and in no other. */
  show(record: VmRecord, standing: Standing): void {
    const host = hostName(record)
    const crowded = isCrowded(record.seen)
    this.#legacy.returned(record)
    const put = new Map([...this.#sheets.values()].map(sheet => [sheet, sheet.put(record, standing)] as const))
    for (const exhibit of this.#exhibits.values()) {
      const { view, page, guard, left, lacking } = exhibit
      const { shown = null, changed = false } = put.get(page.sheet) ?? {}
      lacking.delete(host)
      if (guard.isBeginning && isBelievedIn(exhibit, record)) began(exhibit, record)
      if (crowded && unknownLabels(view, page.sheet.rendering, record, standing).length > 0) lacking.add(host)
      if (shown === null || notTakenBecause(view, record, standing).length > 0) {
        const name = page.drop(host)
        if (name !== null && guard.believes(name)) left.set(host, name)
      } else {
        left.delete(host)
        const name = page.take(record, shown, changed)
        guard.returned(name)
        if (guard.isBeginning && this.#wasThere(record)) guard.began(name)
        if (page.sheet.rendering.isWhole?.(record) === false) lacking.add(host)
      }
    }
  }

  /** True for a VM that was on record when this was made. */
  #wasThere({ known_since }: VmRecord): boolean {
    return known_since < this.#begun
  }

  /** A VM that was not shown yet is another now, or deleted (`after` null). */
  begin(before: VmRecord, after: VmRecord | null, standing: Standing): void {
    if (after === null) {
      this.#legacy.deleted(before)
      this.#ended.note(before)
    }
    if (!this.#wasThere(before)) return
    for (const exhibit of this.#exhibits.values()) {
      const { view, page, guard } = exhibit
      if (!guard.isBeginning) continue
      if (notTakenBecause(view, before, standing).length === 0) began(exhibit, before)
      if (after === null) guard.deleted(page.sheet.rendering.hostOf(before))
    }
  }

  /** A VM was deleted. */
  remove(record: VmRecord): void {
    const host = hostName(record)
    this.#legacy.deleted(record)
    this.#ended.note(record)
    for (const { page, guard, left, lacking } of this.#exhibits.values()) {
      lacking.delete(host)
      // Who left before is missed by the name that it had then.
      guard.deleted(page.drop(host) ?? left.get(host) ?? host)
      left.delete(host)
    }
    for (const sheet of this.#sheets.values()) sheet.remove(host)
  }

  /** The document as of now, or why it is not served: it is much shorter than the one before. */
  serve({ page, guard, left, key }: Exhibit): Document | Shrunk {
    const { document } = page
    const shrunk = guard.refuses(document.lists)
    if (shrunk !== null) return shrunk
    guard.served(document.lists)
    left.clear()
    const { etag, lists } = document
    this.#past.remember({ page: key, etag, lists })
    return document
  }

  /** Why the document as of now would not be served; null when it would be. Makes none. */
  held({ page, guard }: Exhibit): Shrunk | null {
    return guard.refuses(page.lists)
  }

  /** What became of a view between two of its documents; null unless both are remembered. */
  difference({ key }: Exhibit, before: string, after: string): Difference | null {
    const [was, is] = [this.#past.find(key, before), this.#past.find(key, after)]
    return was === undefined || is === undefined ? null : difference(was.lists, is.lists)
  }

  /** Forgets compressed forms that nobody asked for since the last time, when that was long ago. */
  tidy(now: number): void {
    if (now - this.#tidied < TIDY_MS) return
    this.#tidied = now
    for (const { page } of this.#exhibits.values()) page.tidy()
  }
}

/** A VM was of this at the start, whatever is known of it by now. */
function began({ page, guard, left }: Exhibit, record: VmRecord): void {
  const name = page.sheet.rendering.hostOf(record)
  guard.began(name)
  left.set(hostName(record), name)
}

/** True for a VM of this part of a view that the view itself believes in, whatever is known of it by now. */
function isBelievedIn({ view: { within }, whole }: Exhibit, record: VmRecord): boolean {
  if (whole === null || (within !== undefined && !sees(within, record))) return false
  return namesOf(record, whole.page.sheet.rendering).some(name => whole.guard.believes(name))
}

/** True for a view as it shows itself, in no format that somebody asked for. */
function isOwn({ view, page }: Exhibit): boolean {
  return page.sheet.rendering === view.rendering || page.sheet.rendering.key === view.rendering.key
}

function keyOf(view: View, rendering: Rendering): string {
  return `${partOf(view)} ${rendering.key}`
}
