import type { KubeObject } from './object.ts'

/** A write as watchers see it. `previous` is what the write replaced; selectors and older lists need it. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  readonly object: KubeObject
  readonly previous: KubeObject | null
}

/** The last writes of one resource, bounded by count. What happened at or before `floor` is forgotten. */
export class History {
  #events: StoreEvent[] = []
  #floor: number
  readonly #limit: number

  constructor(floor: number, limit: number) {
    this.#floor = floor
    this.#limit = limit
  }

  /** The oldest revision that a reader may resume from. */
  get floor(): number {
    return this.#floor
  }

  push(event: StoreEvent): void {
    this.#events.push(event)
    if (this.#events.length <= this.#limit) return
    const dropped = this.#events.shift()
    if (dropped !== undefined) this.#floor = dropped.revision
  }

  /** Events after `revision`, oldest first; null when some of them are forgotten. */
  since(revision: number): readonly StoreEvent[] | null {
    if (revision < this.#floor) return null
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return this.#events.slice(low)
  }

  /** Forgets everything up to and including `revision`, as a compaction of etcd does. */
  compact(revision: number): void {
    this.#events = this.#events.filter(event => event.revision > revision)
    this.#floor = Math.max(this.#floor, revision)
  }
}
