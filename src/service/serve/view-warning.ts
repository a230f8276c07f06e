import type { InventoryOptions } from '../../inventory/index.ts'
import type { Logger, Metrics } from '../../telemetry/index.ts'
import type { OnFailure } from '../views.ts'

/** How many hosts of one view are warned of by name, a line each; the rest is only counted. */
const MAX_NAMED_HOSTS = 20

/** How many groups of one view that different values make are warned of, a line each. */
const MAX_NAMED_GROUPS = 20

/** The callbacks by which views report that they can not show what was asked for: log lines, of which repetitions are left out, and metrics. */
export function viewWarnings(
  logger: Logger,
  metrics: Metrics,
): Required<Pick<InventoryOptions, 'warnOfGroups' | 'warnOfMerged' | 'warnOfName'>> & {
  readonly onFailure: OnFailure
} {
  const named = new Map<string, number>()
  const merged = new Map<string, number>()
  return {
    warnOfGroups: (view, source, most) =>
      logger.warn(
        { view, label: source, most },
        'a label, an expression or what guests tell makes more groups than it may: hosts with further values are without',
      ),
    warnOfMerged: (view, group, because) => {
      const count = (merged.get(view) ?? 0) + 1
      merged.set(view, count)
      if (count <= MAX_NAMED_GROUPS)
        logger.warn(
          { view, group, because: because.slice(0, MAX_NAMED_GROUPS) },
          'different values make one group, as its name has other characters than they: a job on it has the hosts of all',
        )
      if (count === MAX_NAMED_GROUPS + 1)
        logger.warn({ view }, 'more groups of this view are made by different values; ?why=HOST tells of each')
    },
    warnOfName: (view, host, because) => {
      const count = (named.get(view) ?? 0) + 1
      named.set(view, count)
      if (count <= MAX_NAMED_HOSTS)
        logger.warn(
          { view, host, because },
          'a host is shown by its usual name, as it can not have the one that its view asks for',
        )
      if (count === MAX_NAMED_HOSTS + 1)
        logger.warn({ view }, 'more hosts of this view are shown by their usual names; ?why=HOST tells of each')
    },
    onFailure: expression => metrics.expressionFailures.inc({ expression }),
  }
}
