import { createHash, timingSafeEqual } from 'node:crypto'

export type Right = 'read' | 'run' | 'admin'

/** A token as it is configured: its value is read when it is needed, so that a rotated file counts without a restart. */
export interface TokenSource {
  readonly name: string
  readonly can: readonly Right[]
  /** The views of the inventory that it may read, and nothing else; everything when it is left out. */
  readonly views?: readonly string[] | undefined
  readonly read: () => string
}

/** Who asks. */
export interface Caller {
  readonly name: string
  readonly can: readonly Right[]
  /** What it may read when that is not everything: these views of the inventory. */
  readonly views?: readonly string[] | undefined
}

/** How long a token's value is used before its source is read again, in ms. */
const REREAD_MS = 5_000

/** Finds the caller of an `Authorization` header. A source that can not be read matches nobody. */
export function createAuthenticator(
  sources: readonly TokenSource[],
  now: () => number,
): (header: string | undefined) => Caller | null {
  let known: { at: number; digests: readonly Buffer[] } | null = null
  const digests = (): readonly Buffer[] => {
    if (known === null || now() - known.at > REREAD_MS)
      known = { at: now(), digests: sources.map(source => digest(valueOf(source))) }
    return known.digests
  }
  return header => {
    const [, value = ''] = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header ?? '') ?? []
    if (value === '') return null
    const given = digest(value)
    let found: Caller | null = null
    // Every token is compared, whichever matches, so that the time tells nothing.
    for (const [index, expected] of digests().entries()) {
      const source = sources[index]
      if (timingSafeEqual(given, expected) && source !== undefined) found = callerOf(source)
    }
    return found
  }
}

function callerOf({ name, can, views }: TokenSource): Caller {
  return { name, can, views }
}

function valueOf(source: TokenSource): string {
  try {
    return source.read()
  } catch {
    return ''
  }
}

/** Of an empty value nothing can be the digest of a given token, as that is never empty. */
function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
