/** How keys are spread over the partitions, the same in every topic. */
export interface Spread {
  /** Partitions of each topic. It is for good: another number would put old keys elsewhere. */
  readonly partitions: number
  /** Neighbouring partitions that one cluster's keys go to; divides `partitions`. */
  readonly perCluster: number
}

/**
 * The partition of a key, in every topic. The first segment of a key is its cluster: clusters share buckets, and a bucket owns
 * `perCluster` neighbouring partitions, so that one writer can own all of a cluster and everything about one VM name keeps its order.
 */
export function partitionOf(key: string, { partitions, perCluster }: Spread): number {
  const [cluster = ''] = key.split('/', 1)
  const bucket = fnv1a(cluster) % (partitions / perCluster)
  return bucket * perCluster + (perCluster === 1 ? 0 : fnv1a(key) % perCluster)
}

/** FNV-1a, 32 bits, over UTF-8, with the finalizer of MurmurHash3: FNV alone leaves the low bits of short keys alike. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
