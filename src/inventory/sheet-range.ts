import type { GroupSet } from './group-set.ts'
import { type HostList, HostRange } from './host-list.ts'
import { GAP, Piece } from './piece.ts'
import { byText, search } from './ranges.ts'

/** A text, or its bytes where they stand in a piece. */
export type Text = string | Buffer

/** One host of a sheet. */
export interface Shown {
  readonly groups: GroupSet
  /** Another number when its variables or groups have changed. */
  readonly revision: number
  /** Its canonical name and its variables, as they stand in a document: `"web-1.shop.prod-1":{…}`. */
  readonly text: Text
}

/** Neighbours as they are shown, in one piece. Never changed. */
export interface Leaf {
  readonly list: HostList
  readonly groups: readonly GroupSet[]
  /** Where the text of each host begins in the piece; behind the last, where one more would. */
  readonly starts: Uint32Array
  readonly piece: Piece
}

/** Hosts that changed since their range was one piece, before it is made one again, asked for or not. */
const MAX_FRESH = 64

/** A part of a leaf: that from one index up to another. */
interface Base {
  readonly leaf: Leaf
  readonly from: number
  readonly to: number
}

/** Neighbours of a sheet. */
export class SheetRange extends HostRange {
  /** What of it is in pieces; of what is `#fresh` too, that counts. */
  #bases: readonly Base[] = []
  #fresh = new Map<string, Shown>()
  #leaf: Leaf | null = null

  get loose(): number {
    return this.#fresh.size
  }

  /** A host that is here. */
  put(host: string, shown: Shown): void {
    this.#fresh.set(host, shown)
    this.#leaf = null
    // As long as there is no piece yet, nothing is held twice.
    if (this.#bases.length > 0 && this.#fresh.size >= MAX_FRESH) void this.leaf()
  }

  get(host: string): Shown | undefined {
    const fresh = this.#fresh.get(host)
    if (fresh !== undefined) return fresh
    for (const { leaf, from, to } of this.#bases) {
      const index = search(leaf.list.hosts, host, byText)
      if (index >= from && index < to) return this.has(host) ? shownAt(leaf, index) : undefined
    }
    return undefined
  }

  leaf(): Leaf {
    if (this.#leaf !== null) return this.#leaf
    this.#leaf = leafOf(
      this.hosts,
      this.hosts.flatMap(host => this.get(host) ?? []),
    )
    this.#bases = [{ leaf: this.#leaf, from: 0, to: this.hosts.length }]
    this.#fresh = new Map()
    return this.#leaf
  }

  override add(host: string): boolean {
    this.#leaf = null
    return super.add(host)
  }

  override remove(host: string): boolean {
    if (!super.remove(host)) return false
    this.#fresh.delete(host)
    this.#leaf = null
    return true
  }

  override split(host: string): SheetRange {
    const next = super.split(host) as SheetRange
    const cut = ({ leaf, from, to }: Base): number =>
      Math.min(Math.max(atLeast(search(leaf.list.hosts, host, byText)), from), to)
    next.#bases = this.#bases.map(base => ({ ...base, from: cut(base) }))
    this.#bases = this.#bases.map(base => ({ ...base, to: cut(base) }))
    for (const [name, shown] of this.#fresh) {
      if (byText(name, host) < 0) continue
      next.#fresh.set(name, shown)
      this.#fresh.delete(name)
    }
    this.#leaf = null
    return next
  }

  override join(next: SheetRange): void {
    super.join(next)
    this.#bases = [...this.#bases, ...next.#bases]
    for (const [name, shown] of next.#fresh) this.#fresh.set(name, shown)
    this.#leaf = null
  }

  protected override another(): SheetRange {
    return new SheetRange()
  }
}

function atLeast(index: number): number {
  return index < 0 ? ~index : index
}

function shownAt({ list, groups, starts, piece }: Leaf, index: number): Shown {
  return {
    groups: groups[index] as GroupSet,
    revision: list.revisions[index] ?? 0,
    text: piece.bytes.subarray(starts[index], (starts[index + 1] ?? 0) - 1),
  }
}

function leafOf(hosts: readonly string[], all: readonly Shown[]): Leaf {
  const starts = new Uint32Array(hosts.length + 1)
  let end = 1 + GAP.length
  for (const [index, { text }] of all.entries()) {
    starts[index] = end
    end += bytesIn(text) + 1
  }
  starts[hosts.length] = end
  const bytes = spliced(
    all.map(({ text }) => text),
    end - 1,
  )
  const revisions = Float64Array.from(all, ({ revision }) => revision)
  return { list: { hosts, revisions }, groups: all.map(({ groups }) => groups), starts, piece: new Piece(bytes, 1) }
}

/** Texts of hosts in one piece: a comma, a gap, and between each a comma. `length`: of the whole. */
export function spliced(texts: readonly Text[], length: number): Buffer {
  // Not from a pool: it is kept for long.
  const bytes = Buffer.allocUnsafeSlow(Math.max(length, 1 + GAP.length))
  let at = bytes.write(`,${GAP}`, 'latin1')
  for (const [index, text] of texts.entries()) {
    if (index > 0) at = bytes.writeUInt8(0x2c, at)
    at += typeof text === 'string' ? bytes.write(text, at) : text.copy(bytes, at)
  }
  return bytes
}

/** How many bytes it is. */
export function bytesIn(text: Text): number {
  return Buffer.byteLength(text)
}
