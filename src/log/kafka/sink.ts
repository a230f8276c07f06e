/** Writes Kafka's primitive types one after the other, into a buffer that grows as it has to: what `Cursor` reads. */
export class Sink {
  #at = 0
  #bytes: Buffer

  /** With room for about so many bytes. */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** How many bytes are written. */
  get at(): number {
    return this.#at
  }

  /** What is written from there on; a view. */
  written(from = 0): Buffer {
    return this.#bytes.subarray(from, this.#at)
  }

  int8(value: number): void {
    this.#at = this.#room(1).writeInt8(value, this.#at)
  }

  int16(value: number): void {
    this.#at = this.#room(2).writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#at = this.#room(4).writeInt32BE(value, this.#at)
  }

  int64(value: bigint): void {
    this.#at = this.#room(8).writeBigInt64BE(value, this.#at)
  }

  /** A whole number that is not negative, and no larger than a number can count to: a bigint is dear. */
  count64(value: number): void {
    this.int32(Math.floor(value / 0x1_0000_0000))
    this.int32(value | 0)
  }

  string(text: string): void {
    this.int16(Buffer.byteLength(text))
    this.text(text)
  }

  /** UTF-8, without its length. */
  text(text: string): void {
    const room = this.#room(text.length * 3)
    this.#at += room.write(text, this.#at)
  }

  bytes(bytes: Buffer): void {
    bytes.copy(this.#room(bytes.length), this.#at)
    this.#at += bytes.length
  }

  /** Zigzag. Of 31 bits at most: lengths and counts. */
  varint(value: number): void {
    const room = this.#room(5)
    let left = (value << 1) ^ (value >> 31)
    for (; (left & ~0x7f) !== 0; left >>>= 7) this.#at = room.writeUInt8((left & 0x7f) | 0x80, this.#at)
    this.#at = room.writeUInt8(left, this.#at)
  }

  /** Its length, and then what it is; -1 for null. */
  varbytes(bytes: Buffer | null): void {
    this.varint(bytes?.length ?? -1)
    if (bytes !== null) this.bytes(bytes)
  }

  vartext(text: string): void {
    // Most are so short that their length is one byte: what is written there says it.
    const short = this.#room(text.length * 3 + 1).write(text, this.#at + 1)
    if (short < 64) {
      this.varint(short)
      this.#at += short
      return
    }
    this.varint(Buffer.byteLength(text))
    this.text(text)
  }

  /** Puts the length of what was written from there on before it. */
  lengthBefore(from: number): void {
    const length = this.#at - from
    this.varint(length)
    const digits = this.#at - from - length
    // It was written behind, to learn how many bytes it has: they change places.
    this.#bytes.copyWithin(from + digits, from, from + length)
    this.#at = from
    this.varint(length)
    this.#at += length
  }

  /** Puts a number of 32 bits where room was left for it. */
  int32At(value: number, at: number): void {
    this.#bytes.writeInt32BE(value | 0, at)
  }

  /** Puts how many bytes came after it where room was left for that number. */
  lengthAt(at: number): void {
    this.int32At(this.#at - at - 4, at)
  }

  #room(bytes: number): Buffer {
    if (this.#at + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe((this.#at + bytes) * 2)
      this.#bytes.copy(larger, 0, 0, this.#at)
      this.#bytes = larger
    }
    return this.#bytes
  }
}
