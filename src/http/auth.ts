import { createHash, timingSafeEqual } from 'node:crypto'
import { EVERYTHING, type Scope } from '../fleet/index.ts'

export type Right = 'read' | 'run' | 'admin' | 'notify'

/** What a token is allowed to do. */
export interface Grant {
  readonly name: string
  readonly can: readonly Right[]
  /** It may read these views of the inventory and nothing else. Left out: everything that its rights and scope allow. */
  readonly views?: readonly string[] | undefined
  /** The part of the fleet that it may see. Left out: all of it. */
  readonly scope?: Scope | undefined
  /** When it expires, in ms since the epoch. Left out: never. */
  readonly expiresAt?: number | undefined
}

/** A configured token. Its source holds the value or its hash (`hashOf()`), and two of them with white space between, while the token is being changed. */
export interface TokenSource extends Grant {
  /** Reads the source. Called every few seconds, so that a rotated file counts without a restart. What it throws goes to the log, never to a client. */
  readonly read: () => string
}

/** Who made a request, by its token. */
export interface Caller {
  readonly name: string
  readonly can: readonly Right[]
  /** What it may read when that is not everything: these views of the inventory. */
  readonly views: readonly string[] | undefined
  readonly scope: Scope
  /** The token was right but has expired. */
  readonly expired: boolean
}

/** Called with the name of a token that lets nobody in, and why. */
export type WarnOfToken = (token: string, reason: string) => void

export interface Authentication {
  readonly now: () => number
  readonly warn?: WarnOfToken
}

/** How long a token's value is used before its source is read again, in ms. */
const REREAD_MS = 5_000
/** The fewest and the most characters of a token that are accepted. */
const MIN_TOKEN = 16
const MAX_TOKEN = 4_096
/** How many values one token may have at once, while it is being changed. */
const MAX_VALUES = 4
const BEARER = new RegExp(`^Bearer +([\\x21-\\x7e]{${MIN_TOKEN},${MAX_TOKEN}}) *$`, 'i')
const HASH = /^sha256:([0-9a-f]{64})$/

interface Known {
  readonly grant: Grant
  readonly digest: Buffer
}

/** The hash to configure instead of the value, `sha256:<hex>`. It has no salt: it is as strong as the value, which must be random. */
export function hashOf(value: string): string {
  return `sha256:${digest(value).toString('hex')}`
}

/**
 * Makes the function that finds the caller of an `Authorization` header: null when no token matches, and a caller that is `expired` when its
 * time is over. `sources` are read again every few seconds. A source that can not be read, or holds no usable value, matches nobody; that
 * is warned of once, until the reason changes.
 */
export function createAuthenticator(
  sources: readonly TokenSource[] | (() => readonly TokenSource[]),
  { now, warn }: Authentication,
): (header: string | undefined) => Caller | null {
  let known: { at: number; all: readonly Known[] } | null = null
  const warned = new Map<string, string>()
  const tell = (name: string, reason: string): void => {
    if (reason !== '' && warned.get(name) !== reason) warn?.(name, reason)
    warned.set(name, reason)
  }
  const all = (): readonly Known[] => {
    if (known !== null && Math.abs(now() - known.at) <= REREAD_MS) return known.all
    const current = typeof sources === 'function' ? sources() : sources
    known = { at: now(), all: current.flatMap(source => valuesOf(source, tell)) }
    return known.all
  }
  // Read all sources now, so that a token that lets nobody in is told at the start and not when somebody is refused.
  all()
  return header => {
    const [, value] = BEARER.exec(header ?? '') ?? []
    if (value === undefined) return null
    const given = digest(value)
    let found: Grant | null = null
    // All tokens are compared even after one matched, so that the time of an answer tells nothing.
    for (const { grant, digest: expected } of all()) if (timingSafeEqual(given, expected)) found = grant
    return found === null ? null : callerOf(found, now())
  }
}

function callerOf({ name, can, views, scope = EVERYTHING, expiresAt }: Grant, now: number): Caller {
  return { name, can, views, scope, expired: expiresAt !== undefined && now >= expiresAt }
}

function valuesOf(source: TokenSource, tell: (name: string, reason: string) => void): readonly Known[] {
  try {
    const values = source.read().split(/\s+/).filter(Boolean)
    const faults = values.length > MAX_VALUES ? [`it has more than ${MAX_VALUES} values`] : values.flatMap(faultOf)
    tell(source.name, faults[0] ?? (values.length === 0 ? 'it is empty' : ''))
    const good = values.slice(0, MAX_VALUES).filter(value => faultOf(value).length === 0)
    return good.map(value => ({ grant: source, digest: digestIn(value) }))
  } catch (error) {
    tell(source.name, error instanceof Error ? error.message : 'it can not be read')
    return []
  }
}

/** True for a value that can let somebody in: long enough, or a hash. */
export function isTokenValue(value: string): boolean {
  return faultOf(value).length === 0
}

function faultOf(value: string): readonly string[] {
  if (value.startsWith('sha256:')) return HASH.test(value) ? [] : ['its hash is not sha256: and 64 hexadecimal digits']
  return value.length < MIN_TOKEN ? [`it is shorter than ${MIN_TOKEN} characters`] : []
}

function digestIn(value: string): Buffer {
  const [, hash] = HASH.exec(value) ?? []
  return hash === undefined ? digest(value) : Buffer.from(hash, 'hex')
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
