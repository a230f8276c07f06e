import { mayCancelJob, mayReadJob } from './access.ts'
import { flagColumn, numberColumn, textColumn, timeColumn } from './filter.ts'
import { renderSummary, summaryColumns } from './host-summary.ts'
import { renderJob } from './job-view.ts'
import { jobEvents, eventColumns, renderEvent } from './job-event.ts'
import { listUpdates } from './inventory-update.ts'
import { listReply } from './page.ts'
import { elapsedOf, isUnfinished } from './records.ts'
import { byId, forbidden, isoTime, noMatch, notAllowed, ok } from './route.ts'
import { sendText } from './stdout.ts'
import { readableTemplate } from './template.ts'
import type { Columns } from './filter.ts'
import type { Job } from './job-records.ts'
import type { Call, Reply, Route } from './route.ts'
import type { Store } from './store.ts'

const LIST = 'GET, HEAD, OPTIONS'

export const jobRoutes: readonly Route[] = [
  { path: 'jobs/', allow: LIST, get: call => listJobs(call, readableJobs(call), 'Job') },
  { path: 'unified_jobs/', allow: LIST, get: getUnifiedJobs },
  { path: 'job_templates/:id/jobs/', allow: LIST, get: getJobsOfTemplate },
  {
    path: 'jobs/:id/',
    allow: 'GET, DELETE, HEAD, OPTIONS',
    get: call => ok(renderJob(call, readableJob(call), 'detail')),
  },
  { path: 'jobs/:id/cancel/', allow: 'GET, POST, HEAD, OPTIONS', get: getCancel, post: postCancel },
  { path: 'jobs/:id/job_host_summaries/', allow: LIST, get: getSummaries },
  { path: 'jobs/:id/job_events/', allow: LIST, get: getEvents },
  { path: 'jobs/:id/stdout/', allow: LIST, get: getStdout },
]

/** The job that the path names: 404 when it is not there, 403 when it is but may not be read. */
export function readableJob(call: Call): Job {
  const job = byId(call, call.store.jobs, 'Job')
  if (job.type !== 'job') throw noMatch('Job')
  if (!mayReadJob(call.store, call.user, job)) throw forbidden()
  return job
}

function readableJobs({ store, user }: Call): Job[] {
  return store.jobs.filter(job => job.type === 'job' && mayReadJob(store, user, job))
}

/** Jobs, or inventory updates when the query asks for them by type. The product mixes them in one list; the simulator does not. */
function getUnifiedJobs(call: Call): Reply {
  if (call.query.get('type') === 'inventory_update') return listUpdates(call, call.store.updates.all())
  return listJobs(call, readableJobs(call), 'UnifiedJob')
}

function getJobsOfTemplate(call: Call): Reply {
  const { id } = readableTemplate(call)
  return listJobs(
    call,
    readableJobs(call).filter(job => job.job_template === id),
    'Job',
  )
}

function listJobs(call: Call, rows: Job[], model: string): Reply {
  return listReply(call, { model, rows, columns: jobColumns(call.store), render: job => renderJob(call, job, 'list') })
}

/** What jobs are found by. `limit` is not among the plain names that work: see the reserved names in filter.ts. */
export function jobColumns(store: Store): Columns<Job> {
  return {
    id: numberColumn(row => row.id),
    name: textColumn(row => row.name),
    status: textColumn(row => row.status),
    failed: flagColumn(row => row.failed),
    launch_type: textColumn(row => row.launch_type),
    skip_tags: textColumn(row => row.skip_tags),
    job_tags: textColumn(row => row.job_tags),
    job_type: textColumn(row => row.job_type),
    limit: textColumn(row => row.limit),
    playbook: textColumn(row => row.playbook),
    inventory: numberColumn(row => row.inventory),
    inventory__name: textColumn(row => store.inventories.get(row.inventory)?.name),
    project: numberColumn(row => row.project),
    organization: numberColumn(row => row.organization),
    job_template: numberColumn(row => row.job_template),
    job_template__name: textColumn(row => store.templates.get(row.job_template)?.name),
    unified_job_template: numberColumn(row => row.job_template),
    unified_job_template__name: textColumn(row => store.templates.get(row.job_template)?.name),
    created_by: numberColumn(row => row.created_by),
    created_by__username: textColumn(row => store.users.get(row.created_by)?.username),
    labels: { type: 'number', values: row => row.labels },
    labels__name: { type: 'text', values: row => row.labels.map(id => store.labels.get(id)?.name ?? null) },
    created: timeColumn(row => row.created),
    modified: timeColumn(row => row.modified),
    started: timeColumn(row => row.started),
    finished: timeColumn(row => row.finished),
    webhook_guid: textColumn(() => ''),
  }
}

function getCancel(call: Call): Reply {
  return ok({ can_cancel: isUnfinished(readableJob(call)) })
}

/** 202 without a body. The scheduler ends the job: a pending one at once, a running one a little later. */
function postCancel(call: Call): Reply {
  const job = readableJob(call)
  if (!mayCancelJob(call.store, call.user, job)) throw forbidden()
  cancel(call, job)
  return { status: 202 }
}

/** Asks for the end of a job; 405 when it has ended. */
export function cancel(call: Call, job: Job): void {
  if (!isUnfinished(job)) throw notAllowed('POST')
  job.cancel_at ??= call.now
  call.tell({
    kind: 'job_cancel_requested',
    job: job.id,
    text: `cancelling job ${job.id} was asked for by ${call.user.username}`,
  })
}

/** A job inside its summaries and events. */
function jobSummary(call: Call, job: Job): unknown {
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    status: job.status,
    failed: job.failed,
    elapsed: elapsedOf(job, call.now),
    type: 'job',
    job_template_id: job.job_template,
    job_template_name: job.name,
  }
}

/** Newest first. Empty until the job's events are in. */
function getSummaries(call: Call): Reply {
  const job = readableJob(call)
  return listReply(call, {
    model: 'JobHostSummary',
    rows: call.store.summaries.filter(summary => summary.job === job.id).reverse(),
    columns: summaryColumns,
    render: summary => renderSummary(call, summary, jobSummary(call, job), isoTime(summary.created)),
  })
}

function getEvents(call: Call): Reply {
  const job = readableJob(call)
  const reply = listReply(call, {
    model: 'JobEvent',
    rows: jobEvents(job, call.now),
    columns: eventColumns,
    render: event => renderEvent(call, job, event, jobSummary(call, job)),
  })
  return { ...reply, headers: { 'X-UI-Max-Events': '4000' } }
}

function getStdout(call: Call): Reply {
  const job = readableJob(call)
  return sendText(call, isUnfinished(job) ? '' : (job.run?.stdout ?? ''))
}
