import type { ClusterRecord } from '../cluster/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { Logger } from '../telemetry/index.ts'

/**
 * Says in the log when a cluster or hub can not be read as it should, with what to do, and when it is well again: who starts virtbridge looks
 * there first. Each change once, a heartbeat never. Returns what ends it.
 */
export function warnOfClusters(fleet: Pick<FleetView, 'subscribe'>, logger: Logger): () => void {
  // At most one entry for each cluster that is in trouble.
  const told = new Map<string, string>()
  return fleet.subscribe(change => {
    if (change.kind !== 'cluster') return
    const { name, after } = change
    const trouble = after !== null && isTrouble(after) ? after : null
    if ((trouble?.reason ?? '') === (told.get(name) ?? '')) return
    if (trouble === null) {
      told.delete(name)
      if (after?.status === 'synced') logger.info({ cluster: name }, 'a cluster is read again')
      return
    }
    told.set(name, trouble.reason)
    const { status, reason, hint } = trouble
    logger.warn({ cluster: name, status, reason, hint }, 'a cluster is not read')
  })
}

/** One that was not looked at yet has nothing to do about, and one that was left out is told of by who leaves it out. Pure. */
function isTrouble({ status, hint, no_kubevirt_since: since = 0 }: ClusterRecord): boolean {
  return status !== 'synced' && status !== 'out_of_scope' && since === 0 && hint !== ''
}
