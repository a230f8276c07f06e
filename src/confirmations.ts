import type { ClusterRecord } from './cluster/index.ts'
import type { ConfirmCommand } from './day2/index.ts'
import { START } from './log/index.ts'
import type { RoleParts } from './role.ts'

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

/** Collects them for as long as the signal lets it: from the beginning, at each start, so that one that came while nobody watched counts. */
export async function followConfirmations(
  { log, signal, logger, now }: RoleParts,
  confirmations: Confirmations,
  recordOf: (cluster: string) => ClusterRecord | undefined,
): Promise<void> {
  const since = now()
  for await (const { value } of log.follow('commands', START, signal)) {
    const command = value as ConfirmCommand | { kind: 'run' }
    if (command.kind !== 'confirm' || typeof command.digest !== 'string') continue
    confirmations.add(command)
    if (command.at < since) continue
    const record = recordOf(command.cluster)
    const by = { cluster: command.cluster, by: command.asked_by }
    if (record?.missing_digest === command.digest || record?.burst?.digest === command.digest)
      logger.warn(by, 'deletions were confirmed')
    else logger.info(by, 'a confirmation of other deletions than wait for it now changes nothing')
  }
}
