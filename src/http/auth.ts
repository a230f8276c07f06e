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

/** What a source holds. */
interface Values {
  readonly known: readonly Known[]
  /** Why one of them, or all, let nobody in; empty when none does. */
  readonly reason: string
}

/** The hash to configure instead of the value, `sha256:<hex>`. It has no salt: it is as strong as the value, which must be random. */
export function hashOf(value: string): string {
  return `sha256:${digest(value).toString('hex')}`
}

/**
 * Makes the function that finds the caller of an `Authorization` header: null when no token matches, and a caller that is `expired` when its
 * time is over. `sources` are read again every few seconds. A source that can not be read, or holds no usable value, matches nobody, and a value
 * that two have is of the one that had it before, or of none; that is warned of once, until the reason changes.
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
    const read = current.map(source => ({ source, ...valuesOf(source) }))
    const rivalOf = rivalsAmong(
      read.flatMap(one => one.known),
      known?.all ?? [],
    )
    for (const { source, known: own, reason } of read) {
      const rival = own.map(rivalOf).find(one => one !== '')
      tell(source.name, reason || (rival === undefined ? '' : `the token "${rival}" has the same value`))
    }
    known = { at: now(), all: read.flatMap(one => one.known.filter(own => rivalOf(own) === '')) }
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

/**
 * Says of each value which other token has it; empty when none has, or when the others are late: it was this one's `before`. The last, or the
 * first, would get the rights of another by the order of the configuration.
 */
function rivalsAmong(all: readonly Known[], before: readonly Known[]): (one: Known) => string {
  const holders = holdersIn(all)
  const had = holdersIn(before)
  return ({ grant, digest }) => {
    const key = digest.toString('hex')
    const others = [...(holders.get(key) ?? [])].filter(name => name !== grant.name)
    const isFirst = had.get(key)?.has(grant.name) === true
    return isFirst ? '' : (others[0] ?? '')
  }
}

/** The names of the tokens that have each value. */
function holdersIn(all: readonly Known[]): ReadonlyMap<string, ReadonlySet<string>> {
  const groups = Map.groupBy(all, ({ digest }) => digest.toString('hex'))
  return new Map([...groups].map(([key, group]) => [key, new Set(group.map(({ grant }) => grant.name))]))
}

function valuesOf(source: TokenSource): Values {
  try {
    const values = source.read().split(/\s+/).filter(Boolean)
    const faults = values.length > MAX_VALUES ? [`it has more than ${MAX_VALUES} values`] : values.flatMap(faultOf)
    const reason = faults[0] ?? (values.length === 0 ? 'it is empty' : '')
    const good = values.slice(0, MAX_VALUES).filter(value => faultOf(value).length === 0)
    return { known: good.map(value => ({ grant: source, digest: digestIn(value) })), reason }
  } catch (error) {
    return { known: [], reason: error instanceof Error ? error.message : 'it can not be read' }
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
