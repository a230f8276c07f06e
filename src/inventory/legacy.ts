import type { Scope } from '../fleet/index.ts'
import { hostName, type VmRecord } from '../vm/index.ts'
import { partOf } from './narrowing.ts'
import type { Rendering } from './rendering.ts'
import type { ShrinkGuard } from './shrink-guard.ts'
import type { View } from './view.ts'

/** Somebody who reads, and may see another part of the fleet since configuration changed; left out: all of it. */
export interface Reader {
  readonly before: Scope | undefined
  readonly after: Scope | undefined
}

/** What is remembered of a page, and how that page names its hosts. */
interface Memory {
  readonly guard: ShrinkGuard
  readonly rendering: Rendering
}

/** A page that an inventory has. */
interface Shown {
  readonly view: View
  readonly format: string
  readonly guard: ShrinkGuard
  readonly page: { readonly sheet: { readonly rendering: Rendering } }
}

/**
 * What the inventory before this one remembered of pages that nobody has asked this one for yet: parts of views that a token may see, and
 * formats. Each is taken over by the first who asks. Who is deleted until then is not missed.
 */
export class Legacy {
  readonly #memories: Map<string, Memory>

  /** `memories`: by their pages (`pageOf`). */
  constructor(memories: ReadonlyMap<string, Memory> = new Map()) {
    this.#memories = new Map(memories)
  }

  get memories(): ReadonlyMap<string, Memory> {
    return this.#memories
  }

  take(page: string): Memory | undefined {
    const memory = this.#memories.get(page)
    this.#memories.delete(page)
    return memory
  }

  /** A VM was deleted. */
  deleted(record: VmRecord): void {
    for (const { guard, rendering } of this.#memories.values())
      for (const name of namesOf(record, rendering)) guard.deleted(name)
  }

  /** A VM is there, again perhaps. */
  returned(record: VmRecord): void {
    for (const { guard, rendering } of this.#memories.values())
      for (const name of namesOf(record, rendering)) guard.returned(name)
  }
}

/**
 * What is left for the inventory after one that has these pages, and that itself was left something: for the formats, and for each part
 * that one of the `readers` may see, what was remembered of the part that it saw before. One who sees the same as before stands before others.
 */
export function legacyOf(
  shown: readonly Shown[],
  before: Legacy,
  { views, readers }: { readonly views: readonly string[]; readonly readers: readonly Reader[] },
): Legacy {
  const had = new Map<string, Memory>([
    ...before.memories,
    ...shown.map(
      ({ view, format, guard, page }) => [pageOf(view, format), { guard, rendering: page.sheet.rendering }] as const,
    ),
  ])
  const formats = [...new Set(['', ...[...had.keys()].map(formatOf)])]
  const all = [{ before: undefined, after: undefined }, ...readers]
  const left = new Map<string, Memory>()
  for (const one of [...all.filter(isSame), ...all.filter(one => !isSame(one))])
    for (const name of views)
      for (const format of formats) {
        const memory = had.get(pageOf({ name, within: one.before }, format))
        const page = pageOf({ name, within: one.after }, format)
        const isOwn = one.after === undefined && format === ''
        if (memory !== undefined && !isOwn && !left.has(page)) left.set(page, memory)
      }
  return new Legacy(left)
}

/** Says which page of an inventory it is: which part of which view, and in which format; empty for the view's own. */
export function pageOf(view: Pick<View, 'name' | 'within'>, format: string): string {
  return `${format} ${partOf(view)}`
}

function formatOf(page: string): string {
  return page.slice(0, page.indexOf(' '))
}

function isSame({ before, after }: Reader): boolean {
  return partOf({ name: '', within: before }) === partOf({ name: '', within: after })
}

/** The names of which a VM has one in a document: its own where nobody else would have it. */
export function namesOf(record: VmRecord, rendering: Rendering): readonly string[] {
  return [hostName(record), rendering.hostOf(record)]
}
