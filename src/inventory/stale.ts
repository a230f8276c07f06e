import type { ClusterRecord } from '../cluster/index.ts'

/** `fresh`: watched. `stale`: last known, not seen any more. `disabled`: not seen for so long that nothing may run there. */
export type Staleness = 'fresh' | 'stale' | 'disabled'

export interface StaleLimits {
  readonly staleAfterMs: number
  readonly disableAfterMs: number
}

/** How far a cluster can be believed at `now`, by its heartbeat. One that was never heard of is stale at once, never gone. */
export function stalenessOf(cluster: ClusterRecord | undefined, limits: StaleLimits, now: number): Staleness {
  const age = now - (cluster?.heartbeat ?? 0)
  if (age > limits.disableAfterMs) return 'disabled'
  return age > limits.staleAfterMs ? 'stale' : 'fresh'
}
