import type { Listed } from './observed.ts'
import type { Step } from './step.ts'
import { isAtLeast } from './version.ts'

/** Objects that may change while an audit is under way; when more do, it is given up and made another time. */
export const MAX_CHANGED = 50_000

/**
 * A second list that is read while the watch goes on: a watch cache can lose a deletion for good (kubernetes/kubernetes#123072), and
 * nothing but a list from etcd tells. What the watch says meanwhile is laid over it, so that the two can be held against each other.
 */
export class Audit<T> {
  readonly #later = new Map<string, { readonly object: T | null; readonly resourceVersion: string }>()
  #listed: Listed<T> | null = null
  #over = false

  constructor(list: Promise<Listed<T>>) {
    list.then(
      listed => (this.#listed = listed),
      () => (this.#over = true),
    )
  }

  /** True when its list failed, or too much changed meanwhile: nothing is to be had of it. */
  get failed(): boolean {
    return this.#over || this.#later.size > MAX_CHANGED
  }

  /** What the watch says meanwhile. */
  note(step: Step<T>, keyOf: (object: T) => string): void {
    if (step.told === null) return
    const object = step.told.kind === 'gone' ? null : step.told.object
    this.#later.set(keyOf(step.told.object), { object, resourceVersion: step.resourceVersion })
  }

  /** All there should be where the watch is now, once; null while it has not come as far as the list. */
  upTo(version: string): ReadonlyMap<string, T> | null {
    if (this.#listed === null) return null
    const { objects, resourceVersion } = this.#listed
    const passed = isAtLeast(version, resourceVersion)
    this.#over ||= passed === null
    if (passed !== true) return null
    for (const [key, { object, resourceVersion: at }] of this.#later) {
      if (isAtLeast(resourceVersion, at) === true) continue
      if (object === null) objects.delete(key)
      else objects.set(key, object)
    }
    return objects
  }
}
