import { fitting, named, type Piece, pieceOf } from './portrait-piece.ts'
import { MAX_TEXT, printable, statusParts, withoutBeats } from './portrait-status.ts'
import { dict, type Json, list, text } from './raw.ts'
import { isPrivate, isSecretKey } from './secret.ts'

/**
 * What the Ansible collection kubevirt.core shows of a VM or a VMI, as one line of JSON: nothing but the inventory of that format reads
 * it, and it is kept only where configuration has one.
 */
export interface Portrait {
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** Null: the object has none yet. */
  readonly status: Json | null
  /** Its resourceVersion; null where what is volatile was not asked for, and its instants are not there either. */
  readonly version: string | null
  /**
   * What was left out or cut, because it is too long or may hold a secret: `annotations.KEY`, `labels`, `status.KEY`; of very many
   * `annotations` and `status` alone.
   */
  readonly left: readonly string[]
}

/** An object as the API sends it → its portrait. `volatile`: with its resourceVersion and every instant. Never throws. */
export function portray(kind: 'vm' | 'vmi', object: unknown, volatile: boolean): string {
  const { metadata, status } = dict(object)
  const meta = dict(metadata)
  const left: string[] = []
  const pieces = fitting(
    [
      ...annotationPieces(dict(meta['annotations']), left),
      pieceOf('labels', '', texts(dict(meta['labels']))),
      ...statusPieces(kind, dict(status), volatile, left),
    ],
    left,
  )
  const members = (of: Piece['of']): string =>
    `{${pieces.flatMap(piece => (piece.of === of ? piece.json : [])).join()}}`
  const written = {
    annotations: members('annotations'),
    labels: pieces.find(({ of }) => of === 'labels')?.json ?? '{}',
    status: status === undefined || status === null ? 'null' : members('status'),
    version: volatile ? JSON.stringify(text(meta['resourceVersion'])) : 'null',
    left: JSON.stringify(named(left)),
  } satisfies Record<keyof Portrait, string>
  return `{${Object.entries(written)
    .map(([key, json]) => `"${key}":${json}`)
    .join()}}`
}

/** True of a portrait with its resourceVersion and every instant. In a text of it the quotes would stand behind backslashes. */
export function isVolatile(line: string): boolean {
  return !line.includes('"version":null')
}

/** The portrait that `portray` wrote, without the volatile when it is not asked for. Of a line that it did not write, what fits. */
export function readPortrait(line: string, volatile: boolean): Portrait {
  const { annotations, labels, status, version, left } = dict(parsed(line))
  const stable = version === null || version === undefined
  const known = status === null || status === undefined ? null : dict(status)
  return {
    annotations: texts(dict(annotations)),
    labels: texts(dict(labels)),
    status: stable || volatile || known === null ? known : withoutBeats(known),
    version: stable || !volatile ? null : text(version),
    left: list(left).map(text),
  }
}

function annotationPieces(annotations: Json, left: string[]): readonly Piece[] {
  return Object.entries(texts(annotations)).flatMap(([key, value]) => {
    const isSecret = isPrivate(key, value) || isSecretKey(key, value)
    if (value.length <= MAX_TEXT && !isSecret) return [pieceOf('annotations', key, value)]
    left.push(`annotations.${key}`)
    return []
  })
}

function statusPieces(kind: 'vm' | 'vmi', status: Json, volatile: boolean, left: string[]): readonly Piece[] {
  return statusParts(kind, status, volatile).flatMap(({ key, value, cut }) => {
    if (cut) left.push(printable(key) === key ? `status.${key}` : 'status')
    return value === undefined ? [] : [pieceOf('status', key, value)]
  })
}

function texts(of: Json): Record<string, string> {
  const entries = Object.entries(of).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(entries.map(([key, value]) => [key, printable(value)]))
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
