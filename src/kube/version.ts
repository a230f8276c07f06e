/**
 * True when resourceVersion `version` is `other` or later; null when that can not be said. They are decimal numbers of etcd, and since
 * Kubernetes 1.35 they may be compared (KEP-5504).
 */
export function isAtLeast(version: string, other: string): boolean | null {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(other)) return null
  if (version.length !== other.length) return version.length > other.length
  return version >= other
}
