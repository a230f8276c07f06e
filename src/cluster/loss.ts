/** Losses that need no second look: fewer VMs than this, and not all. */
const FEW = 5
const SHARE = 0.2
const ALL_FROM = 3

/**
 * True when a list lacks so many of the known VMs that it is more likely wrong than right: all of them (3 or more), or more than
 * max(5, 20 %). Then it is asked again, and a person confirms.
 */
export function isSuspicious(known: number, missing: number): boolean {
  if (missing >= ALL_FROM && missing === known) return true
  return missing > Math.max(FEW, known * SHARE)
}

/** Live deletions that count as a burst: more than max(5, 20 %) of the cluster's VMs within a minute. */
export const BURST_WINDOW_MS = 60_000

/** Counts live deletions of one cluster and says which belong to a burst. */
export class DeletionCount {
  #times: number[] = []

  /** Counts one deletion at `now` that leaves `left` VMs; true when it and those of the last minute are suspiciously many. */
  add(now: number, left: number): boolean {
    this.#times = this.#times.filter(at => now - at < BURST_WINDOW_MS)
    this.#times.push(now)
    return isSuspicious(left + this.#times.length, this.#times.length)
  }
}
