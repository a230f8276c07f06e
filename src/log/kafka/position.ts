import { type Position, START } from '../log.ts'

/** Where a reader stands in a stream: of each partition the offset after the last record it had. Missing ones are 0. */
export type Offsets = readonly number[]

/** `k` and the offsets in base 36, without the zeros at the end, so that one place has one name. */
export function toPosition(offsets: Offsets): Position {
  let length = offsets.length
  while (length > 0 && offsets[length - 1] === 0) length -= 1
  if (length === 0) return START
  return `k${Array.from({ length }, (_, partition) => (offsets[partition] ?? 0).toString(36)).join('.')}`
}

/**
 * The offsets of a position. One of another engine, or of more partitions than there are, is `START`: what is read again has the same
 * ids, what is passed over would be lost.
 */
export function fromPosition(position: Position, partitions: number): number[] {
  const start = Array.from({ length: partitions }, () => 0)
  if (!/^k[0-9a-z]{1,11}(\.[0-9a-z]{1,11})*$/.test(position)) return start
  const parts = position.slice(1).split('.')
  if (parts.length > partitions) return start
  const offsets = start.map((_, partition) => Number.parseInt(parts[partition] ?? '0', 36))
  return offsets.every(Number.isSafeInteger) ? offsets : start
}
