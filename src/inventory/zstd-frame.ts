/**
 * A zstd frame of blocks that were compressed apart (RFC 8878 §3.1.1). What a block may refer to from before it are offsets that were
 * used last (§3.1.1.5), the tables of the block before and its window. The first block of a piece that was compressed by itself refers
 * to no table and no window, and takes the offsets to be 1, 4 and 8, as they are where a frame begins. `RESET` makes them that again: a
 * block of eight spaces and of three copies of three bytes each, from 8, 4 and 1 bytes back, which are spaces too.
 */
const RESET = Buffer.from('5c000041200300380076001850b8', 'hex')
/** What `RESET` stands for: JSON may have it between any two words. */
export const GAP = ' '.repeat(17)

const MAGIC = 0xfd2fb528
/** Neither size nor checksum, and a window of 2 MB: exponent 11 above 1 KB (§3.1.1.1.2). */
const HEAD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 11 << 3])
/** A raw block without content, the last. */
export const FRAME_TAIL = Buffer.from([1, 0, 0])
/** A raw block has no more (§3.1.1.2.4). */
const MAX_BLOCK = 131_072

/** What a frame begins with. */
export const FRAME_HEAD = HEAD

/** Some bytes as they stand in a frame: first as they are, then `GAP`, then what this frame holds. Throws when it is none that we can read. */
export function blocksOf(lead: Buffer, frame: Buffer): Buffer {
  return Buffer.concat([rawBlocks(lead), RESET, unframed(frame)])
}

/** Bytes as they are, in blocks that are not the last. */
export function rawBlocks(bytes: Buffer): Buffer {
  const blocks: Buffer[] = []
  for (let from = 0; from < bytes.length; from += MAX_BLOCK) {
    const part = bytes.subarray(from, from + MAX_BLOCK)
    const header = Buffer.alloc(3)
    header.writeUIntLE(part.length << 3, 0, 3)
    blocks.push(header, part)
  }
  return Buffer.concat(blocks)
}

/** The blocks of a frame of one piece, none of them the last. */
function unframed(frame: Buffer): Buffer {
  const descriptor = frame[4] ?? 0
  const single = (descriptor & 0x20) !== 0
  // No dictionary and no checksum: we asked for neither.
  if (frame.readUInt32LE(0) !== MAGIC || (descriptor & 0x07) !== 0) throw new Error('no zstd frame of ours')
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const from = 5 + (single ? 0 : 1) + sizeBytes
  const blocks = Buffer.from(frame.subarray(from))
  let at = 0
  for (let last = false; !last;) {
    const header = blocks.readUIntLE(at, 3)
    last = (header & 1) === 1
    blocks.writeUIntLE(header & ~1, at, 3)
    const [type, size] = [(header >> 1) & 3, header >> 3]
    at += 3 + (type === 1 ? 1 : size)
  }
  return blocks.subarray(0, at)
}
