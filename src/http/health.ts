import type { ClusterRecord } from '../cluster/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { EventLog } from '../log/index.ts'

/** One line of `/readyz`. `reason` and `hint`, the next step, are empty when there is nothing to say. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly reason: string
  readonly hint: string
}

/** `ready`: every check passes. `degraded`: virtbridge works, but some check fails. `not_ready`: the log can not be written or read, so nothing works. */
export interface Health {
  readonly status: 'ready' | 'degraded' | 'not_ready'
  readonly checks: readonly Check[]
}

const WAIT = 'wait a moment: nothing was found wrong with it yet'

/** The answer of `/readyz`: the log, every cluster by name, and the `extra` checks of the roles. Only the log makes it `not_ready`, as one broken cluster must not take the others down. */
export function healthOf(parts: {
  log: EventLog
  fleet: FleetView
  expected: readonly string[]
  extra: readonly Check[]
}): Health {
  const log = parts.log.health()
  const checks: Check[] = [
    {
      name: 'log',
      ok: log.writable && log.readable,
      reason: log.reason || (log.notice ?? ''),
      hint: log.hint,
    },
  ]
  const names = new Set([...parts.expected, ...parts.fleet.clusters.keys()])
  for (const name of [...names].sort()) {
    // A cluster that could not be started has a check of the watch role, which says more.
    if (parts.extra.some(check => check.name.startsWith(`cluster ${name} (`))) continue
    checks.push(checkOf(name, parts.fleet.clusters.get(name)))
  }
  checks.push(...parts.extra)
  const status = !log.writable || !log.readable ? 'not_ready' : checks.every(check => check.ok) ? 'ready' : 'degraded'
  return { status, checks }
}

/**
 * The check of one cluster. It passes when the cluster is synced. It passes too, with a reason, when the cluster is out of scope or has no
 * KubeVirt, as nothing of it is missed, and while a burst of deletions waits for a person, as the watch goes on.
 */
function checkOf(name: string, cluster: ClusterRecord | undefined): Check {
  if (cluster === undefined) return { name: `cluster ${name}`, ok: false, reason: 'not read yet', hint: WAIT }
  const { status, reason, hint, burst = null, no_kubevirt_since = 0 } = cluster
  if (status === 'synced' && burst !== null) {
    const waits = `${burst.count} deletions of a burst wait for a person`
    return { name: `cluster ${name}`, ok: true, reason: waits, hint: `virtbridge confirm-deletions ${name}` }
  }
  const ok = status === 'synced' || status === 'out_of_scope' || no_kubevirt_since > 0
  return { name: `cluster ${name}`, ok, reason, hint: ok ? '' : hint || WAIT }
}
