import { Ledger, newRun, type Run } from '../../src/day2/index.ts'
import { KEPT_RUNS } from '../../src/day2/ledger.ts'
import { finished } from '../../src/day2/record.ts'
import type { EventLog } from '../../src/log/index.ts'

/** VMs that all of it was done to. */
const VMS = 10_000
/** Of each run: so that the runs that are kept and the results that are kept of them reach both of their bounds. */
const HOSTS = 100

/** Runs with their results that retention leaves in the ledger: so many of ours, and so many of others. */
export const KEPT = { runs: 2 * KEPT_RUNS, results: 2 * KEPT_RUNS * HOSTS }

/**
 * Ends runs in a log, as a dispatcher does, which tell of the results of hosts from the `from`-th on, until there are `to` of `all`: all
 * of them as events, and on the ledger what retention leaves there in the end.
 */
export async function fillLedger(log: EventLog, from: number, to: number, all: number): Promise<void> {
  const nobody = new Ledger()
  for (let number = from / HOSTS; number < to / HOSTS; number += 1) {
    const run = runOf(number, number % 2 === 1)
    const outcomes = new Map(
      run.hosts.map(({ host }) => [host, { outcome: 'ok', detail: '12 ok, 1 changed' } as const]),
    )
    const { entries } = finished(run, outcomes, '', { ledger: nobody, now: run.created_at })
    const isKept = number >= all / HOSTS - KEPT.runs
    await log.append(entries.filter(({ stream, key }) => isKept || stream === 'events.day2' || key.startsWith('vm/')))
  }
}

/** A run of two weeks' work on the whole fleet, a minute after the one before. */
function runOf(number: number, isOthers: boolean): Run {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const hosts = Array.from({ length: HOSTS }, (_, index) => {
    const vm = (number * HOSTS + index) % VMS
    return { host: `vm-${vm}.shop.prod-1`, key: `prod-1/shop/vm-${vm}`, uid: `uid-${vm}`, address: `10.1.${vm >> 8}.1` }
  })
  const wish = { id, verb: 'patch', template: 'Day2 | Patch', askedBy: 'ops', reason: 'monthly', hosts }
  const run = {
    ...newRun(wish, Date.now() - 864_000_000 + number * 60_000),
    job: { id: number + 1, url: '/api/v2/jobs/1/' },
  }
  const external = { by: 'alice', launch_type: 'manual', limit: 'web', whole: false, copy_of: '' }
  return isOthers ? { ...run, schema: 2, external } : run
}
