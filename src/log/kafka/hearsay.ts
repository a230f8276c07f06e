import type { Placed } from './session.ts'

/** A commit leaves its marker after its records, in every partition that it wrote to. */
const MARKER = 1

/**
 * Of one stream: which of our own commits followers may be told as they were written, without reading them again. Those before which
 * nothing lies that is not told yet; where somebody else wrote, or a commit failed, there is a gap, and all that comes after it has
 * to be read, until the reading is past it.
 */
export class Hearsay {
  /** Of each partition, the offset before which everything is told. */
  readonly #known: number[]
  /** Of partitions with commits that were not told as they were written, the offset after the newest: they have to be read. */
  readonly #owed = new Map<number, number>()

  /** Everything before these offsets is told. */
  constructor(offsets: readonly number[]) {
    this.#known = [...offsets]
  }

  /** True when something has to be read before our commits can be told as they are written. */
  get owes(): boolean {
    return this.#owed.size > 0
  }

  /** Takes note of what one commit put into the stream; true when it may be told now, false when it will be read. What was read already may be told again. */
  place(places: readonly Placed[]): boolean {
    const next = new Map<number, number>()
    let whole = !this.owes
    for (const placed of places) {
      // A reader may hear of it before its writer does.
      if (placed.next <= (this.#known[placed.partition] ?? 0)) continue
      whole &&= placed.first === (next.get(placed.partition) ?? this.#known[placed.partition])
      next.set(placed.partition, placed.next)
    }
    for (const [partition, offset] of next) {
      if (whole) this.#known[partition] = offset + MARKER
      else this.#owed.set(partition, offset)
    }
    return whole
  }

  /** Everything in a partition before this offset was read, and told. */
  read(partition: number, offset: number): void {
    this.#known[partition] = Math.max(offset, this.#known[partition] ?? 0)
    if ((this.#owed.get(partition) ?? Infinity) <= offset) this.#owed.delete(partition)
  }
}
