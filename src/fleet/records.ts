import type { VmRecord } from '../vm/index.ts'
import { type Json, type Packed, Packing, unpack } from './packing.ts'

/**
 * The records of VMs by key. Those of VMs that were there before their cluster was adopted are packed, and unpacked for whoever asks; the
 * others are not, as dispatch looks at all of them at every turn.
 */
export class Records implements ReadonlyMap<string, VmRecord> {
  readonly #packing = new Packing()
  readonly #packed = new Map<string, Packed>()
  readonly #news = new Map<string, VmRecord>()

  get size(): number {
    return this.#packed.size + this.#news.size
  }

  /** Those that came after their cluster was adopted. */
  get news(): Iterable<VmRecord> {
    return this.#news.values()
  }

  get(key: string): VmRecord | undefined {
    const packed = this.#packed.get(key)
    return packed === undefined ? this.#news.get(key) : recordIn(packed)
  }

  has(key: string): boolean {
    return this.#packed.has(key) || this.#news.has(key)
  }

  set(key: string, record: VmRecord): void {
    if (record.adopted) {
      this.#news.delete(key)
      this.#packed.set(key, this.#packing.pack(record as unknown as Json))
    } else {
      this.#packed.delete(key)
      this.#news.set(key, record)
    }
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
    for (const packed of this.#packed.values()) yield recordIn(packed)
    yield* this.#news.values()
  }

  *entries(): MapIterator<[string, VmRecord]> {
    for (const [key, packed] of this.#packed) yield [key, recordIn(packed)]
    yield* this.#news
  }

  [Symbol.iterator](): MapIterator<[string, VmRecord]> {
    return this.entries()
  }

  forEach(callback: (record: VmRecord, key: string, map: ReadonlyMap<string, VmRecord>) => void): void {
    for (const [key, record] of this) callback(record, key, this)
  }
}

function recordIn(packed: Packed): VmRecord {
  return unpack(packed) as unknown as VmRecord
}
