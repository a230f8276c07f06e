import { flagColumn, numberColumn, textColumn } from './filter.ts'
import { isoTime } from './route.ts'
import type { Columns } from './filter.ts'
import type { HostResult, Job } from './job-records.ts'
import type { Call } from './route.ts'

/** One event of a job: the play's start and recap, and one for each host that says how it went. */
export type JobEvent = {
  id: number
  counter: number
  event: string
  event_display: string
  failed: boolean
  changed: boolean
  host: number | null
  host_name: string
  task: string
  event_data: { [key: string]: unknown }
  stdout: string
}

const OF_OUTCOME = {
  ok: { event: 'runner_on_ok', event_display: 'Host OK', failed: false, changed: false },
  changed: { event: 'runner_on_ok', event_display: 'Host OK', failed: false, changed: true },
  failed: { event: 'runner_on_failed', event_display: 'Host Failed', failed: true, changed: false },
  unreachable: { event: 'runner_on_unreachable', event_display: 'Host Unreachable', failed: true, changed: false },
} as const

/**
 * The events of a job, made from its results whenever they are asked for: all of them once the controller has taken them in; while it
 * runs those of hosts where it is done.
 */
export function jobEvents(job: Job, now = 0): JobEvent[] {
  const all = [...(job.run?.results ?? [])].sort((a, b) => (a.at ?? 0) - (b.at ?? 0))
  const over = job.event_processing_finished
  const results = over ? all : job.status === 'running' ? all.filter(({ at }) => at !== undefined && at <= now) : []
  if (all.length === 0 || (!over && job.status !== 'running')) return []
  const play = { playbook: job.playbook, play: 'all', play_pattern: 'all', pattern: 'all', name: 'all' }
  return [
    { ...PLAIN, event: 'playbook_on_start', event_display: 'Playbook Started', event_data: { playbook: job.playbook } },
    { ...PLAIN, event: 'playbook_on_play_start', event_display: 'Play Started (all)', event_data: play },
    ...results.map(result => hostEvent(job, result)),
    ...(over ? [recap(job, results)] : []),
    // Ids are the job's own: no two jobs share one, and none is ever used again.
  ].map((event, index) => ({ ...event, id: job.id * 100_000 + index + 1, counter: index + 1 }))
}

const PLAIN = { failed: false, changed: false, host: null, host_name: '', task: '', stdout: '' }

function recap(job: Job, results: readonly HostResult[]): Omit<JobEvent, 'id' | 'counter'> {
  const changed = results.some(({ outcome }) => outcome === 'changed')
  const event_data = stats(job, results)
  return { ...PLAIN, event: 'playbook_on_stats', event_display: 'Playbook Complete', changed, event_data }
}

function hostEvent(job: Job, { host, host_name, outcome, message }: HostResult): Omit<JobEvent, 'id' | 'counter'> {
  const shape = OF_OUTCOME[outcome]
  const res = {
    changed: shape.changed,
    ...(message === '' ? {} : { msg: message }),
    ...(outcome === 'unreachable' ? { unreachable: true } : {}),
  }
  const task = outcome === 'unreachable' ? 'Gathering Facts' : job.name
  return {
    ...shape,
    host,
    host_name,
    task,
    event_data: {
      playbook: job.playbook,
      play: 'all',
      play_pattern: 'all',
      task,
      host: host_name,
      remote_addr: host_name,
      res,
    },
    stdout: shape.failed
      ? `fatal: [${host_name}]: ${shape.event_display}! => ${JSON.stringify(res)}`
      : `ok: [${host_name}]`,
  }
}

function stats(job: Job, results: readonly HostResult[]): { [key: string]: unknown } {
  const count = (...outcomes: HostResult['outcome'][]): { [host: string]: number } =>
    Object.fromEntries(
      results.filter(({ outcome }) => outcomes.includes(outcome)).map(({ host_name }) => [host_name, 1]),
    )
  return {
    playbook: job.playbook,
    ok: count('ok', 'changed', 'failed'),
    changed: count('changed'),
    failures: count('failed'),
    dark: count('unreachable'),
    processed: count('ok', 'changed', 'failed', 'unreachable'),
    skipped: {},
    ignored: {},
    rescued: {},
    artifact_data: job.run?.artifacts ?? {},
  }
}

export const eventColumns: Columns<JobEvent> = {
  id: numberColumn(row => row.id),
  counter: numberColumn(row => row.counter),
  event: textColumn(row => row.event),
  host: numberColumn(row => row.host),
  host_name: textColumn(row => row.host_name),
  failed: flagColumn(row => row.failed),
  changed: flagColumn(row => row.changed),
  task: textColumn(row => row.task),
}

export function renderEvent({ base, store }: Call, job: Job, event: JobEvent, jobSummary: unknown): unknown {
  const url = `${base}job_events/${event.id}/`
  const host = store.hosts.get(event.host)
  const at = isoTime(job.finished)
  return {
    id: event.id,
    type: 'job_event',
    url,
    related: {
      job: `${base}jobs/${job.id}/`,
      children: `${url}children/`,
      ...(host === undefined ? {} : { host: `${base}hosts/${host.id}/` }),
    },
    summary_fields: {
      ...(host === undefined ? {} : { host: { id: host.id, name: host.name, description: host.description } }),
      job: jobSummary,
      role: {},
    },
    created: at,
    modified: at,
    job: job.id,
    event: event.event,
    counter: event.counter,
    event_display: event.event_display,
    event_data: event.event_data,
    event_level: event.host_name === '' ? 1 : 3,
    failed: event.failed,
    changed: event.changed,
    uuid: `00000000-0000-4000-8000-${String(event.id).padStart(12, '0')}`,
    parent_uuid: '',
    host: host?.id ?? null,
    host_name: event.host_name,
    playbook: job.playbook,
    play: event.counter === 1 ? '' : 'all',
    task: event.task,
    role: '',
    stdout: event.stdout,
    start_line: event.counter,
    end_line: event.counter + 1,
    verbosity: 0,
  }
}
