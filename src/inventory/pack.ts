import { promisify } from 'node:util'
import { constants, crc32, deflateRaw, zstdCompress } from 'node:zlib'
import { crcOfBoth } from './crc.ts'
import { blocksOf, FRAME_HEAD, FRAME_TAIL, GAP, rawBlocks } from './zstd-frame.ts'

/** Content codings that a document is kept in. */
export type Coding = (typeof CODINGS)[number]
export const CODINGS = ['gzip', 'zstd'] as const

/** Some bytes of a document as they stand in the compressed whole. */
export interface Packed {
  readonly bytes: Buffer
  /** Of what was compressed. */
  readonly crc: number
  readonly length: number
}

/** Compressions that run at once: Node has four threads for everybody. */
const MAX_PACKING = 2
const DEFLATE = { level: 6, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 65_536 }
const ZSTD = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 21 },
  chunkSize: 65_536,
}
/** RFC 1952 §2.3: deflate, no name, no time, of an unknown system. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])

const deflate = promisify<Buffer, object, Buffer>(deflateRaw)
const zstd = promisify<Buffer, object, Buffer>(zstdCompress)

/**
 * Compresses some bytes so that they can stand among others: all of them are one gzip member or one zstd frame. Members and frames of
 * their own could follow one another too (RFC 1952 §2.2, RFC 8878 §3), but curl 7.88 fails at a second member, and Python's
 * zlib.decompressobj and Node's zstd end silently after the first.
 *
 * `lead`: how many bytes come before the `GAP`; when it is all of them, there is none.
 */
export async function pack(bytes: Buffer, lead: number, coding: Coding): Promise<Packed> {
  const release = await slot()
  try {
    if (coding === 'gzip')
      return { bytes: kept(await deflate(bytes, DEFLATE)), crc: crc32(bytes), length: bytes.length }
    if (lead === bytes.length) return { bytes: rawBlocks(bytes), crc: 0, length: bytes.length }
    const frame = await zstd(bytes.subarray(lead + GAP.length), ZSTD)
    return { bytes: blocksOf(bytes.subarray(0, lead), frame), crc: 0, length: bytes.length }
  } finally {
    release()
  }
}

/** The compressed whole of what was packed, in order. */
export function whole(all: readonly Packed[], coding: Coding): readonly Buffer[] {
  const parts = all.map(({ bytes }) => bytes)
  if (coding === 'zstd') return [FRAME_HEAD, ...parts, FRAME_TAIL]
  let [crc, total] = [0, 0]
  for (const { crc: own, length } of all) {
    crc = crcOfBoth(crc, own, length)
    total += length
  }
  const tail = Buffer.alloc(10)
  // An empty last block, and what ends a member (RFC 1952 §2.3.1).
  tail.writeUInt16LE(0x0003, 0)
  tail.writeUInt32LE(crc, 2)
  tail.writeUInt32LE(total % 2 ** 32, 6)
  return [GZIP_HEAD, ...parts, tail]
}

/** What zlib gives stands in a buffer of whole chunks, which would be kept with it. */
function kept(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

const waiting: (() => void)[] = []
let running = 0

/** Resolves when one more may run, with what ends it. */
async function slot(): Promise<() => void> {
  if (running < MAX_PACKING) running += 1
  else await new Promise<void>(resolve => waiting.push(resolve))
  return () => {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }
}
