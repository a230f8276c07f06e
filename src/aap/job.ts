import { isRecord, type Answer } from './answer.ts'
import { ControllerError } from './error.ts'
import { carries } from './marker.ts'
import { query, rows, PAGE_SIZE } from './page.ts'
import type { Session } from './session.ts'
import { ENDED } from './update.ts'

/** The variable by which a play runs without a run of virtbridge (playbooks/roles/guard). */
const BREAK_GLASS = 'virtbridge_break_glass_reason'
/** Rulebooks name the event that they launch for, where virtbridge names its run. */
const RUN = 'virtbridge_run_id'
const OF_EVENT = 'eda-'

/** Enough to find a job again after a restart. */
export interface JobRef {
  readonly id: number
  /** `workflow_job` is what a sliced template starts; virtbridge follows none, it cancels it. */
  readonly type: 'job' | 'workflow_job'
  /** As the controller returned it; ends with a slash. */
  readonly url: string
}

export interface Job extends JobRef {
  readonly name: string
  /** new, pending, waiting, running, successful, failed, error or canceled; a newer controller may know more. May go back from running to pending. */
  readonly status: string
  /** The status is one of the last four. */
  readonly ended: boolean
  /** All results are in, which is about a second later (and on a sick controller never: bound the wait by `ended`). */
  readonly finished: boolean
  /** Why it waits, or why it ended; often empty. */
  readonly explanation: string
  readonly limit: string
  readonly skipTags: string
  readonly inventory: number | null
  readonly template: number | null
  /** `manual` through the API too; `relaunch`, `scheduled`, `workflow`, … */
  readonly launchType: string
  /** Who launched it; empty when the controller does not say. */
  readonly launchedBy: string
  readonly created: string
  readonly started: string
  readonly finishedAt: string
  /** What the play returned by `set_stats`. */
  readonly artifacts: Readonly<Record<string, unknown>>
  /** Why a person ran a play without virtbridge (`virtbridge_break_glass_reason`); left out when that was not said. */
  readonly breakGlass?: string
  /** A rulebook launched it, by the run that it says it is of. A person who relaunches such a job is none. */
  readonly rulebook?: true
  /** It only looks (job type Check). */
  readonly check?: true
}

/**
 * What the controller says of an id that it was asked for: `vanished` (404: cleaned up; its outcome is not known, and it is no reason
 * to launch again) or `forbidden` (it is there, but this account may not read it).
 */
export type Followed = Job | 'vanished' | 'forbidden'

/** Ids of one question; the path stays far below the 8 KB that proxies allow. */
const BATCH = PAGE_SIZE
/** Questions about single jobs that are asked at once. */
const AT_ONCE = 4

/**
 * How far these jobs are, by one question for 200 of them. Lists leave out whether the results are in, so each job that has ended is
 * asked for by itself, and so is each that is missing from the list.
 */
export async function jobs(session: Session, base: string, ids: readonly number[]): Promise<Map<number, Followed>> {
  const found = new Map<number, Followed>()
  const asked = [...new Set(ids)].sort((a, b) => a - b)
  for (let from = 0; from < asked.length; from += BATCH) {
    const batch = asked.slice(from, from + BATCH)
    for (const row of await rows(
      session,
      query(`${base}jobs/`, { id__in: batch.join(','), page_size: PAGE_SIZE, order_by: 'id' }),
    )) {
      found.set(row.integer('id'), jobFrom(row, session))
    }
  }
  const single = asked.filter(id => needsDetail(found.get(id)))
  for (let from = 0; from < single.length; from += AT_ONCE) {
    await Promise.all(
      single.slice(from, from + AT_ONCE).map(async id => {
        found.set(id, await job(session, `${base}jobs/${id}/`))
      }),
    )
  }
  return found
}

