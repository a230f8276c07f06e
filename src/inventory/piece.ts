import { createHash } from 'node:crypto'
import { type Coding, pack, type Packed } from './pack.ts'
import { GAP } from './zstd-frame.ts'

/** Some bytes of a document that never change, with what is made of them once: their digest, and while it is asked for, their compressed form. */
export class Piece {
  readonly bytes: Buffer
  /** How many bytes come before the `GAP`; all of them when there is none. */
  readonly #lead: number
  readonly #packed = new Map<Coding, Promise<Packed>>()
  #digest: Buffer | null = null
  #rest: Piece | null = null

  /** `bytes` has a `GAP` behind the first `lead` bytes, or nothing at all. */
  constructor(bytes: Buffer, lead = bytes.length) {
    this.bytes = bytes
    this.#lead = lead
  }

  /** SHA-256. */
  get digest(): Buffer {
    return (this.#digest ??= createHash('sha256').update(this.bytes).digest())
  }

  /** The same without the comma that it begins with: what is first has none before it. */
  get rest(): Piece {
    return (this.#rest ??= new Piece(this.bytes.subarray(1), this.#lead - 1))
  }

  /** Its compressed form, made once, however many ask. */
  packed(coding: Coding): Promise<Packed> {
    const known = this.#packed.get(coding)
    if (known !== undefined) return known
    const packing = pack(this.bytes, this.#lead, coding)
    this.#packed.set(coding, packing)
    // What failed may go well another time.
    packing.catch(() => this.#packed.delete(coding))
    return packing
  }

  /** Nobody asks for this compressed form any more. */
  forget(coding: Coding): void {
    this.#packed.delete(coding)
    this.#rest?.forget(coding)
  }
}

/** A text between pieces. */
export function glue(text: string): Piece {
  return new Piece(Buffer.from(text))
}

/** What stands between the lead of a piece and its text. */
export { GAP }
