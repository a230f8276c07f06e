import { type Entry, type EventLog, isState, LogError } from '../log/index.ts'

/**
 * Makes groups of entries durable, each the events of one thing and the record that they lead to, in one append.
 *
 * A record that can never be stored must not take the others with it, nor end the watch again at each start: then each group goes alone,
 * and of the one that is refused only the events. Its record stays as it was stored, so its facts are found again, with the same ids,
 * after a restart. Rejects when the log is lost.
 */
export async function keep(log: EventLog, groups: readonly (readonly Entry[])[]): Promise<void> {
  if (await append(log, groups.flat())) return
  for (const group of groups) {
    if (groups.length > 1 && (await append(log, group))) continue
    await append(
      log,
      group.filter(({ stream }) => !isState(stream)),
    )
  }
}

/** Entries of many things as groups of those of one key. */
export function groupsOf(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  return [...Map.groupBy(entries, ({ key }) => key).values()]
}

/** False when it was refused. */
async function append(log: EventLog, entries: readonly Entry[]): Promise<boolean> {
  if (entries.length === 0) return true
  try {
    await log.append(entries)
    return true
  } catch (error) {
    if (error instanceof LogError && error.reaction === 'refused') return false
    throw error
  }
}
