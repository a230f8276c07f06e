import type { FleetView } from '../fleet/index.ts'
import type { Entry } from '../log/index.ts'
import { vmKey } from '../vm/index.ts'
import { allOut } from './book.ts'
import type { LedgerView } from './ledger.ts'
import { admit, type Policy } from './plan.ts'
import { finished, planned } from './record.ts'
import { newRun, type Run, type RunCommand, type RunHost } from './run.ts'

interface Around {
  readonly fleet: FleetView
  readonly ledger: LedgerView
  readonly policy: Pick<Policy, 'template' | 'driver' | 'os'>
}

/** The run a person asked for, with the hosts that may not be launched on left out; it ends at once when none is left. Pure. */
export function runOf(command: RunCommand, around: Around, now: number): { run: Run; entries: readonly Entry[] } {
  const { fleet, ledger, policy } = around
  const { hosts, refused } = admit(command.hosts, {
    byHost: host => fleet.byHost(host),
    clusters: fleet.clusters,
    ledger,
    os: policy.os,
  })
  const { id, verb, reason } = command
  const wish = { id, verb, template: policy.template, askedBy: command.asked_by, reason, hosts }
  const run: Run = {
    ...newRun(wish, now),
    left_out: [...refused].map(([host, reason]) => ({ ...known(host, fleet), reason })),
  }
  if (policy.driver !== 'bridge')
    return finished(allOut(run, `its driver is ${policy.driver}`), new Map(), '', ledger, now)
  if (hosts.length === 0) return finished(run, new Map(), 'no host could be launched on', ledger, now)
  return { run, entries: planned(run, ledger, now) }
}

function known(host: string, fleet: FleetView): RunHost {
  const record = fleet.byHost(host)
  if (record === undefined) return { host, key: host, uid: '', address: '' }
  return { host, key: vmKey(record), uid: record.uid, address: '' }
}
