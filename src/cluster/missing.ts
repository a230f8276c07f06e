import { digestOf } from '../event/index.ts'

/** VMs that a cluster's list lacks, and that are held until a person confirms. */
export interface Missing {
  readonly count: number
  /** The first of them by name, as `namespace/name`. */
  readonly names: readonly string[]
  /** What tells these VMs, of this hold, from others and from another hold. */
  digest(heldSince: number): string
}

/** How many of the missing VMs are named; the others are counted. */
export const MAX_NAMED = 100

/** `vms`: key and uid of each that is missing. */
export function missingOf(vms: readonly (readonly [key: string, uid: string])[]): Missing {
  const sorted = vms.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    count: sorted.length,
    names: sorted.slice(0, MAX_NAMED).map(([key]) => key),
    digest: heldSince => digestOf(heldSince, sorted).slice(0, 16),
  }
}
