import type { Config } from '../../config/index.ts'
import { type History, type Ledger, type LedgerView, loadLedger, refuseNewerCommands } from '../../day2/index.ts'
import { ConsumerRegister } from '../../http/index.ts'
import type { StaleLimits, VerbStatus } from '../../inventory/index.ts'
import type { Position } from '../../log/index.ts'
import type { RoleParts } from '../role.ts'
import { BelievedHosts } from './believed-hosts.ts'
import { CurrentInventory } from './current-inventory.ts'
import { openHistory } from './past-results.ts'
import { viewWarnings } from './view-warning.ts'

/** What the role answers from, and where in the log the ledger was when it was read. */
export interface Views {
  readonly ledger: Ledger
  readonly position: Position
  readonly consumers: ConsumerRegister
  readonly believed: BelievedHosts
  readonly current: CurrentInventory
  readonly history: History
  readonly limits: StaleLimits
  readonly expected: readonly string[]
}

/** Reads what is on record, and opens what follows it. What is to be closed goes to the stack. Rejects as reading the log does. */
export async function openViews(parts: RoleParts, stack: AsyncDisposableStack): Promise<Views> {
  const { config, log, fleet, metrics, now, logger } = parts
  const onGap = ({ token, stream }: { token: string; stream: string }): void =>
    metrics.consumerGaps.inc({ token, stream })
  const consumers = new ConsumerRegister({ log, now, logger, onGap })
  const believed = new BelievedHosts(log)
  const { ledger, position } = await loadLedger(log, entry => [consumers, believed].forEach(one => one.restore(entry)))
  await refuseNewerCommands(log, ledger.commands)
  const limits = limitsOf(config)
  const expected = [...config.clusters, ...config.hubs].map(cluster => cluster.name)
  const verbsOf = verbReader(ledger)
  const believedBefore = (page: string): number => believed.of(page)
  const around = { fleet, expected, limits, verbsOf, now, believedBefore, ...viewWarnings(logger, metrics) }
  const current = stack.use(new CurrentInventory(config, around))
  const history = stack.use(openHistory(config, logger))
  return { ledger, position, consumers, believed, current, history, limits, expected }
}

/** Reads from the ledger the status of each verb by the uid of a VM: of onboard and patch always, of others once they were done. */
function verbReader(ledger: LedgerView): (uid: string) => VerbStatus {
  return uid => {
    const told: Record<string, string> & VerbStatus = { onboard: '', patch: '' }
    for (const { verb, status } of ledger.verbsOf(uid)) told[verb] = status
    return told
  }
}

function limitsOf(config: Config): StaleLimits {
  const { stale_after_seconds, disable_stale_after_seconds } = config.inventory
  return { staleAfterMs: stale_after_seconds * 1000, disableAfterMs: disable_stale_after_seconds * 1000 }
}
