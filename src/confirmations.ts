import type { ConfirmCommand } from './day2/index.ts'

/** Confirmations that are remembered for each cluster. */
export const MAX_CONFIRMATIONS = 100

/**
 * What people confirmed, by cluster. A confirmation is of the VMs that were missing when the person looked, in that hold: its digest
 * fits no other. So the whole stream of commands is read at each start, and none that came while nobody watched is lost or comes too late.
 */
export class Confirmations {
  readonly #digests = new Map<string, readonly string[]>()

  add({ cluster, digest }: ConfirmCommand): void {
    const known = this.#digests.get(cluster) ?? []
    this.#digests.set(cluster, [...known, digest].slice(-MAX_CONFIRMATIONS))
  }

  has(cluster: string, digest: string): boolean {
    return this.#digests.get(cluster)?.includes(digest) ?? false
  }
}
