import { PackedMap, type VmRecord } from '../vm/index.ts'

/**
 * The records of VMs by key, in two maps. Those of VMs that were there before their cluster was adopted are held packed, and unpacked at
 * each read: most of a fleet, rarely looked at. The others (`news`) are plain objects, as dispatch looks at all of them at every turn.
 */
export class Records implements ReadonlyMap<string, VmRecord> {
  readonly #packed = new PackedMap<VmRecord>()
  readonly #news = new Map<string, VmRecord>()

  get size(): number {
    return this.#packed.size + this.#news.size
  }

  /** The records of VMs that appeared after their cluster was adopted. */
  get news(): Iterable<VmRecord> {
    return this.#news.values()
  }

  get(key: string): VmRecord | undefined {
    return this.#news.get(key) ?? this.#packed.get(key)
  }

  has(key: string): boolean {
    return this.#news.has(key) || this.#packed.has(key)
  }

  set(key: string, record: VmRecord): void {
    const [own, other] = record.adopted ? [this.#packed, this.#news] : [this.#news, this.#packed]
    other.delete(key)
    own.set(key, record)
  }

  delete(key: string): void {
    this.#packed.delete(key)
    this.#news.delete(key)
  }

  *keys(): MapIterator<string> {
    yield* this.#packed.keys()
    yield* this.#news.keys()
  }

  *values(): MapIterator<VmRecord> {
    yield* this.#packed.values()
    yield* this.#news.values()
  }

  *entries(): MapIterator<[string, VmRecord]> {
    yield* this.#packed
    yield* this.#news
  }

  [Symbol.iterator](): MapIterator<[string, VmRecord]> {
    return this.entries()
  }

  forEach(callback: (record: VmRecord, key: string, map: ReadonlyMap<string, VmRecord>) => void): void {
    for (const [key, record] of this) callback(record, key, this)
  }
}
