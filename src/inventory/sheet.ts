import { hostName, type VmRecord } from '../vm/index.ts'
import { isSameSet, SharedGroups } from './group-set.ts'
import type { Standing } from './host.ts'
import { BY_NAME } from './host-list.ts'
import { Ranges } from './ranges.ts'
import type { Rendering } from './rendering.ts'
import { type Leaf, SheetRange, type Shown } from './sheet-range.ts'

/** All hosts of the fleet in one rendering, by canonical name: the one place that their variables are kept in. */
export class Sheet {
  readonly rendering: Rendering
  readonly #shared = new SharedGroups()
  readonly #ranges = new Ranges<string, SheetRange>(BY_NAME, () => new SheetRange())
  #revision = 0
  #size = 0

  constructor(rendering: Rendering) {
    this.rendering = rendering
  }

  get size(): number {
    return this.#size
  }

  /** Hosts that are beside the pieces: they changed since. */
  get loose(): number {
    return this.#ranges.all.reduce((sum, range) => sum + range.loose, 0)
  }

  /** Renders a host; null: this rendering can not show it, so that it is not here. `changed`: not what it was. */
  put(record: VmRecord, standing: Standing): { readonly shown: Shown | null; readonly changed: boolean } {
    const host = hostName(record)
    const vars = this.rendering.varsOf(record, standing)
    if (vars === null) return { shown: null, changed: this.remove(host) }
    const groups = this.#shared.of(this.rendering.groupsOf(record, standing))
    const text = `"${host}":${JSON.stringify(vars)}`
    const known = this.get(host)
    if (known !== undefined && isSameSet(known.groups, groups) && known.text.toString() === text)
      return { shown: known, changed: false }
    if (this.#ranges.add(host)) this.#size += 1
    const shown = { groups, text, revision: (this.#revision += 1) }
    this.#ranges.of(host).put(host, shown)
    return { shown, changed: true }
  }

  /** False when it was not there. */
  remove(host: string): boolean {
    const removed = this.#ranges.remove(host)
    if (removed) this.#size -= 1
    return removed
  }

  get(host: string): Shown | undefined {
    return this.#ranges.of(host).get(host)
  }

  /** The neighbours of this host, in one piece. */
  leafOf(host: string): Leaf {
    return this.#ranges.of(host).leaf()
  }
}
