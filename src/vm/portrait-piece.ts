/** Characters of JSON that are kept of one object; when it has more, its largest pieces are left out, or the last items of a list. */
export const MAX_PORTRAIT = 64 * 1024
/** Characters of the names of what was left out. */
const MAX_LEFT = 4096

/** A part of a portrait as it is written, once. */
export interface Piece {
  readonly of: 'annotations' | 'labels' | 'status'
  /** As it is told when it is left out. */
  readonly name: string
  /** A member of an object; of the labels, the object. */
  readonly json: string
  /** Of a list: its member without the items, and these. */
  readonly list?: { readonly key: string; readonly items: readonly unknown[] }
}

/** The piece of a key; of the labels all, whatever the key. */
export function pieceOf(of: Piece['of'], key: string, value: unknown): Piece {
  const json = JSON.stringify(value ?? null)
  if (of === 'labels') return { of, name: of, json }
  const piece = { of, name: `${of}.${key}`, json: `${JSON.stringify(key)}:${json}` }
  return Array.isArray(value) ? { ...piece, list: { key, items: value } } : piece
}

/** The pieces without the largest of them, as many as it takes; of a list the first items stay. Labels go last, as they say who is listed. */
export function fitting(pieces: readonly Piece[], left: string[]): readonly Piece[] {
  let total = pieces.reduce((sum, { json }) => sum + json.length + 1, 0)
  if (total <= MAX_PORTRAIT) return pieces
  const changed = new Map<Piece, Piece | null>()
  // Those that are more than there is room for go first: nothing else would make room for them.
  const size = ({ of, json }: Piece): number =>
    of === 'labels' ? (json.length > MAX_PORTRAIT ? Infinity : 0) : json.length
  for (const piece of pieces.toSorted((a, b) => size(b) - size(a))) {
    if (total <= MAX_PORTRAIT) break
    const less = shortened(piece, piece.json.length - (total - MAX_PORTRAIT))
    total -= less === null ? piece.json.length + 1 : piece.json.length - less.json.length
    changed.set(piece, less)
    if (!left.includes(piece.name)) left.push(piece.name)
  }
  return pieces.flatMap(piece => (changed.has(piece) ? (changed.get(piece) ?? []) : piece))
}

/** A list with the first of its items that there is room for; null of anything else, or for none. */
function shortened({ of, list }: Piece, room: number): Piece | null {
  if (list === undefined) return null
  let length = JSON.stringify(list.key).length + ':[]'.length
  const count = list.items.findIndex(item => (length += JSON.stringify(item ?? null).length + 1) > room)
  return count <= 0 ? null : pieceOf(of, list.key, list.items.slice(0, count))
}

/** The names of what was left out; of very many, which of annotations, labels and the status lack something. */
export function named(left: readonly string[]): readonly string[] {
  if (left.join().length <= MAX_LEFT) return left
  return [...new Set(left.map(name => name.replace(/\..*/s, '')))]
}
