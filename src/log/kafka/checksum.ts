/** Castagnoli's polynomial, its bits in reverse. */
const POLYNOMIAL = 0x82f63b78
const STRIDE = 8

/** What a byte adds to a checksum that 0 to 7 bytes come after, 256 numbers for each of these places. */
const TABLE = new Int32Array(256 * STRIDE)
for (let byte = 0; byte < 256; byte += 1) {
  let sum = byte
  for (let place = 0; place < STRIDE; place += 1) {
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (POLYNOMIAL & -(sum & 1))
    TABLE[place * 256 + byte] = sum
  }
}

/** CRC-32C of bytes, as record batches have it: eight bytes at a time, where kafkajs takes one. */
export function crc32c(bytes: Buffer): number {
  let sum = -1
  let at = 0
  for (const last = bytes.length - STRIDE; at <= last; at += STRIDE)
    sum = after(sum ^ bytes.readInt32LE(at), 1024) ^ after(bytes.readInt32LE(at + 4), 0)
  for (; at < bytes.length; at += 1) sum = added((sum ^ (bytes[at] ?? 0)) & 0xff, 0) ^ (sum >>> 8)
  return ~sum >>> 0
}

/** What four bytes add, from that place on. */
function after(bytes: number, place: number): number {
  return (
    added(bytes & 0xff, place + 768) ^
    added((bytes >>> 8) & 0xff, place + 512) ^
    added((bytes >>> 16) & 0xff, place + 256) ^
    added(bytes >>> 24, place)
  )
}

function added(byte: number, place: number): number {
  return TABLE[place + byte] as number
}
