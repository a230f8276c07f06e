import type { ClusterRecord } from '../cluster/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { EventLog } from '../log/index.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly reason: string
  readonly hint: string
}

/** `ready`: all is well. `degraded`: it works, but not for all. `not_ready`: it can not do its work. */
export interface Health {
  readonly status: 'ready' | 'degraded' | 'not_ready'
  readonly checks: readonly Check[]
}

const WAIT = 'wait a moment: nothing was found wrong with it yet'

/** What works and what does not, each in one line. Only a log that can not be written or read makes it not ready: one cluster's trouble is not the fleet's. */
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
    // One that can not even be tried is told by who tried.
    if (parts.extra.some(check => check.name.startsWith(`cluster ${name} (`))) continue
    checks.push(checkOf(name, parts.fleet.clusters.get(name)))
  }
  checks.push(...parts.extra)
  const status = !log.writable || !log.readable ? 'not_ready' : checks.every(check => check.ok) ? 'ready' : 'degraded'
  return { status, checks }
}

/**
 * How a cluster stands. Why one is out of scope, or has no KubeVirt, is told too, but it is no trouble: nothing of it is missed. Nor is a
 * burst of deletions: it works on, and a person must look at it.
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
