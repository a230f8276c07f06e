import { plainText } from '../event/index.ts'
import { counted } from '../whole-number.ts'

/** One thing in which a request is not as the schema of its route has it, as the validator gives it. */
export interface SchemaFault {
  readonly keyword: string
  /** As a JSON pointer: `/hosts/0`; empty of the whole. */
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
}

/** The part of a request that was looked at, as Fastify names it. */
export type Part = 'body' | 'querystring' | 'headers' | 'params'

/** Faults that are told at once; a request may have a million. */
const MAX_TOLD = 3
/** Characters of a name that a client chose. */
const MAX_NAME = 64

/** What is wrong by each keyword of our schemas, with what would be right: the sentence goes on after the name of what is wrong. */
const WORDS: Readonly<Record<string, (params: SchemaFault['params']) => string>> = {
  type: ({ type }) => TYPES[String(type)] ?? `is no ${String(type)}`,
  enum: ({ allowedValues }) => `is none of ${[allowedValues].flat().join(', ')}`,
  required: () => 'is missing',
  minItems: ({ limit }) => (limit === 1 ? 'is an empty list' : `has fewer than ${String(limit)} entries`),
  maxItems: ({ limit }) => `has more than ${counted(Number(limit), 'entry')}`,
  uniqueItems: ({ i, j }) =>
    `has the same twice, at ${Math.min(Number(i), Number(j))} and ${Math.max(Number(i), Number(j))}`,
  minLength: ({ limit }) => (limit === 1 ? 'is empty' : `has fewer than ${String(limit)} characters`),
  maxLength: ({ limit }) => `has more than ${counted(Number(limit), 'character')}`,
  maxProperties: ({ limit }) => `has more than ${counted(Number(limit), 'name')}`,
  minimum: ({ limit }) => `is less than ${String(limit)}`,
  maximum: ({ limit }) => `is more than ${String(limit)}`,
  pattern: ({ pattern }) => `is not of the form ${String(pattern)}`,
  format: ({ format }) => (format === 'date-time' ? 'is no time, as 2026-11-01T00:00:00Z' : `is no ${String(format)}`),
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'is no object of names and values',
  array: 'is no list',
  string: 'is no text',
  integer: 'is no whole number',
  boolean: 'is neither true nor false',
}

/** The keywords of schemas that there are words for. */
export const KNOWN_KEYWORDS: readonly string[] = [...Object.keys(WORDS), 'additionalProperties']

/** Names that the schema of a route does not know, in the order in which they came. */
export function unknownNames(faults: readonly SchemaFault[]): readonly string[] {
  return faults.flatMap(({ keyword, params: { additionalProperty } }) =>
    keyword === 'additionalProperties' && typeof additionalProperty === 'string' ? [additionalProperty] : [],
  )
}

/**
 * What is wrong with a request, in one sentence: where, what, and what is taken. `known`: the names that this part of it may have. No value is
 * told, as it may be a secret. Pure.
 */
export function requestFault(part: Part, faults: readonly SchemaFault[], known: readonly string[]): string {
  const unknown = unknownNames(faults)
  const others = faults.filter(({ keyword }) => keyword !== 'additionalProperties').map(fault => told(part, fault))
  const all = [...(unknown.length > 0 ? [unknownIn(part, unknown, known)] : []), ...new Set(others)]
  const more = all.length > MAX_TOLD ? [`and ${all.length - MAX_TOLD} more`] : []
  return [...all.slice(0, MAX_TOLD), ...more].join('; ')
}

function unknownIn(part: Part, names: readonly string[], known: readonly string[]): string {
  const there = known.length === 0 ? 'none are known here' : `there are ${known.join(', ')}`
  const named = names.slice(0, MAX_TOLD).map(name => `"${short(name)}"`)
  return `unknown in the ${PARTS[part]}: ${named.join(', ')}; ${there}`
}

function told(part: Part, { keyword, instancePath, params }: SchemaFault): string {
  const missing = keyword === 'required' ? [String(params['missingProperty'])] : []
  const words = WORDS[keyword]?.(params) ?? 'is not as it is taken here'
  const path = [...instancePath.split('/').slice(1).map(unescaped), ...missing]
  return `${nameOf(part, path)} ${words}`
}

/** `hosts`, `hosts[0]`, `limit of the query`, or the part itself. */
function nameOf(part: Part, path: readonly string[]): string {
  if (path.length === 0) return `the ${PARTS[part]}`
  const name = path.map((key, at) => (/^\d+$/.test(key) ? `[${key}]` : `${at === 0 ? '' : '.'}${short(key)}`)).join('')
  return part === 'body' ? name : `${name} of the ${PARTS[part]}`
}

const PARTS: Readonly<Record<Part, string>> = {
  body: 'body',
  querystring: 'query',
  headers: 'headers',
  params: 'address',
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~')
}

function short(name: string): string {
  return plainText(name).slice(0, MAX_NAME)
}
