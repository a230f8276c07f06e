/** What is longer has room of its own: lines of a watch are mostly shorter by far. */
export const SCRATCH_BYTES = 65_536

/** Room for bytes that are read at once and are then of no use: who puts bytes together anew writes over those before. */
export class Scratch {
  readonly #room = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  /** These bytes, one after the other. Of use until the next call. */
  join(pieces: readonly Uint8Array[]): Buffer {
    let size = 0
    for (const piece of pieces) size += piece.length
    const room = size <= SCRATCH_BYTES ? this.#room : Buffer.allocUnsafe(size)
    let at = 0
    for (const piece of pieces) {
      room.set(piece, at)
      at += piece.length
    }
    return room.subarray(0, size)
  }
}
