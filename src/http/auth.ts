import { createHash, timingSafeEqual } from 'node:crypto'
import { EVERYTHING, type Scope } from './scope.ts'

export type Right = 'read' | 'run' | 'admin' | 'notify'

/** What a token may. */
export interface Grant {
  readonly name: string
  readonly can: readonly Right[]
  /** The views of the inventory that it may read, and nothing else; everything when it is left out. */
  readonly views?: readonly string[] | undefined
  /** The part of the fleet that it may know of; all of it when it is left out. */
  readonly scope?: Scope | undefined
  /** When it ends, in ms; never when it is left out. */
  readonly expiresAt?: number | undefined
}

/** A token as it is configured: what is read has its value, or its hash as `hashOf` makes it; two of them, when it is being changed. */
export interface TokenSource extends Grant {
  /** Called when it is needed, so that a rotated file counts without a restart. What it throws is told to nobody who asks. */
  readonly read: () => string
}

/** Who asks. */
export interface Caller {
  readonly name: string
  readonly can: readonly Right[]
  /** What it may read when that is not everything: these views of the inventory. */
  readonly views: readonly string[] | undefined
  readonly scope: Scope
  /** It was good, and is no longer. */
  readonly expired: boolean
}

/** Why a token lets nobody in, for the log. */
export type WarnOfToken = (token: string, reason: string) => void

export interface Authentication {
  readonly now: () => number
  readonly warn?: WarnOfToken
}

/** How long a token's value is used before its source is read again, in ms. */
const REREAD_MS = 5_000
/** The shortest value that lets anybody in, and the longest that is looked at. */
export const MIN_TOKEN = 16
const MAX_TOKEN = 4_096
/** Values that one token may have at once. */
const MAX_VALUES = 4
const BEARER = new RegExp(`^Bearer +([\\x21-\\x7e]{${MIN_TOKEN},${MAX_TOKEN}}) *$`, 'i')
const HASH = /^sha256:([0-9a-f]{64})$/

interface Known {
  readonly grant: Grant
  readonly digest: Buffer
}

/** How a token's value is written down where it should not stand: it has the strength of the token, so that one must be random. */
export function hashOf(value: string): string {
  return `sha256:${digest(value).toString('hex')}`
}

/**
 * Finds the caller of an `Authorization` header. A source that can not be read, or whose value is too short, matches nobody; that is
 * warned of, once until it changes. `sources` is asked again every few seconds.
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
  // What is wrong with a token is told at the start, and not when somebody is refused.
  all()
  return header => {
    const [, value] = BEARER.exec(header ?? '') ?? []
    if (value === undefined) return null
    const given = digest(value)
    let found: Grant | null = null
    // Every token is compared, whichever matches, so that the time tells nothing.
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

/** True for a value that lets in who has it: long enough, or the hash of one. */
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
