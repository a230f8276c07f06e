import type { ConfirmCommand } from './day2/index.ts'

/** Confirmations that are remembered for each cluster. */
export const MAX_CONFIRMATIONS = 100

/**
 * What people confirmed, by cluster. A confirmation is of the VMs that were missing when the person looked, in that hold, or of the
 * deletions of a burst as it was then: its digest fits no other. So the whole stream of commands is read at each start, and none that came while nobody watched is lost or comes too late.
 */
export class Confirmations {
  readonly #known = new Map<string, readonly ConfirmCommand[]>()

  add(command: ConfirmCommand): void {
    const known = this.#known.get(command.cluster) ?? []
    this.#known.set(command.cluster, [...known, command].slice(-MAX_CONFIRMATIONS))
  }

  /** Who confirmed the deletions of this digest, the first who did; null when nobody has. */
  confirmedBy(cluster: string, digest: string): string | null {
    return this.#known.get(cluster)?.find(command => command.digest === digest)?.asked_by ?? null
  }
}