/** One job, with everything it says of itself. */
export async function job(session: Session, url: string): Promise<Followed> {
  try {
    return jobFrom(await session.get(url), session)
  } catch (error) {
    if (error instanceof ControllerError && error.kind === 'not_found') return 'vanished'
    if (error instanceof ControllerError && error.kind === 'forbidden') return 'forbidden'
    throw error
  }
}

/** What carries one marker. `original` is null when nothing does, or when only copies are left. */
export interface Marked {
  readonly original: Job | null
  /** Relaunches by a person, and schedules made from the job: they carry the marker too, but nobody here asked for them. */
  readonly copies: readonly Job[]
}

/** The jobs that carry a marker as one of their skip tags. A job just committed may take a second to be seen. */
export async function findByMarker(session: Session, base: string, marker: string): Promise<Marked> {
  const found = await rows(
    session,
    query(`${base}jobs/`, { skip_tags__contains: marker, order_by: 'id', page_size: PAGE_SIZE }),
  )
  return originalOf(
    found.map(row => jobFrom(row, session)),
    marker,
  )
}

/** The launch among jobs with one marker: of those that are not made from another job, the one with the lowest id. Pure. */
export function originalOf(found: readonly Job[], marker: string): Marked {
  const carriers = found.filter(each => carries(each.skipTags, marker)).sort((a, b) => a.id - b.id)
  const original = carriers.find(each => each.launchType === 'manual') ?? null
  return { original, copies: carriers.filter(each => each !== original) }
}

function needsDetail(found: Followed | undefined): boolean {
  return found === undefined || (typeof found === 'object' && found.ended && !found.finished)
}

/** A job out of a list, a detail or the answer of a launch. */
export function jobFrom(row: Answer, session: Session): Job {
  const text = (key: string) => (row.has(key) ? row.string(key) : '')
  const status = row.string('status')
  const artifacts = row.raw('artifacts')
  return {
    id: row.integer('id'),
    type: row.string('type') === 'workflow_job' ? 'workflow_job' : 'job',
    url: row.string('url'),
    name: row.string('name'),
    status,
    ended: ENDED.has(status),
    finished: ENDED.has(status) && row.raw('event_processing_finished') === true,
    explanation: session.clean(text('job_explanation')),
    limit: text('limit'),
    skipTags: text('skip_tags'),
    inventory: row.has('inventory') ? row.integer('inventory') : null,
    template: row.has('job_template') ? row.integer('job_template') : null,
    launchType: row.string('launch_type'),
    launchedBy: session.clean(launcherOf(row)),
    created: text('created'),
    started: text('started'),
    finishedAt: text('finished'),
    artifacts: isRecord(artifacts) ? artifacts : {},
    ...saidBy(row, session),
    ...(row.raw('job_type') === 'check' ? { check: true } : {}),
  }
}

/** What the variables of a job say of who launched it and why. */
function saidBy(row: Answer, session: Session): Pick<Job, 'breakGlass' | 'rulebook'> {
  const variables = variablesOf(row.raw('extra_vars'))
  const text = (name: string): string => (typeof variables[name] === 'string' ? variables[name].trim() : '')
  const reason = text(BREAK_GLASS)
  return {
    ...(reason === '' ? {} : { breakGlass: session.clean(reason) }),
    ...(text(RUN).startsWith(OF_EVENT) && row.string('launch_type') === 'manual' ? { rulebook: true } : {}),
  }
}

/** The variables of a job, which the API has as a text of JSON. Only a text that has ours is read. */
function variablesOf(text: unknown): Readonly<Record<string, unknown>> {
  if (typeof text !== 'string' || !(text.includes(BREAK_GLASS) || text.includes(OF_EVENT))) return {}
  try {
    const variables = JSON.parse(text) as unknown
    return isRecord(variables) ? variables : {}
  } catch {
    return {}
  }
}

function launcherOf(row: Answer): string {
  const name = row.has('launched_by') ? row.answer('launched_by').raw('name') : ''
  return typeof name === 'string' ? name : ''
}
