import { createHash } from 'node:crypto'
import type { HostList } from './host-list.ts'
import { CODINGS, type Coding, type Packed, whole } from './pack.ts'
import { glue, type Piece } from './piece.ts'

/** What a document is put together from, in order. */
export interface Parts {
  readonly hosts: readonly Piece[]
  readonly groups: readonly Piece[]
  readonly lists: readonly HostList[]
}

/** Bytes in some coding, in order. */
export interface Encoded {
  readonly chunks: readonly Buffer[]
  readonly length: number
}

const HEAD = glue('{"_meta":{"hostvars":{')
const BETWEEN = glue('}},')
const TAIL = glue(']}}')
const EMPTY = glue('{"_meta":{"hostvars":{}},"all":{"children":[]}}')

/**
 * A document of Ansible's script protocol, never changed. The same hosts make the same bytes, and the same ETag: it is made from the
 * digests of the pieces, and where a piece ends is for the names in it alone.
 */
export class Document {
  readonly kind = 'document'
  readonly etag: string
  /** How many there are. */
  readonly hosts: number
  readonly lists: readonly HostList[]
  /** As it is, without any coding. */
  readonly plain: Encoded
  readonly #pieces: readonly Piece[]
  readonly #asked = new Set<Coding>()
  readonly #encoded = new Map<Coding, Promise<Encoded>>()

  constructor({ hosts, groups, lists }: Parts) {
    const [first, ...others] = hosts
    this.#pieces = first === undefined ? [EMPTY] : [HEAD, first.rest, ...others, BETWEEN, ...groups, TAIL]
    this.lists = lists
    this.hosts = lists.reduce((sum, list) => sum + list.hosts.length, 0)
    this.plain = encoded(this.#pieces.map(({ bytes }) => bytes))
    const digest = createHash('sha256')
    for (const piece of this.#pieces) digest.update(piece.digest)
    this.etag = `"${digest.digest('base64url').slice(0, 27)}"`
  }

  /** The whole as text, which costs a copy of it. */
  get body(): string {
    return Buffer.concat(this.plain.chunks).toString()
  }

  /** In a coding. What of it was compressed for an earlier document is not again. */
  encoded(coding: Coding): Promise<Encoded> {
    this.#asked.add(coding)
    const known = this.#encoded.get(coding)
    if (known !== undefined) return known
    const encoding = this.#encode(coding)
    this.#encoded.set(coding, encoding)
    encoding.catch(() => this.#encoded.delete(coding))
    return encoding
  }

  /** Forgets the codings that nobody asked for since the last time. */
  tidy(): void {
    for (const coding of CODINGS) {
      if (this.#asked.has(coding)) continue
      this.#encoded.delete(coding)
      for (const piece of this.#pieces) piece.forget(coding)
    }
    this.#asked.clear()
  }

  async #encode(coding: Coding): Promise<Encoded> {
    const all: Packed[] = await Promise.all(this.#pieces.map(piece => piece.packed(coding)))
    return encoded(whole(all, coding))
  }
}

function encoded(chunks: readonly Buffer[]): Encoded {
  return { chunks, length: chunks.reduce((sum, chunk) => sum + chunk.length, 0) }
}
