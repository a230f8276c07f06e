import { pack, type Packed, searchFor, unpack } from './pack.ts'
import { sole } from './sole.ts'
import { Warm } from './warm.ts'

/** What a Map and a PackedMap are alike: by key, in the order in which the keys came. */
export interface Keep<T> extends ReadonlyMap<string, T> {
  set(key: string, value: T): unknown
  delete(key: string): boolean
}

/**
 * A map of values of JSON that are many and seldom looked at: each is held in about a fifth of its room, and made anew whenever it is
 * read, in a few µs. One that changes is held as it is for a while, as it is likely to change again (`Warm`), and so is one that is told
 * to be read again. So nothing that was read or `set` may be changed in place.
 */
export class PackedMap<T extends object> implements Keep<T> {
  readonly #held = new Map<string, Packed | Warm>()
  readonly #self = new WeakRef(this)

  /** With what another map has; one of this kind is taken as it is packed. */
  static of<T extends object>(values: Iterable<readonly [string, T]>): PackedMap<T> {
    const map = new PackedMap<T>()
    if (values instanceof PackedMap)
      for (const [key, held] of values.#held) map.#held.set(key, held instanceof Warm ? packed(held) : held)
    else for (const [key, value] of values) map.set(key, value)
    return map
  }

  get size(): number {
    return this.#held.size
  }

  get(key: string): T | undefined {
    const held = this.#held.get(key)
    return held === undefined ? undefined : (read(held, key) as T)
  }

  has(key: string): boolean {
    return this.#held.has(key)
  }

  /** Keys of all values that have this text somewhere in them, and maybe of some that have not: far quicker than to read them all. */
  *holding(text: string): Generator<string, undefined> {
    const isIn = searchFor(text)
    for (const [key, held] of this.#held) if (key === text || held instanceof Warm || isIn(held)) yield key
  }

  set(key: string, value: T): this {
    const held = this.#held.get(key)
    if (held === undefined) this.#held.set(sole(key), pack(value, key))
    else if (held instanceof Warm) {
      held.value = value
      held.packed = null
    } else this.#held.set(key, new Warm(this.#self, key, value, null))
    return this
  }

  /** What has this key, if anything, is likely to be read often for a while: it is held as it is, as if it had changed. */
  warm(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined || held instanceof Warm) return
    this.#held.set(key, new Warm(this.#self, key, unpack(held, key), held))
  }

  /** Others have come since: it is packed again. */
  cool(warm: Warm): void {
    if (this.#held.get(warm.key) === warm) this.#held.set(warm.key, packed(warm))
  }

  delete(key: string): boolean {
    return this.#held.delete(key)
  }

  keys(): MapIterator<string> {
    return this.#held.keys()
  }

  *values(): Generator<T, undefined> {
    for (const [key, held] of this.#held) yield read(held, key) as T
  }

  *entries(): Generator<[string, T], undefined> {
    for (const [key, held] of this.#held) yield [key, read(held, key) as T]
  }

  [Symbol.iterator](): Generator<[string, T], undefined> {
    return this.entries()
  }

  forEach(callback: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const [key, value] of this) callback(value, key, this)
  }
}

function packed({ key, value, packed: already }: Warm): Packed {
  return already ?? pack(value, key)
}

function read(held: Packed | Warm, key: string): object {
  return held instanceof Warm ? held.value : unpack(held, key)
}
