/** Neighbours in a sorted sequence. */
export interface Range<E> {
  /** Undefined while it is empty. */
  readonly first: E | undefined
  /** Adds an entry in its place; false when it was there. */
  add(entry: E): boolean
  /** False when it was not there. */
  remove(entry: E): boolean
  /** Gives away what begins with this entry, as a range of its own. */
  split(entry: E): Range<E>
  /** Takes in the range that follows. */
  join(next: Range<E>): void
}

/** What a sequence is sorted by, and where its ranges begin. */
export interface Order<E> {
  /** Below zero when the first goes before the second. */
  readonly compare: (one: E, other: E) => number
  /** True for an entry that begins a range, wherever it stands. */
  readonly opens: (entry: E) => boolean
}

/**
 * A sorted sequence in ranges. Where one ends is for the entries alone, never for the way they came: the same entries are in the same
 * ranges, and an entry that comes or goes changes one range, or two.
 */
export class Ranges<E, R extends Range<E>> {
  readonly #order: Order<E>
  readonly #create: () => R
  /** Each but the first begins with an entry that opens; none opens within. */
  readonly #ranges: R[]

  constructor(order: Order<E>, create: () => R) {
    this.#order = order
    this.#create = create
    this.#ranges = [create()]
  }

  /** In order; an empty one is the only one. */
  get all(): readonly R[] {
    return this.#ranges
  }

  /** The range that has the entry, or would have it, and those after it. */
  *from(entry: E): Iterable<R> {
    for (let index = this.#indexOf(entry); index < this.#ranges.length; index += 1) yield this.#ranges[index] as R
  }

  /** The range that has the entry, or would have it. */
  of(entry: E): R {
    return this.#ranges[this.#indexOf(entry)] ?? this.#create()
  }

  /** False when it was there. */
  add(entry: E): boolean {
    const index = this.#indexOf(entry)
    const range = this.#ranges[index] as R
    const first = range.first
    if (!range.add(entry)) return false
    // Only into the first range can an entry come before its first, which may open a range of its own.
    if (range.first !== first && first !== undefined && this.#order.opens(first)) this.#split(index, first)
    else if (range.first !== entry && this.#order.opens(entry)) this.#split(index, entry)
    return true
  }

  /** False when it was not there. */
  remove(entry: E): boolean {
    const index = this.#indexOf(entry)
    const range = this.#ranges[index] as R
    const first = range.first
    if (!range.remove(entry)) return false
    const before = this.#ranges[index - 1]
    if (before !== undefined && range.first !== first) {
      before.join(range)
      this.#ranges.splice(index, 1)
    } else if (range.first === undefined && this.#ranges.length > 1) this.#ranges.splice(index, 1)
    return true
  }

  #split(index: number, entry: E): void {
    this.#ranges.splice(index + 1, 0, (this.#ranges[index] as R).split(entry) as R)
  }

  /** Of the last range that begins with it or before it; of the first when none does. */
  #indexOf(entry: E): number {
    let [low, high] = [0, this.#ranges.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const { first } = this.#ranges[middle] as R
      if (first !== undefined && this.#order.compare(first, entry) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Where an entry is in a sorted list; when it is not, below zero: the complement of where it would be. */
export function search<E>(list: readonly E[], entry: E, compare: (one: E, other: E) => number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(list[middle] as E, entry) < 0) low = middle + 1
    else high = middle
  }
  return low < list.length && compare(list[low] as E, entry) === 0 ? low : ~low
}

/** By code units, as `sort` does. */
export function byText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

/** FNV-1a over code units, 32 bits, with its bits mixed: the same text has the same number everywhere. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
