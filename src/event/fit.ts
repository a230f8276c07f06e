import type { Event } from './event.ts'

/** The most bytes that an event may have as JSON (docs/events.md). */
export const MAX_EVENT_BYTES = 16_384
/** A text that is cut keeps this many bytes of JSON, with the `…` at its end. */
const CUT_BYTES = 256
/** At least the bytes that a number, boolean or null takes as JSON: those of `-1.7976931348623157e+308`. */
const LONGEST_NUMBER = 24

/** Paths in `data` that are never cut, as they say what the fact is about. They are short: Kubernetes and this program bound names, uids and ids. */
const IDENTITY: ReadonlySet<string> = new Set([
  'fact',
  'origin',
  'previous',
  'host',
  'uid',
  'vm_uid',
  'cluster.name',
  'cluster.hub',
  'vm.name',
  'vm.namespace',
  'vm.uid',
  'run.id',
  'run.verb',
])
/** Paths of maps with free keys; all other objects have the keys of the schema and keep them. */
const OPEN: ReadonlySet<string> = new Set(['vm.labels', 'counts'])
const LABELS: ReadonlySet<string> = new Set(['vm.labels', 'vm.label_list'])

/** Gives what is left of the value at a path of `data`: the very same value when nothing is cut. */
type Cut = (path: string, value: unknown) => unknown

/** In this order, each only while the event is still too large. */
const CUTS: readonly Cut[] = [cutText, dropLabels, dropCollections]

/**
 * The event, cut to at most `MAX_EVENT_BYTES` of JSON. One that fits is returned as it is. One that is larger loses, step by step and only
 * until it fits: the part of texts beyond 256 bytes; its labels, wherever they stand; all other lists and maps. What it is about
 * (`IDENTITY`) is never cut, `data.trimmed` names the paths that were, and it stays valid by its schema. Pure.
 */
export function fitted<Data extends object>(event: Event<Data>): Event<Data> {
  let fitting = event
  for (const cut of CUTS) {
    if (!isTooLarge(fitting)) return fitting
    const lost = new Set(fitting.data.trimmed)
    const data = trim(fitting.data, '', cut, lost) as Event<Data>['data']
    fitting = { ...fitting, data: { ...data, trimmed: [...lost] } }
  }
  return fitting
}

/** Bytes of an event as it is stored. */
export function bytesOf(event: Event): number {
  return Buffer.byteLength(JSON.stringify(event))
}

/** False for an event that has no JSON form: the log refuses that one, and tells why. */
function isTooLarge(event: Event): boolean {
  try {
    return mostBytesOf(event) > MAX_EVENT_BYTES && bytesOf(event) > MAX_EVENT_BYTES
  } catch {
    return false
  }
}

/** An upper bound of the bytes that a value takes as JSON, in a third of the time that it takes to write it: a character takes at most six (`\u001f`). */
function mostBytesOf(value: unknown): number {
  if (typeof value === 'string') return 6 * value.length + 2
  if (typeof value !== 'object' || value === null) return LONGEST_NUMBER
  let bytes = 2
  if (Array.isArray(value)) for (const item of value as readonly unknown[]) bytes += mostBytesOf(item) + 1
  else
    for (const key in value)
      bytes += 6 * key.length + 4 + mostBytesOf((value as Readonly<Record<string, unknown>>)[key])
  return bytes
}

function trim(value: object, at: string, cut: Cut, lost: Set<string>): object {
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => {
    const path = at === '' ? key : `${at}.${key}`
    if (IDENTITY.has(path) || path === 'trimmed') return [key, inner] as const
    const left = cut(path, inner)
    if (left !== inner) lost.add(path)
    const fixed = typeof left === 'object' && left !== null && !Array.isArray(left) && !OPEN.has(path)
    return [key, fixed ? trim(left, path, cut, lost) : left] as const
  })
  return Object.fromEntries(entries)
}

function cutText(_path: string, value: unknown): unknown {
  if (typeof value !== 'string' || bytesOfText(value) <= CUT_BYTES) return value
  const room = CUT_BYTES - bytesOfText('…')
  let kept = ''
  let bytes = 0
  for (const character of value) {
    bytes += bytesOfText(character)
    if (bytes > room) break
    kept += character
  }
  return `${kept}…`
}

function dropLabels(path: string, value: unknown): unknown {
  if (LABELS.has(path)) return dropCollections(path, value)
  if (path !== 'changed' || !Array.isArray(value)) return value
  const others = value.filter(name => !String(name).startsWith('labels.'))
  return others.length === value.length ? value : others
}

function dropCollections(path: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? value : []
  if (!OPEN.has(path) || typeof value !== 'object' || value === null) return value
  return Object.keys(value).length === 0 ? value : {}
}

function bytesOfText(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}
