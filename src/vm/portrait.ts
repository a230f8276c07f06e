import { dict, type Json, list, text } from './raw.ts'

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
  /** What was left out or cut, because it is too long or may hold a secret: `annotations.KEY`, `labels`, `status.KEY`. */
  readonly left: readonly string[]
}

/** Characters of JSON that are kept of one object; when it has more, its largest pieces are left out. */
export const MAX_PORTRAIT = 24 * 1024
/** Characters of one text: a longer annotation is left out, a longer text of a status is cut. */
const MAX_TEXT = 4096
/** How deep a status may be; KubeVirt 1.8 has 7. */
const MAX_DEPTH = 12

/** Every key of a status that KubeVirt 1.8 defines; no other is kept. None of them holds user data. */
export const STATUS_KEYS = {
  vm: [
    'changedBlockTracking',
    'conditions',
    'created',
    'desiredGeneration',
    'instancetypeRef',
    'memoryDumpRequest',
    'observedGeneration',
    'preferenceRef',
    'printableStatus',
    'ready',
    'restoreInProgress',
    'runStrategy',
    'snapshotInProgress',
    'startFailure',
    'stateChangeRequests',
    'volumeRequests',
    'volumeSnapshotStatuses',
    'volumeUpdateState',
  ],
  vmi: [
    'VSOCKCID',
    'activePods',
    'changedBlockTracking',
    'conditions',
    'currentCPUTopology',
    'evacuationNodeName',
    'fsFreezeStatus',
    'guestOSInfo',
    'interfaces',
    'kernelBootStatus',
    'launcherContainerImageVersion',
    'machine',
    'memory',
    'migratedVolumes',
    'migrationMethod',
    'migrationState',
    'migrationTransport',
    'nodeName',
    'phase',
    'phaseTransitionTimestamps',
    'qosClass',
    'reason',
    'runtimeUser',
    'selinuxContext',
    'topologyHints',
    'virtualMachineRevisionName',
    'volumeStatus',
  ],
} as const

/** Keys of a status that hold instants: what they say is when, and a record would be written for each beat. */
export const INSTANT = /(?:Timestamps?|lastProbeTime|lastTransitionTime)$/

/** Annotations in which tools keep the whole object, with its cloud-init user data: kubectl, kapp, Rancher, operators. */
const WHOLE_OBJECT = /last-applied|last-handled|^kapp\.k14s\.io\/original|^objectset\.rio\.cattle\.io\/applied$/i
/** What gives user data, a key or a password away, whatever the annotation is called. */
const SECRET = /"spec"\s*:|user-?data|cloud-?init|cloud-?config|passw(?:or)?d|-----BEGIN [A-Z ]*PRIVATE KEY/i

// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** True of an annotation that may hold the whole object, user data, a key or a password: it is never kept. */
export function isPrivate(key: string, value: string): boolean {
  return WHOLE_OBJECT.test(key) || SECRET.test(value)
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
      ...statusPieces(STATUS_KEYS[kind], dict(status), volatile, left),
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
    left: JSON.stringify(left),
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
  const kept = stable || volatile ? status : withoutInstants(dict(status))
  return {
    annotations: texts(dict(annotations)),
    labels: texts(dict(labels)),
    status: kept === null || kept === undefined ? null : dict(kept),
    version: stable || !volatile ? null : text(version),
    left: list(left).map(text),
  }
}

function withoutInstants(status: Json): Json {
  return dict(cleaned(status, { volatile: false, cut: false }, -1))
}

/** A part of a portrait as it is written, once. */
interface Piece {
  readonly of: 'annotations' | 'labels' | 'status'
  /** As it is told when it is left out. */
  readonly name: string
  /** A member of an object; of the labels, the object. */
  readonly json: string
}

function pieceOf(of: Piece['of'], key: string, value: unknown): Piece {
  const json = JSON.stringify(value)
  return of === 'labels' ? { of, name: of, json } : { of, name: `${of}.${key}`, json: `${JSON.stringify(key)}:${json}` }
}

function annotationPieces(annotations: Json, left: string[]): readonly Piece[] {
  return Object.entries(texts(annotations)).flatMap(([key, value]) => {
    if (value.length <= MAX_TEXT && !isPrivate(key, value)) return [pieceOf('annotations', key, value)]
    left.push(`annotations.${key}`)
    return []
  })
}

function statusPieces(keys: readonly string[], status: Json, volatile: boolean, left: string[]): readonly Piece[] {
  const known = keys.filter(key => Object.hasOwn(status, key) && (volatile || !INSTANT.test(key)))
  return known.map(key => {
    const state = { volatile, cut: false }
    const piece = pieceOf('status', key, cleaned(status[key], state, 0) ?? null)
    if (state.cut) left.push(piece.name)
    return piece
  })
}

/** The pieces without the largest of them, as many as it takes; labels last, as they say who is listed. */
function fitting(pieces: readonly Piece[], left: string[]): readonly Piece[] {
  let total = pieces.reduce((sum, { json }) => sum + json.length, 0)
  if (total <= MAX_PORTRAIT) return pieces
  const gone = new Set<Piece>()
  const size = ({ of, json }: Piece): number => (of === 'labels' ? 0 : json.length)
  for (const piece of pieces.toSorted((a, b) => size(b) - size(a))) {
    if (total <= MAX_PORTRAIT) break
    total -= piece.json.length
    gone.add(piece)
    if (!left.includes(piece.name)) left.push(piece.name)
  }
  return pieces.filter(piece => !gone.has(piece))
}

function cleaned(value: unknown, state: { readonly volatile: boolean; cut: boolean }, depth: number): unknown {
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) state.cut = true
    return printable(value.slice(0, MAX_TEXT))
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) {
    state.cut = true
    return null
  }
  if (Array.isArray(value)) return value.map(item => cleaned(item, state, depth + 1))
  const entries = Object.entries(value).filter(([key]) => state.volatile || !INSTANT.test(key))
  return Object.fromEntries(entries.map(([key, item]) => [key, cleaned(item, state, depth + 1)]))
}

function texts(of: Json): Record<string, string> {
  const entries = Object.entries(of).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(entries.map(([key, value]) => [key, printable(value)]))
}

/** Text that keeps its lines, and no other control or direction character. */
function printable(value: string): string {
  return value.replace(CONTROL, ' ').toWellFormed()
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
