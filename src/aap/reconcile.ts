import type { Followed, Job } from './job.ts'
import type { HostSummary } from './summary.ts'

/** What became of one host that a job was asked to run on. */
export interface HostOutcome {
  readonly outcome: 'ok' | 'failed' | 'unreachable' | 'missing' | 'unknown'
  /** True when a task changed something there; false says only that none is known to have. */
  readonly changed: boolean
  readonly detail: string
}

/**
 * One outcome for every host that was asked for, and for no other: a job's success is not a host's success. Pure.
 *
 * job                                  | the host's summary          | outcome
 * vanished, forbidden, not ended       | any                         | unknown
 * canceled, error, timed out           | any                         | unknown: it was stopped in the middle
 * successful, failed                   | failures > 0 or failed      | failed
 * successful, failed                   | dark > 0                    | unreachable
 * successful, failed                   | some task ran or was skipped| ok
 * successful, failed                   | no task at all              | unknown
 * successful, failed: results not in   | none                        | unknown: it may still come
 * successful                           | none                        | missing: the limit named a host that is not there
 * failed, other hosts have a summary   | none                        | missing
 * failed, nobody has a summary         | none                        | unknown: it ended before or while it ran
 */
export function reconcile(
  asked: readonly string[],
  job: Followed,
  summaries: readonly HostSummary[],
): Map<string, HostOutcome> {
  const stopped = interruption(job)
  const byHost = new Map<string, HostSummary>()
  for (const summary of summaries) byHost.set(summary.host, worse(byHost.get(summary.host), summary))
  return new Map(asked.map(host => [host, stopped ?? outcomeOf(byHost.get(host), job as Job, summaries.length > 0)]))
}

/** Hosts that the job ran on and nobody asked for: the limit was not kept. Pure. */
export function strangers(asked: readonly string[], summaries: readonly HostSummary[]): string[] {
  const known = new Set(asked)
  return [...new Set(summaries.map(summary => summary.host))].filter(host => !known.has(host))
}

function interruption(job: Followed): HostOutcome | null {
  if (job === 'vanished') return unknown('the controller no longer has the job')
  if (job === 'forbidden') return unknown('the controller does not let this account read the job')
  const because = job.explanation === '' ? '' : `: ${job.explanation}`
  if (!job.ended) return unknown(`the job is ${job.status}${because}`)
  if (job.status === 'canceled') return unknown(`the job was cancelled${because}`)
  if (job.status === 'error') return unknown(`the controller could not run the job${because}`)
  // A time-out has no status of its own.
  return /timeout|timed out/i.test(job.explanation) ? unknown(`the job timed out${because}`) : null
}

function outcomeOf(summary: HostSummary | undefined, job: Job, othersRan: boolean): HostOutcome {
  if (summary !== undefined) return summaryOutcome(summary)
  const because = job.explanation === '' ? '' : `: ${job.explanation}`
  if (!job.finished) return unknown(`the results of the job are not all in${because}`)
  if (job.status === 'successful' || othersRan) {
    return {
      outcome: 'missing',
      changed: false,
      detail: 'the job did not run on this host; the controller’s inventory may not have it',
    }
  }
  return unknown(`the job failed before it had results for any host${because}`)
}

function summaryOutcome(summary: HostSummary): HostOutcome {
  const changed = summary.changed > 0
  const counts = `${summary.ok} ok, ${summary.changed} changed, ${summary.skipped} skipped`
  if (summary.failures > 0) return { outcome: 'failed', changed, detail: `${summary.failures} failed, ${counts}` }
  if (summary.dark > 0) return { outcome: 'unreachable', changed, detail: `unreachable, ${counts}` }
  if (summary.failed) return { outcome: 'failed', changed, detail: `failed, ${counts}` }
  const done = summary.ok + summary.changed + summary.skipped + summary.rescued + summary.ignored
  return done === 0 ? unknown('no task ran on this host') : { outcome: 'ok', changed, detail: counts }
}

/** A host may stand in several summaries of one job (constructed inventories); the worst speaks for it. */
function worse(one: HostSummary | undefined, other: HostSummary): HostSummary {
  return one === undefined || badness(other) > badness(one) ? other : one
}

function badness(summary: HostSummary): number {
  return summary.failures > 0 ? 3 : summary.dark > 0 ? 2 : summary.failed ? 1 : 0
}

function unknown(detail: string): HostOutcome {
  return { outcome: 'unknown', changed: false, detail }
}
