import type { KubeError } from '../kube/index.ts'
import type { ClusterRecord } from './record.ts'

/** What is seen of a hub. */
export interface HubSight {
  /** What could not be read, if anything can not. */
  readonly error: KubeError | null
  /** All that decides has been listed, and is watched. */
  readonly seen: boolean
  /** Why it can not be told which clusters are selected although all is seen; empty when it can. */
  readonly unknown: string
}

/**
 * What a hub is; null when nothing changes. Pure. No fact of its clusters follows from it: a hub that can not be read says nothing.
 *
 * | can be read | selection is known | was read as a whole | becomes     |
 * |-------------|--------------------|---------------------|-------------|
 * | no          | any                | never               | joining     |
 * | no          | any                | before              | unavailable |
 * | not yet all | any                | any                 | -           |
 * | yes         | no                 | never               | joining     |
 * | yes         | no                 | before              | unavailable |
 * | yes         | yes                | any                 | synced      |
 */
export function hubStanding(was: ClusterRecord, sight: HubSight, now: number): ClusterRecord | null {
  const away = was.adopted_at === 0 ? 'joining' : 'unavailable'
  if (sight.error !== null) {
    const { message, hint, kind } = sight.error
    return changed(was, { ...was, status: away, reason: message, hint, cause: kind })
  }
  if (!sight.seen) return null
  if (sight.unknown !== '') {
    const hint = 'make it, or mend the name in the configuration; the clusters that were selected stay so meanwhile'
    return changed(was, { ...was, status: away, reason: sight.unknown, hint, cause: 'absent' })
  }
  const adopted_at = was.adopted_at === 0 ? now : was.adopted_at
  return changed(was, { ...was, status: 'synced', reason: '', hint: '', cause: '', heartbeat: now, adopted_at })
}

function changed(was: ClusterRecord, is: ClusterRecord): ClusterRecord | null {
  return was.status === is.status && was.reason === is.reason ? null : is
}
