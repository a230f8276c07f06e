import { flagColumn, numberColumn, textColumn } from './filter.ts'
import { nextId } from './store.ts'
import type { Columns } from './filter.ts'
import type { HostResult, HostSummary, Job } from './job-records.ts'
import type { Call } from './route.ts'
import type { Store } from './store.ts'

/** Ansible's recap of one host for each outcome: what the demo's plays of four tasks would leave. */
const COUNTS = {
  ok: { ok: 3, changed: 0, failures: 0, dark: 0, skipped: 1 },
  changed: { ok: 3, changed: 1, failures: 0, dark: 0, skipped: 1 },
  failed: { ok: 2, changed: 1, failures: 1, dark: 0, skipped: 0 },
  unreachable: { ok: 0, changed: 0, failures: 0, dark: 1, skipped: 0 },
} as const

/** Writes the summaries of a job whose events are in, and each host's memory of its last job. */
export function addSummaries(store: Store, job: Job, results: readonly HostResult[], now: number): void {
  for (const { host: id, host_name, outcome } of results) {
    const counts = COUNTS[outcome]
    const summary = store.summaries.add({
      id: nextId(store, 'summary'),
      job: job.id,
      host: id,
      host_name,
      ...counts,
      processed: 1,
      failed: counts.failures + counts.dark > 0,
      created: now,
    })
    const host = store.hosts.get(id)
    if (host === undefined) continue
    host.last_job = job.id
    host.last_job_host_summary = summary.id
  }
}

/** Hosts by their worst state; null until the events are in, and for ever when the job left no recap. */
export function hostStatusCounts(job: Job): { [state: string]: number } | null {
  const results = job.event_processing_finished ? (job.run?.results ?? []) : []
  if (results.length === 0) return null
  const names = { ok: 'ok', changed: 'changed', failed: 'failures', unreachable: 'dark' } as const
  const counts: { [state: string]: number } = {}
  for (const { outcome } of results) counts[names[outcome]] = (counts[names[outcome]] ?? 0) + 1
  return counts
}

export const summaryColumns: Columns<HostSummary> = {
  id: numberColumn(row => row.id),
  host: numberColumn(row => row.host),
  host_name: textColumn(row => row.host_name),
  failed: flagColumn(row => row.failed),
  ok: numberColumn(row => row.ok),
  changed: numberColumn(row => row.changed),
  dark: numberColumn(row => row.dark),
  failures: numberColumn(row => row.failures),
}

/** A summary outlives its host: then `host` is null and the name remains. */
export function renderSummary(call: Call, summary: HostSummary, job: unknown, created: string | null): unknown {
  const { base, store } = call
  const host = store.hosts.get(summary.host)
  return {
    id: summary.id,
    type: 'job_host_summary',
    url: `${base}job_host_summaries/${summary.id}/`,
    related: {
      job: `${base}jobs/${summary.job}/`,
      ...(host === undefined ? {} : { host: `${base}hosts/${host.id}/` }),
    },
    summary_fields: {
      ...(host === undefined ? {} : { host: { id: host.id, name: host.name, description: host.description } }),
      job,
    },
    created,
    modified: created,
    job: summary.job,
    host: host?.id ?? null,
    constructed_host: null,
    host_name: summary.host_name,
    changed: summary.changed,
    dark: summary.dark,
    failures: summary.failures,
    ok: summary.ok,
    processed: summary.processed,
    skipped: summary.skipped,
    failed: summary.failed,
    ignored: 0,
    rescued: 0,
  }
}
