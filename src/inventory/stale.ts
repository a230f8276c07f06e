import type { FleetView } from '../fleet/index.ts'

/** `fresh`: watched. `stale`: last known, not seen any more. `disabled`: not seen for so long that nothing may run there. */
export type Staleness = 'fresh' | 'stale' | 'disabled'

export interface StaleLimits {
  readonly staleAfterMs: number
  readonly disableAfterMs: number
}

/** How far a cluster can be believed that was seen so long ago (`FleetView.ageOf`). One that was never heard of is stale at once, never gone. */
export function stalenessOf(age: number, limits: StaleLimits): Staleness {
  if (age > limits.disableAfterMs) return 'disabled'
  return age > limits.staleAfterMs ? 'stale' : 'fresh'
}

/** How stale a cluster is, and since when it is not seen, in ms; 0 while it is, and when it never was. */
export interface Look {
  readonly staleness: Staleness
  readonly since: number
}

/** How stale each cluster is, as of the last time that was asked for all of them: hosts are rendered by that. */
export class StaleBook {
  readonly #fleet: Pick<FleetView, 'clusters' | 'ageOf'>
  readonly #limits: StaleLimits
  readonly #known = new Map<string, Look>()

  constructor(fleet: Pick<FleetView, 'clusters' | 'ageOf'>, limits: StaleLimits) {
    this.#fleet = fleet
    this.#limits = limits
  }

  /** How stale a cluster was when `crossed` looked last; when it never did, how stale it is at `now`. */
  of(cluster: string, now: number): Look {
    return this.#known.get(cluster) ?? this.#at(cluster, now)
  }

  /** The clusters that are not as stale any more as they were when this was last asked, or were seen in between. */
  crossed(now: number): ReadonlySet<string> {
    const crossed = new Set<string>()
    for (const cluster of this.#fleet.clusters.keys()) {
      const [was, is] = [this.#known.get(cluster), this.#at(cluster, now)]
      if (is.staleness !== was?.staleness || is.since !== was.since) crossed.add(cluster)
      this.#known.set(cluster, is)
    }
    return crossed
  }

  #at(name: string, now: number): Look {
    const staleness = stalenessOf(this.#fleet.ageOf(name, now), this.#limits)
    return { staleness, since: staleness === 'fresh' ? 0 : (this.#fleet.clusters.get(name)?.heartbeat ?? 0) }
  }
}
