import type { CourseEvent } from '../aap/index.ts'
import type { Run } from './run.ts'

/** How far a job that runs is on one host, as far as it was looked at. */
export interface HostProgress {
  readonly host: string
  readonly state: 'waits' | 'runs' | 'failed' | 'unreachable'
  /** Tasks that are done there, skipped ones too, and how many of them changed something. */
  readonly done: number
  readonly changed: number
  /** The last task that is done there. */
  readonly task: string
}

/** How far a run's job is, while somebody watches it. On `state.runs` under `progress/<run>`; gone when it has ended. */
export interface Progress {
  readonly schema: 1
  readonly kind: 'progress'
  readonly run: string
  /** When it was looked at, in ms. */
  readonly at: number
  /** The task that the play is at. */
  readonly task: string
  /** Events of the job up to this counter were looked at. */
  readonly after: number
  readonly hosts: readonly HostProgress[]
}

/** What a task is called, cut to this: 500 hosts are on one record. */
export const MAX_TASK = 80

/** Before anything was looked at. */
export function noProgress(run: Run): Progress {
  const hosts = run.hosts.map(({ host }): HostProgress => ({ host, state: 'waits', done: 0, changed: 0, task: '' }))
  return { schema: 1, kind: 'progress', run: run.id, at: 0, task: '', after: 0, hosts }
}

/** The progress with what the job has told since. Hosts that nobody asked for are left out. Pure. */
export function progressAfter(
  progress: Progress,
  told: { readonly events: readonly CourseEvent[]; readonly after: number },
  now: number,
): Progress {
  const hosts = new Map(progress.hosts.map(host => [host.host, host]))
  let { task } = progress
  for (const event of told.events) {
    if (event.kind === 'task') {
      task = event.task.slice(0, MAX_TASK)
      continue
    }
    const host = hosts.get(event.host)
    if (host !== undefined) hosts.set(event.host, hostAfter(host, event))
  }
  return { ...progress, at: now, task, after: told.after, hosts: [...hosts.values()] }
}

function hostAfter(host: HostProgress, { kind, task, changed }: CourseEvent): HostProgress {
  const over = kind === 'failed' || kind === 'unreachable'
  // What is rescued runs on: a host that does more has not failed for good.
  const state = over ? kind : 'runs'
  const done = host.done + (over ? 0 : 1)
  return { ...host, state, done, changed: host.changed + (changed ? 1 : 0), task: task.slice(0, MAX_TASK) }
}
