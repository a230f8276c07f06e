import { isCluster, notReadYet } from '../../cluster/index.ts'
import { baselineEntry, confirmedEvent, type ConfirmLossCommand, lossEvent } from '../../day2/index.ts'
import type { Check } from '../../http/index.ts'
import { type Entry, type EventLog, type Loss, START } from '../../log/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { RoleParts } from '../role.ts'

/** Key of `state.runs` that says which loss of a stream was told last. */
const TOLD = 'loss/'

/**
 * Handles records that the log lost (see `Loss`), at the start and before any role reads it. Each loss is logged and told as an event once.
 * After a loss of the fleet every cluster is adopted anew; after a loss of the ledger nothing is launched until a person confirms it.
 */
export async function meetLosses(log: EventLog, logger: Logger): Promise<void> {
  const losses = log.losses()
  for (const { stream, reason } of losses) logger.error({ stream, hint: meaningOf(stream) }, reason)
  if (losses.length === 0) return
  await tell(log, losses)
  await adoptAnew(log)
}

/** Appends the event of each loss that was not told yet, together with the record that it was told and, for the ledger, the baseline that forbids launches. */
async function tell(log: EventLog, losses: readonly Loss[]): Promise<void> {
  const told = new Set<string>()
  for await (const { key, value } of log.latest('state.runs'))
    if (key.startsWith(TOLD) && value !== null && 'id' in value) told.add(String(value.id))
  for (const loss of losses) {
    if (told.has(loss.id)) continue
    await log.append([
      { stream: 'events.day2', key: loss.stream, value: lossEvent(loss) },
      ...(loss.stream === 'state.runs' ? [baselineEntry(loss)] : []),
      { stream: 'state.runs', key: `${TOLD}${loss.stream}`, value: { schema: 1, kind: 'loss', id: loss.id } },
    ])
  }
}

/**
 * After a loss of the fleet marks every cluster as not adopted, also one whose own record survived: some of its VMs may be gone from the
 * log, and would be onboarded as new. Clusters that were adopted after the loss are left alone, so a second start changes nothing.
 */
async function adoptAnew(log: EventLog): Promise<void> {
  const loss = log.losses().find(({ stream }) => stream === 'state.fleet')
  if (loss === undefined) return
  const entries: Entry[] = []
  for await (const { stream, key, value } of log.latest('state.fleet')) {
    if (value === null || !isCluster(value) || value.kind !== 'cluster') continue
    if (value.adopted_at === 0 || value.adopted_at > loss.at) continue
    const away = value.status === 'out_of_scope' ? value : notReadYet(value)
    entries.push({ stream, key, value: { ...away, adopted_at: 0 } })
  }
  if (entries.length > 0) await log.append(entries)
}

/** For `/readyz`: a failed check for each loss that nobody has confirmed. */
export function lossChecks(log: EventLog): readonly Check[] {
  return log.losses().map(({ stream, reason }) => {
    return { name: `records of ${stream}`, ok: false, reason, hint: meaningOf(stream) }
  })
}

/** What the loss of a stream means and the command that confirms it, in one sentence for people. */
export function meaningOf(stream: Loss['stream']): string {
  return `${MEANINGS[stream] ?? 'nothing is launched twice or forgotten by it; consumers may have missed events'}: virtbridge loss confirm ${stream}`
}

const MEANINGS: Readonly<Partial<Record<Loss['stream'], string>>> = {
  'state.fleet':
    'every cluster is read anew, its VMs are told as discovered, and none of them starts anything; when you have seen it',
  'state.runs': 'nothing is launched until you have looked at the controller for jobs that still run, and say so',
  commands: 'what was asked for and not taken in is forgotten, ask again; when you have seen it',
}

/** Confirms losses as people's commands say, until none is left or the signal aborts. Losses are found when a log is opened, so none can come later. */
export async function followLossConfirmations(parts: RoleParts): Promise<void> {
  const { log, signal, logger, now } = parts
  if (log.losses().length === 0) return
  for await (const entry of log.follow('commands', START, signal)) {
    const command = entry.value as ConfirmLossCommand | { readonly kind: 'run' | 'confirm' }
    if (command.kind !== 'confirm_loss') continue
    const loss = log.losses().find(({ id }) => id === command.loss)
    if (loss === undefined) continue
    await log.append([
      { stream: 'events.day2', key: loss.stream, value: confirmedEvent(loss, command.asked_by, now()) },
    ])
    await log.confirmLoss(loss.id)
    logger.warn({ stream: loss.stream, by: command.asked_by }, 'a loss of records was confirmed')
    if (log.losses().length === 0) return
  }
}
