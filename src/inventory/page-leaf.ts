import type { HostList } from './host-list.ts'
import { Piece, GAP } from './piece.ts'
import type { PageLeaf, PageRange } from './page-range.ts'
import type { Sheet } from './sheet.ts'
import { bytesIn, type Shown, spliced } from './sheet-range.ts'
import type { Signs } from './signs.ts'

/** That a host is another in a page, while it is as it was in the sheet. */
export interface Mark {
  /** Its revision there; one that has another since says by itself that it changed. */
  readonly of: number
  /** What counts in place of that: a number that no other revision is. */
  readonly now: number
}

/** What a page is made of. */
interface Matter {
  readonly sheet: Sheet
  readonly signs: Signs
  /** By shown name. */
  readonly marks: ReadonlyMap<string, Mark>
}

/** The neighbours of a page in one piece: that of the sheet where it has the same hosts by the same names, else one of its own. */
export function leafOf(range: PageRange, { sheet, signs, marks }: Matter): PageLeaf {
  const { hosts, leaf } = range
  if (leaf !== null) return leaf
  const shared = sheet.leafOf(signs.canonicalOf(hosts[0] ?? ''))
  const own = signs.areCanonical && isSame(shared.list.hosts, hosts) ? shared : ownLeaf(hosts, sheet, signs)
  range.leaf = { list: marked(own.list, marks), piece: own.piece }
  return range.leaf
}

/** The variables of a host as they stand in its text. */
export function varsIn(host: string, { text }: Shown): string {
  return text.toString().slice(host.length + 3)
}

function ownLeaf(hosts: readonly string[], sheet: Sheet, signs: Signs): PageLeaf {
  const revisions = new Float64Array(hosts.length)
  const texts = hosts.map((name, index) => {
    const host = signs.canonicalOf(name)
    const shown = sheet.get(host)
    if (shown === undefined) throw new Error(`${host} is in a view, and in no sheet`)
    revisions[index] = shown.revision
    return name === host ? shown.text : `"${name}":${varsIn(host, shown)}`
  })
  const length = texts.reduce((sum, text) => sum + bytesIn(text) + 1, GAP.length)
  return { list: { hosts, revisions }, piece: new Piece(spliced(texts, length), 1) }
}

/** The same list where none of its hosts is marked. */
function marked(list: HostList, marks: ReadonlyMap<string, Mark>): HostList {
  if (marks.size === 0 || !list.hosts.some(host => marks.has(host))) return list
  const revisions = list.revisions.map((revision, index) => {
    const mark = marks.get(list.hosts[index] ?? '')
    return mark?.of === revision ? mark.now : revision
  })
  return { hosts: list.hosts, revisions }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((host, index) => host === other[index])
}
