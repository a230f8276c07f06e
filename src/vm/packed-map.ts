import { pack, type Packed, searchFor, unpack } from './pack.ts'
import { sole } from './sole.ts'

/** What a Map and a PackedMap are alike: by key, in the order in which the keys came. */
export interface Keep<T> extends ReadonlyMap<string, T> {
  set(key: string, value: T): unknown
  delete(key: string): boolean
}

/**
 * A map of values of JSON that are many and seldom looked at: each is held in about a fifth of its room, and made anew whenever it is
 * read, in a few µs. So what is read is a copy, and to change it is to `set` it.
 */
export class PackedMap<T extends object> implements Keep<T> {
  readonly #packed = new Map<string, Packed>()

  /** With what another map has; one of this kind is taken as it is packed. */
  static of<T extends object>(values: Iterable<readonly [string, T]>): PackedMap<T> {
    const map = new PackedMap<T>()
    if (values instanceof PackedMap) for (const [key, packed] of values.#packed) map.#packed.set(key, packed)
    else for (const [key, value] of values) map.set(key, value)
    return map
  }

  get size(): number {
    return this.#packed.size
  }

  get(key: string): T | undefined {
    const packed = this.#packed.get(key)
    return packed === undefined ? undefined : (unpack(packed, key) as T)
  }

  has(key: string): boolean {
    return this.#packed.has(key)
  }

  /** Keys of all values that have this text somewhere in them, and maybe of some that have not: far quicker than to read them all. */
  *holding(text: string): Generator<string, undefined> {
    const isIn = searchFor(text)
    for (const [key, packed] of this.#packed) if (key === text || isIn(packed)) yield key
  }

  set(key: string, value: T): this {
    this.#packed.set(this.#packed.has(key) ? key : sole(key), pack(value, key))
    return this
  }

  delete(key: string): boolean {
    return this.#packed.delete(key)
  }

  keys(): MapIterator<string> {
    return this.#packed.keys()
  }

  *values(): Generator<T, undefined> {
    for (const [key, packed] of this.#packed) yield unpack(packed, key) as T
  }

  *entries(): Generator<[string, T], undefined> {
    for (const [key, packed] of this.#packed) yield [key, unpack(packed, key) as T]
  }

  [Symbol.iterator](): Generator<[string, T], undefined> {
    return this.entries()
  }

  forEach(callback: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const [key, value] of this) callback(value, key, this)
  }
}
