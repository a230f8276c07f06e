import type { ClusterRecord } from '../../cluster/index.ts'
import type { ConfirmCommand } from '../../day2/index.ts'
import { START } from '../../log/index.ts'
import type { RoleParts } from '../role.ts'

/** Confirmations that are remembered for each cluster. */
export const MAX_CONFIRMATIONS = 100

/**
 * The confirmations of deletions that people gave, by cluster, the newest `MAX_CONFIRMATIONS` of each. Each carries the digest of exactly
 * the missing VMs (or of the burst) that the person looked at, so an old one never counts for other VMs. That is why `commands` can be
 * read from its beginning at each start: a confirmation that came while nobody watched is found then.
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

/** Reads `commands` from the beginning and adds every confirmation until the signal aborts. `recordOf` gives the record of a watched cluster, to say in the log what became of one. */
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
