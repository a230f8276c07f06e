import { GAP, Piece } from './piece.ts'
import { byText, numberOf, type Order, type Range } from './ranges.ts'

/** That a host, or a group, is in a group. */
export interface Place {
  /** Empty: `all`, which comes first. */
  readonly group: string
  /** Of a host; of a group with `CHILD` before it, so that children come after hosts. */
  readonly name: string
}

/** What no name begins with. */
export const CHILD = '\uffff'

/** A place in so many begins a range, by the name in it alone. */
const PLACES_A_RANGE = 4_096

/** Places by group, then hosts by name, then children by name. */
export const BY_GROUP: Order<Place> = {
  compare: (one, other) => byText(one.group, other.group) || byText(one.name, other.name),
  opens: ({ name }) => numberOf(name) % PLACES_A_RANGE === 0,
}

/** Neighbouring places. */
export class GroupRange implements Range<Place> {
  #groups: string[] = []
  #names: string[] = []
  #first: Place | undefined
  #piece: { readonly before: string; readonly piece: Piece } | null = null

  get first(): Place | undefined {
    return this.#first
  }

  get last(): Place | undefined {
    const [group, name] = [this.#groups.at(-1), this.#names.at(-1)]
    return group === undefined || name === undefined ? undefined : { group, name }
  }

  add(place: Place): boolean {
    const index = this.#search(place)
    if (index >= 0) return false
    this.#groups.splice(~index, 0, place.group)
    this.#names.splice(~index, 0, place.name)
    if (index === -1) this.#first = place
    this.#piece = null
    return true
  }

  remove(place: Place): boolean {
    const index = this.#search(place)
    if (index < 0) return false
    this.#groups.splice(index, 1)
    this.#names.splice(index, 1)
    if (index === 0) this.#first = this.#at(0)
    this.#piece = null
    return true
  }

  split(place: Place): GroupRange {
    const next = new GroupRange()
    const index = this.#search(place)
    next.#groups.push(...this.#groups.splice(index))
    next.#names.push(...this.#names.splice(index))
    next.#first = next.#at(0)
    this.#piece = null
    if (index === 0) this.#first = undefined
    return next
  }

  join(next: GroupRange): void {
    this.#groups.push(...next.#groups)
    this.#names.push(...next.#names)
    this.#first = this.#at(0)
    this.#piece = null
  }

  /** True when `piece` has to make it. */
  isStale(before: Place | undefined): boolean {
    return this.#piece?.before !== keyOf(before)
  }

  /** How it stands in a document behind the place `before`: from the end of that up to its own last name. */
  piece(before: Place | undefined): Piece {
    const key = keyOf(before)
    if (this.#piece?.before === key) return this.#piece.piece
    const piece = this.#make(before)
    // A list that grew has room for more than it holds.
    this.#groups = [...this.#groups]
    this.#names = [...this.#names]
    this.#piece = { before: key, piece }
    return piece
  }

  #make(before: Place | undefined): Piece {
    const parts: string[] = []
    let [group, child, lead] = [before?.group, before?.name.startsWith(CHILD) ?? false, '']
    for (const [index, name] of this.#names.entries()) {
      const own = this.#groups[index] ?? ''
      const isChild = name.startsWith(CHILD)
      const opening =
        own === group
          ? isChild === child
            ? ','
            : '],"children":['
          : `${begun(group)}"${own || 'all'}":{"${kind(isChild)}":[`
      if (index === 0) lead = opening
      parts.push(index === 0 ? opening + GAP : opening, JSON.stringify(isChild ? name.slice(CHILD.length) : name))
      group = own
      child = isChild
    }
    return new Piece(Buffer.from(parts.join('')), lead.length)
  }

  #at(index: number): Place | undefined {
    const [group, name] = [this.#groups[index], this.#names[index]]
    return group === undefined || name === undefined ? undefined : { group, name }
  }

  /** As `search` in a list. */
  #search({ group, name }: Place): number {
    let [low, high] = [0, this.#names.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const order = byText(this.#groups[middle] ?? '', group) || byText(this.#names[middle] ?? '', name)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return ~low
  }
}

/** What ends the group before, if there is one. */
function begun(group: string | undefined): string {
  return group === undefined ? '' : ']},'
}

function kind(isChild: boolean): string {
  return isChild ? 'children' : 'hosts'
}

function keyOf(before: Place | undefined): string {
  return before === undefined ? '' : `${before.group} ${String(before.name.startsWith(CHILD))}`
}
